import { defineConfig } from 'vitest/config'

/** `npm run test:fuzz`: every parser for ten minutes; one of them with `-- -t manifest`, shorter with SKILLSCTL_FUZZ=60. */
export default defineConfig({
  test: {
    include: ['test/fuzz/fuzz.test.ts'],
    env: { SKILLSCTL_FUZZ: process.env['SKILLSCTL_FUZZ'] ?? '600' },
    disableConsoleIntercept: true,
    testTimeout: 24 * 60 * 60_000,
  },
})
