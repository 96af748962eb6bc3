import { defineConfig } from 'vitest/config'

/** `npm run test:surfaces`: a reader while 200 releases are switched and 300 switches killed; a kill before every operation. */
export default defineConfig({
  test: {
    include: ['test/surfaces/**/*.test.ts', 'test/readers/**/*.test.ts', 'test/crash/surfaces.test.ts'],
    env: { SKILLSCTL_SURFACES: 'all', SKILLSCTL_CRASH: 'all' },
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
  },
})
