import { randomBytes } from 'node:crypto'
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type PutObjectCommandOutput,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { type S3Server, type S3ServerOptions, startS3Server } from './server.ts'

/**
 * The S3 endpoint that tests run against: the one in S3_ENDPOINT, S3_KEY and S3_SECRET (`npm run test:rgw` sets
 * them), else a server of our own in this process.
 */
export interface S3Target {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  /** A client that never retries, so that every answer is seen. */
  client(overrides?: S3ClientConfig): S3Client
  /** A new bucket, its name unused so far. */
  freshBucket(): Promise<string>
  close(): Promise<void>
}

export async function openTarget(): Promise<S3Target> {
  const { S3_ENDPOINT: endpoint, S3_KEY: accessKeyId, S3_SECRET: secretAccessKey } = process.env
  if (endpoint === undefined) return startTarget()
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error('S3_ENDPOINT is set, but S3_KEY or S3_SECRET is not')
  }
  return describeTarget({ endpoint, accessKeyId, secretAccessKey, close: async () => {} })
}

/** A server of our own with these options, whatever the environment says. */
export async function startTarget(options: S3ServerOptions = {}): Promise<S3Target & { server: S3Server }> {
  const server = await startS3Server(options)
  return { ...describeTarget(server), server }
}

function describeTarget(
  server: Pick<S3Server, 'endpoint' | 'accessKeyId' | 'secretAccessKey' | 'close'>,
): S3Target {
  const { endpoint, accessKeyId, secretAccessKey } = server
  const region = 'us-east-1'
  const clients: S3Client[] = []
  const client = (overrides: S3ClientConfig = {}): S3Client => {
    const credentials = { accessKeyId, secretAccessKey }
    const made = new S3Client({
      endpoint,
      region,
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      ...overrides,
    })
    clients.push(made)
    return made
  }
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    region,
    client,
    async freshBucket() {
      const Bucket = `test-${randomBytes(8).toString('hex')}`
      await client().send(new CreateBucketCommand({ Bucket }))
      return Bucket
    },
    async close() {
      for (const made of clients) made.destroy()
      await server.close()
    },
  }
}

/** The two calls that nearly every test makes. */
export interface BucketHandle {
  readonly name: string
  put(
    key: string,
    body: PutObjectCommandInput['Body'],
    more?: Partial<PutObjectCommandInput>,
  ): Promise<PutObjectCommandOutput>
  text(key: string, more?: { Range?: string; IfMatch?: string; VersionId?: string }): Promise<string>
}

export function bucketHandle(client: S3Client, name: string): BucketHandle {
  return {
    name,
    put: (Key, Body = '', more = {}) =>
      client.send(new PutObjectCommand({ Bucket: name, Key, Body, ...more })),
    async text(Key, more = {}) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key, ...more }))
      return Body === undefined ? '' : Body.transformToString()
    },
  }
}

/** The HTTP status of whatever came back, and the error's code where it was one. */
export interface Outcome {
  readonly status: number | undefined
  readonly code: string | undefined
}

export async function outcomeOf(
  answer: Promise<{ $metadata: { httpStatusCode?: number } }>,
): Promise<Outcome> {
  try {
    const { $metadata } = await answer
    return { status: $metadata.httpStatusCode, code: undefined }
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error
    return { status: error.$metadata.httpStatusCode, code: error.name }
  }
}

/** Only the status, for answers whose code differs between servers or travels without a body. */
export async function statusOf(answer: Promise<{ $metadata: { httpStatusCode?: number } }>): Promise<number> {
  return (await outcomeOf(answer)).status ?? 0
}
