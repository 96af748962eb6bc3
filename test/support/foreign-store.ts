/** The S3 server that the environment names (`npm run test:rgw`), as a place for repositories. */
import { randomBytes } from 'node:crypto'

const { S3_ENDPOINT, S3_KEY = '', S3_SECRET = '' } = process.env

/** Whether repositories of tests go there. */
export const isForeign = S3_ENDPOINT !== undefined

/** What a process needs to get in. */
export const foreignCredentials: Readonly<Record<string, string>> = isForeign
  ? { AWS_ACCESS_KEY_ID: S3_KEY, AWS_SECRET_ACCESS_KEY: S3_SECRET }
  : {}

/** One per test file. */
let bucket: Promise<string> | undefined

/** The URL of a new, empty place on that server; undefined without one. */
export async function foreignUrl(): Promise<string | undefined> {
  if (S3_ENDPOINT === undefined) return undefined
  // Stores that this process opens find their credentials where those of users are.
  Object.assign(process.env, foreignCredentials)
  bucket ??= createBucket()
  const place = randomBytes(6).toString('hex')
  return `s3://${await bucket}/${place}?endpoint=${encodeURIComponent(S3_ENDPOINT)}&region=us-east-1`
}

async function createBucket(): Promise<string> {
  // Only now, because the SDK takes its time to load.
  const { openTarget } = await import('./s3/target.ts')
  const target = await openTarget()
  try {
    return await target.freshBucket()
  } finally {
    await target.close()
  }
}
