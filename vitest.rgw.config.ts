import { defineConfig } from 'vitest/config'

/** The tests that also run against a real S3 server; `npm run test:rgw` says which. */
export default defineConfig({
  test: {
    include: [
      'test/store/s3.test.ts',
      'test/support/s3/access.test.ts',
      'test/support/s3/bucket.test.ts',
      'test/support/s3/server.test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
