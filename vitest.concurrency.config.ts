import { defineConfig } from 'vitest/config'

/** `npm run test:concurrency`: crowds of twenty, and many more seeds. */
export default defineConfig({
  test: {
    include: ['test/concurrency/**/*.test.ts', 'test/crash/together.test.ts'],
    env: { SKILLSCTL_CONCURRENCY: 'all' },
    maxWorkers: 2,
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
  },
})
