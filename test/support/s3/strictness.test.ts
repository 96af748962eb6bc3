import { request as httpRequest } from 'node:http'
import {
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterEach, describe, expect, test } from 'vitest'
import { beforeSending } from './rewriting.ts'
import type { FaultHook, S3Server, S3ServerOptions } from './server.ts'
import { type BucketHandle, bucketHandle, outcomeOf, type S3Target, startTarget, statusOf } from './target.ts'

/** What only our own server can show: faults on demand, its clock, and that it refuses what it does not know. */

const CLOSERS: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of CLOSERS.splice(0)) await close()
})

interface Started {
  readonly target: S3Target
  readonly server: S3Server
  readonly client: S3Client
  readonly bucket: BucketHandle
}

async function start(options: S3ServerOptions = {}): Promise<Started> {
  const target = await startTarget(options)
  CLOSERS.push(target.close)
  const client = target.client()
  target.server.createBucket('bucket')
  return { target, server: target.server, client, bucket: bucketHandle(client, 'bucket') }
}

/** A hook whose fault can be set later, once there is something to break. */
function switchable(): { hook: FaultHook; set(fault: FaultHook): void } {
  let current: FaultHook | undefined
  return {
    hook: (request, when) => current?.(request, when),
    set(fault) {
      current = fault
    },
  }
}

const read = (Key: string) => new GetObjectCommand({ Bucket: 'bucket', Key })

describe('a fault', () => {
  test('before a request keeps it from happening', async () => {
    const { bucket, server } = await start({
      fault: (_, when) => (when === 'before' ? 'SlowDown' : undefined),
    })
    expect(await outcomeOf(bucket.put('a', 'hello'))).toEqual({ status: 503, code: 'SlowDown' })
    expect(server.bucket('bucket').current('a')).toBeUndefined()
  })

  test('after a request leaves what happened, and the client in the dark', async () => {
    const { bucket, server } = await start({
      fault: (_, when) => (when === 'after' ? 'InternalError' : undefined),
    })
    expect(await statusOf(bucket.put('a', 'hello'))).toBe(500)
    expect(server.bucket('bucket').current('a')?.bytes.toString()).toBe('hello')
  })

  test.each(['before', 'after'] as const)('can drop the connection %s a request', async (phase) => {
    const { bucket, server } = await start({ fault: (_, when) => (when === phase ? 'drop' : undefined) })
    await expect(bucket.put('a', 'hello')).rejects.not.toHaveProperty(
      '$metadata.httpStatusCode',
      expect.any(Number),
    )
    expect(server.bucket('bucket').current('a') === undefined).toBe(phase === 'before')
    expect(server.requests).toMatchObject([{ method: 'PUT', key: 'a', status: 0 }])
  })

  test('can hold a request while another one lands, which then gets 409', async () => {
    const fault = switchable()
    const { bucket, server } = await start({ fault: fault.hook })
    let arrived = (): void => {}
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let first = true
    fault.set(async (_, when) => {
      if (when === 'after' || !first) return undefined
      first = false
      arrived()
      await released
      return undefined
    })
    const slow = outcomeOf(bucket.put('a', 'slow', { IfNoneMatch: '*' }))
    await held
    await bucket.put('a', 'fast', { IfNoneMatch: '*' })
    release()
    expect(await slow).toEqual({ status: 409, code: 'ConditionalRequestConflict' })
    expect(server.bucket('bucket').current('a')?.bytes.toString()).toBe('fast')
  })
})

describe('the log', () => {
  test('has method, key, status and body length of every answer', async () => {
    const { bucket, client, server } = await start()
    await bucket.put('a/b', 'hello')
    await bucket.text('a/b')
    await outcomeOf(client.send(read('none')))
    expect(server.requests).toMatchObject([
      { method: 'PUT', key: 'a/b', status: 200, bytesOut: 0 },
      { method: 'GET', key: 'a/b', status: 200, bytesOut: 5 },
      { method: 'GET', key: 'none', status: 404 },
    ])
  })
})

describe('what the server does not know', () => {
  test('is 501, be it a parameter, a header or a policy', async () => {
    const { bucket, client, server } = await start()
    const versions = new ListObjectVersionsCommand({ Bucket: 'bucket' })
    const Policy = JSON.stringify({
      Statement: [{ Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: '*' }],
    })
    const policy = new PutBucketPolicyCommand({ Bucket: 'bucket', Policy })
    expect(await statusOf(client.send(versions))).toBe(501)
    expect(await statusOf(bucket.put('a', 'hello', { StorageClass: 'GLACIER' }))).toBe(501)
    expect(await statusOf(bucket.put('a', 'hello', { ACL: 'public-read' }))).toBe(501)
    expect(await statusOf(client.send(policy))).toBe(501)
    expect(server.bucket('bucket').current('a')).toBeUndefined()
  })

  test('in a condition is refused rather than ignored', async () => {
    const { bucket, server } = await start()
    expect(await statusOf(bucket.put('a', 'hello', { IfNoneMatch: '"tag"' }))).toBe(501)
    expect(server.bucket('bucket').current('a')).toBeUndefined()
  })
})

describe('a signature', () => {
  test('must name the region of the server', async () => {
    const { client } = await start({ region: 'eu-central-1' })
    expect(await outcomeOf(client.send(read('a')))).toEqual({
      status: 400,
      code: 'AuthorizationHeaderMalformed',
    })
  })

  test('is refused when the clocks are more than a quarter of an hour apart', async () => {
    const { client } = await start({ now: () => Date.now() + 16 * 60_000 })
    expect(await outcomeOf(client.send(read('a')))).toEqual({ status: 403, code: 'RequestTimeTooSkewed' })
  })

  test('must cover every amz header', async () => {
    const { bucket, target } = await start()
    await bucket.put('a', 'hello')
    const injecting = target.client()
    beforeSending(injecting, (request) => {
      request.headers['x-amz-meta-injected'] = 'yes'
    })
    const answer = bucketHandle(injecting, 'bucket').put('a', 'hello')
    expect(await outcomeOf(answer)).toEqual({ status: 403, code: 'AccessDenied' })
  })

  test.each(['key', 'query', 'method'])('covers the %s', async (part) => {
    const { bucket, target } = await start()
    await bucket.put('a', 'hello')
    await bucket.put('b', 'other')
    const meddling = target.client()
    beforeSending(meddling, (request) => {
      if (part === 'key') request.path = '/bucket/b'
      if (part === 'query') request.query.versionId = 'null'
      if (part === 'method') request.method = 'DELETE'
    })
    expect(await outcomeOf(meddling.send(read('a')))).toEqual({ status: 403, code: 'SignatureDoesNotMatch' })
  })
})

describe('a body', () => {
  test('that ends before its announced length is not stored', async () => {
    let arrive = (): void => {}
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const { server, target } = await start({ fault: () => void arrive() })
    const signer = target.client({ requestChecksumCalculation: 'WHEN_REQUIRED' })
    const url = await getSignedUrl(signer, new PutObjectCommand({ Bucket: 'bucket', Key: 'a' }))
    const half = httpRequest(url, { method: 'PUT', headers: { 'content-length': 5 } })
    half.on('error', () => undefined)
    half.write('hel')
    await arrived
    half.destroy()
    await expect.poll(() => server.requests.length).toBe(1)
    expect(server.requests).toMatchObject([{ key: 'a', status: 400 }])
    expect(server.bucket('bucket').current('a')).toBeUndefined()
  })
})

test('a key longer than 1024 bytes is refused', async () => {
  const { bucket } = await start()
  expect(await outcomeOf(bucket.put('k'.repeat(1025), 'x'))).toEqual({ status: 400, code: 'KeyTooLongError' })
})
