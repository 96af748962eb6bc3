import { defineConfig } from 'vitest/config'

/**
 * `npm run test:rgw`: whatever needs no more than a store, against a real S3 server. test/support/rgw/README.md says
 * what stays with our own server or with a directory, and why.
 */
export default defineConfig({
  test: {
    include: [
      'test/store/s3.test.ts',
      'test/support/s3/{access,bucket,server}.test.ts',
      'test/flows/**/*.test.ts',
      'test/attacks/lying-store.test.ts',
      'test/ci/publish.test.ts',
      'test/cli/json.test.ts',
      'test/crash/{pull,random,together}.test.ts',
    ],
    maxWorkers: 3,
    // A hundred reverts in a row are a thousand requests, each of which a real store writes to its journal.
    testTimeout: 10 * 60_000,
    hookTimeout: 2 * 60_000,
  },
})
