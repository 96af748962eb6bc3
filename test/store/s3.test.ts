import { GetObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { withRetries } from '../../src/store/retry.ts'
import { openS3Store } from '../../src/store/s3.ts'
import type { Store } from '../../src/store/store.ts'
import { isForeign } from '../support/foreign-store.ts'
import type { Fault, FaultHook, S3Server } from '../support/s3/server.ts'
import { openTarget, type S3Target, startTarget } from '../support/s3/target.ts'
import { describeStoreContract } from './contract.ts'

const ROOM = { maxBytes: 1024 * 1024 }
const BODY = Buffer.from('hello')

afterEach(() => {
  vi.unstubAllEnvs()
})

/** Credentials as users set them, and nothing else from the machine that runs the tests. */
function stubCredentials(accessKeyId: string, secretAccessKey: string): void {
  const environment = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: undefined,
    AWS_PROFILE: undefined,
    AWS_REGION: undefined,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

function openStore(target: S3Target, bucket: string, prefix = 'some/prefix'): Promise<Store> {
  stubCredentials(target.accessKeyId, target.secretAccessKey)
  const endpoint = encodeURIComponent(target.endpoint)
  return openS3Store(`s3://${bucket}/${prefix}?endpoint=${endpoint}&region=${target.region}`)
}

describeStoreContract('a store in a bucket', async () => {
  // Signatures bear the client's time, so the server's may run ahead by less than a quarter of an hour.
  let ahead = 0
  // Never on a full second: what is read from a listing and from a header has to be the same all the same.
  const now = (): number => Math.floor(Date.now() / 1000) * 1000 + 789 + ahead
  const target = isForeign ? await openTarget() : await startTarget({ now })
  const bucket = await target.freshBucket()
  const stores: Store[] = []
  const open = async (): Promise<Store> => {
    const store = await openStore(target, bucket)
    stores.push(store)
    return store
  }
  const tenSecondsPass = (): void => {
    ahead += 10_000
  }
  return {
    store: await open(),
    another: open,
    ...(isForeign ? {} : { tenSecondsPass }),
    close() {
      for (const store of stores) store.close()
      return target.close()
    },
  }
})

describe('a store in a bucket', () => {
  let target: S3Target
  let bucket: string
  let store: Store

  beforeAll(async () => {
    target = await openTarget()
  })
  beforeEach(async () => {
    bucket = await target.freshBucket()
    store = await openStore(target, bucket)
  })
  afterEach(() => store.close())
  afterAll(() => target.close())

  test('keeps its objects under its prefix, apart from those of others', async () => {
    const other = await openStore(target, bucket, 'some/prefix-2')
    const root = await openStore(target, bucket, '')
    await store.put('a', BODY, { absent: true })
    expect(await other.get('a', ROOM)).toEqual({ kind: 'absent' })
    expect(await root.get('some/prefix/a', ROOM)).toMatchObject({ kind: 'found', body: BODY })
    expect(await keysOf(other, '')).toEqual([])
    for (const opened of [other, root]) opened.close()
  })

  test('tells caches to keep everything but the timestamp', async () => {
    await store.put('metadata/timestamp.json', BODY, { absent: true })
    await store.put('blobs/ab/abcd.tar.gz', BODY, { absent: true })
    const headersOf = (key: string) =>
      target.client().send(new GetObjectCommand({ Bucket: bucket, Key: `some/prefix/${key}` }))
    expect(await headersOf('metadata/timestamp.json')).toMatchObject({
      CacheControl: 'no-store',
      ContentType: 'application/json',
    })
    expect(await headersOf('blobs/ab/abcd.tar.gz')).toMatchObject({
      CacheControl: 'public, max-age=31536000, immutable',
      ContentType: 'application/octet-stream',
    })
  })

  test('calls a wrong secret denied', async () => {
    const stranger = await openStore(target, bucket)
    stubCredentials(target.accessKeyId, 'wrong')
    await expect(stranger.get('a', ROOM)).rejects.toMatchObject({ code: 'denied' })
    await expect(stranger.put('a', BODY, { absent: true })).rejects.toMatchObject({ code: 'denied' })
    stranger.close()
  })

  test('calls an unknown bucket absent and says what to do, which no missing object is', async () => {
    const lost = await openStore(target, 'never-created')
    const failure = { code: 'absent', hint: expect.stringContaining('bucket') }
    await expect(lost.get('a', ROOM)).rejects.toMatchObject(failure)
    await expect(lost.put('a', BODY, { absent: true })).rejects.toMatchObject(failure)
    await expect(lost.put('a', BODY, { match: '"tag"' })).rejects.toMatchObject(failure)
    await expect(keysOf(lost, '')).rejects.toMatchObject(failure)
    lost.close()
  })

  // Our own server shows the same below, without a thousand requests.
  test.runIf(isForeign)('lists more objects than a real server puts on one page', async () => {
    const expected = Array.from({ length: 1005 }, (_, index) => `many/${index}`)
    for (let start = 0; start < expected.length; start += 15) {
      await Promise.all(
        expected.slice(start, start + 15).map((key) => store.put(key, BODY, { absent: true })),
      )
    }
    expect((await keysOf(store, 'many/')).sort()).toEqual(expected.sort())
  })

  test('takes no credentials from its URL', async () => {
    await expect(openS3Store('s3://key:secret@bucket/prefix')).rejects.toMatchObject({ code: 'usage' })
  })
})

describe.skipIf(isForeign)('a store in a bucket whose server has a bad day', () => {
  let server: S3Server
  let bucket: string
  let store: Store
  let fault: FaultHook | undefined
  let close: () => Promise<void>

  beforeEach(async () => {
    fault = undefined
    const target = await startTarget({ fault: (request, when) => fault?.(request, when) })
    server = target.server
    bucket = await target.freshBucket()
    store = await openStore(target, bucket)
    close = target.close
  })
  afterEach(async () => {
    store.close()
    await close()
  })

  /** This fault, for the first request with that method. */
  const once = (method: string, phase: 'before' | 'after', what: Fault, meanwhile = () => {}): FaultHook => {
    let done = false
    return (request, when) => {
      if (done || request.method !== method || when !== phase) return undefined
      done = true
      meanwhile()
      return what
    }
  }
  const writeBehindItsBack = (text: string): void => {
    const checksums = {}
    const bytes = Buffer.from(text)
    server.bucket(bucket).write('some/prefix/a', { bytes, checksums, metadata: {} })
  }
  const statuses = (method: string) =>
    server.requests
      .filter((request) => request.method === method && request.key !== '')
      .map(({ status }) => status)
  const stored = () => server.bucket(bucket).current('some/prefix/a')?.bytes.toString()

  test.each<Fault>(['drop', 'InternalError', 'SlowDown'])(
    'calls %s unreachable and does not try again itself',
    async (what) => {
      fault = once('PUT', 'before', what)
      await expect(store.put('a', BODY, { absent: true })).rejects.toMatchObject({ code: 'unreachable' })
      expect(statuses('PUT')).toHaveLength(1)
      fault = once('GET', 'before', what)
      await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
      expect(statuses('GET')).toHaveLength(1)
    },
  )

  test.each<Fault>(['drop', 'InternalError'])(
    'knows its own write again when the answer was lost by %s',
    async (what) => {
      fault = once('PUT', 'after', what)
      const first = await withRetries(store).put('a', BODY, { absent: true })
      expect(first).toMatchObject({ kind: 'stored' })
      expect(statuses('PUT')).toEqual([what === 'drop' ? 0 : 500, 412])
      expect(await store.get('a', ROOM)).toHaveProperty('etag', first.kind === 'stored' && first.etag)

      const match = first.kind === 'stored' ? first.etag : ''
      fault = once('PUT', 'after', what)
      expect(await withRetries(store).put('a', Buffer.from('next'), { match })).toMatchObject({
        kind: 'stored',
      })
      expect(stored()).toBe('next')
    },
  )

  test('does not take the write of another for its own', async () => {
    fault = once('PUT', 'before', 'InternalError', () => writeBehindItsBack('other'))
    expect(await withRetries(store).put('a', BODY, { absent: true })).toEqual({ kind: 'conflict' })
    expect(stored()).toBe('other')
  })

  test('does not take a longer write of another for a corrupt object', async () => {
    fault = once('PUT', 'before', 'InternalError', () => writeBehindItsBack('something much longer'))
    expect(await withRetries(store).put('a', BODY, { absent: true })).toEqual({ kind: 'conflict' })
  })

  test('does not read again when it was simply too late', async () => {
    await store.put('a', BODY, { absent: true })
    expect(await withRetries(store).put('a', BODY, { absent: true })).toEqual({ kind: 'conflict' })
    expect(statuses('GET')).toEqual([])
  })

  test('tries again when it is told to slow down', async () => {
    const patient = withRetries(store)
    fault = once('PUT', 'before', 'SlowDown')
    expect(await patient.put('a', BODY, { absent: true })).toMatchObject({ kind: 'stored' })
    expect(statuses('PUT')).toEqual([503, 200])
    fault = once('GET', 'before', 'SlowDown')
    expect(await patient.get('a', ROOM)).toMatchObject({ kind: 'found', body: BODY })
    expect(statuses('GET')).toEqual([503, 200])
    fault = once('DELETE', 'before', 'SlowDown')
    await patient.remove('a')
    expect(stored()).toBeUndefined()
  })

  test('does not try again what was denied', async () => {
    fault = once('GET', 'before', 'AccessDenied')
    await expect(withRetries(store).get('a', ROOM)).rejects.toMatchObject({ code: 'denied' })
    expect(statuses('GET')).toEqual([403])
  })

  test('takes a 409 of a write under way for a lost race', async () => {
    // The server answers so when the other write lands while this one is being received.
    fault = (request, when) => {
      if (request.method === 'PUT' && when === 'before') writeBehindItsBack('other')
      return undefined
    }
    expect(await store.put('a', BODY, { absent: true })).toEqual({ kind: 'conflict' })
    expect(statuses('PUT')).toEqual([409])
  })

  test('calls a store that does not know an operation unsupported', async () => {
    fault = once('PUT', 'before', 'NotImplemented')
    await expect(store.put('a', BODY, { absent: true })).rejects.toMatchObject({ code: 'unsupported' })
  })

  test('calls an endpoint that refuses connections unreachable', async () => {
    await server.close()
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
    close = async () => {}
  })

  test('lists more objects than fit on one page', async () => {
    const expected = Array.from({ length: 1005 }, (_, i) => `many/${i}`)
    for (const key of expected) {
      server.bucket(bucket).write(`some/prefix/${key}`, { bytes: BODY, checksums: {}, metadata: {} })
    }
    expect((await keysOf(store, 'many/')).sort()).toEqual(expected.sort())
    expect(server.requests.filter(({ key }) => key === '')).toHaveLength(3)
  })
})
