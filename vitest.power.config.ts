import { defineConfig } from 'vitest/config'

/** `npm run test:power`: power loss after every late kill, every way to sync, every single sync taken out. */
export default defineConfig({
  test: {
    include: ['test/power/**/*.test.ts'],
    env: { SKILLSCTL_CRASH: 'all' },
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
  },
})
