/** The store that a replay publishes to: an S3 server of our own, somebody's S3 endpoint, or a directory. */
import { randomBytes } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startS3Server } from '../test/support/s3/server.ts'
import { openGate, type Passed } from './replay-gate.ts'

export interface ReplayStore {
  readonly url: string
  readonly kind: string
  /** What the command line needs to reach it. */
  readonly environment: Readonly<Record<string, string>>
  /** Every request so far; undefined where there are no requests to count. */
  readonly passed: readonly Passed[] | undefined
  goOffline(): Promise<void>
  comeBack(): Promise<void>
  close(): Promise<void>
}

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The S3 server of the tests, in this process. */
export async function openOwnS3(): Promise<ReplayStore> {
  const server = await startS3Server()
  const bucket = 'replay'
  server.createBucket(bucket)
  return behindGate('s3 (in-process server)', server.endpoint, bucket, server, () => server.close())
}

/** A bucket of its own at an S3 endpoint, removed afterwards. */
export async function openForeignS3(endpoint: string, credentials: Credentials): Promise<ReplayStore> {
  const sdk = await import('@aws-sdk/client-s3')
  const Bucket = `replay-${randomBytes(4).toString('hex')}`
  const client = new sdk.S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
  await client.send(new sdk.CreateBucketCommand({ Bucket }))
  return behindGate(`s3 (${await serverOf(endpoint)})`, endpoint, Bucket, credentials, async () => {
    for (let more = true; more; ) {
      const { Contents = [], IsTruncated } = await client.send(new sdk.ListObjectsV2Command({ Bucket }))
      for (const { Key = '' } of Contents) await client.send(new sdk.DeleteObjectCommand({ Bucket, Key }))
      more = IsTruncated === true
    }
    await client.send(new sdk.DeleteBucketCommand({ Bucket }))
    client.destroy()
  })
}

async function serverOf(endpoint: string): Promise<string> {
  const { headers } = await fetch(endpoint)
  return headers.get('server') ?? 'unnamed server'
}

async function behindGate(
  kind: string,
  endpoint: string,
  bucket: string,
  { accessKeyId, secretAccessKey }: Credentials,
  end: () => Promise<void>,
): Promise<ReplayStore> {
  const gate = await openGate(endpoint)
  return {
    url: `s3://${bucket}/skills?endpoint=${encodeURIComponent(gate.endpoint)}`,
    kind,
    environment: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    passed: gate.passed,
    goOffline: () => gate.close(),
    comeBack: () => gate.reopen(),
    async close() {
      await gate.close()
      await end()
    },
  }
}

/** A directory; offline it is not there, like a disk that was unplugged. */
export async function openDirectory(work: string): Promise<ReplayStore> {
  const directory = join(work, 'store')
  const unplugged = join(work, 'unplugged')
  await mkdir(directory)
  return {
    url: pathToFileURL(directory).href,
    kind: 'file',
    environment: {},
    passed: undefined,
    goOffline: () => rename(directory, unplugged),
    comeBack: () => rename(unplugged, directory),
    close: async () => {},
  }
}
