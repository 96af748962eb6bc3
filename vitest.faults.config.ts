import { defineConfig } from 'vitest/config'

/**
 * `npm run test:faults`: everything that can go wrong at every port, thousands of times. SKILLSCTL_RUNS says how often
 * and SKILLSCTL_SEED from where; the disk refuses at every
 * SKILLSCTL_STRIDE-th call. Runs over real connections take longer, so there is one for ten of the others.
 */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.{test,long}.ts'],
    env: {
      SKILLSCTL_RUNS: process.env['SKILLSCTL_RUNS'] ?? '2000',
    },
    testTimeout: 6 * 60 * 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
