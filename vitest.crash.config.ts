import { defineConfig } from 'vitest/config'

/** `npm run test:crash`: a kill before every single operation, every write torn as well, 200 kills at random. */
export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts', 'test/flows/publish.test.ts'],
    env: { SKILLSCTL_CRASH: 'all' },
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
  },
})
