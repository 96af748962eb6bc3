import { defineConfig } from 'vitest/config'

/** `npm run test:agents`: behind the wall of test/agents/run.mjs. One file at a time: some write settings into /etc. */
export default defineConfig({
  test: {
    include: ['test/agents/**/*.long.ts'],
    fileParallelism: false,
    testTimeout: 5 * 60_000,
    hookTimeout: 5 * 60_000,
  },
})
