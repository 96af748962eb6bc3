/**
 * Where tests keep their repositories: in memory, or in a directory where processes share one; in the S3 server of
 * the environment where that names one (`npm run test:rgw`). Only this file chooses.
 */
import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { openWritableStore } from '../../src/index.ts'
import type { Store } from '../../src/store/store.ts'
import { ClockedStore } from './clocked-store.ts'
import { MemoryStore } from './memory-store.ts'
import { isForeignTarget, openTarget } from './s3/target.ts'

/** A new, empty store that the test closes when it ends. @param now the time by which its objects age */
export async function openTestStore(now: () => number = Date.now): Promise<Store> {
  const url = await foreignUrl()
  if (url === undefined) return new MemoryStore({ url: `memory:${randomName()}`, now })
  // As the command line opens it, so with its retries.
  const store = await openWritableStore(url)
  onTestFinished(() => store.close())
  return new ClockedStore(store, now)
}

/** A prefix of its own on the S3 server of the environment; undefined without one. */
export async function foreignUrl(): Promise<string | undefined> {
  return isForeignTarget ? bucketUrl(randomName()) : undefined
}

/** What a process needs to reach the S3 server of the environment: its credentials, and no settings of the machine. */
export function foreignCredentials(): Record<string, string> {
  const { S3_KEY = '', S3_SECRET = '' } = process.env
  return isForeignTarget ? { AWS_ACCESS_KEY_ID: S3_KEY, AWS_SECRET_ACCESS_KEY: S3_SECRET } : {}
}

/** One bucket per test file. */
let bucket: Promise<string> | undefined

async function bucketUrl(prefix: string): Promise<string> {
  const target = await openTarget()
  bucket ??= target.freshBucket()
  const url = new URL(`s3://${await bucket}/${prefix}`)
  url.searchParams.set('endpoint', target.endpoint)
  url.searchParams.set('region', target.region)
  await target.close()
  // For the stores that this process opens.
  Object.assign(process.env, foreignCredentials())
  return url.href
}

function randomName(): string {
  return randomBytes(6).toString('hex')
}
