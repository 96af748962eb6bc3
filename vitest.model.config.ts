import { defineConfig } from 'vitest/config'

/**
 * `npm run test:model`: random sequences of releases, edits and crashes against a model, and merges beside
 * `git merge-file`. SKILLSCTL_RUNS says how many and SKILLSCTL_SEED from where; a seed that fails prints its script.
 */
export default defineConfig({
  test: {
    include: ['test/edits/{model,merge-text}.test.ts'],
    env: {
      SKILLSCTL_RUNS: process.env['SKILLSCTL_RUNS'] ?? '2000',
    },
    testTimeout: 12 * 60 * 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
