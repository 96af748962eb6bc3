import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  GetObjectCommand,
  HeadObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { beforeSending } from './rewriting.ts'
import { type BucketHandle, bucketHandle, openTarget, outcomeOf, type S3Target, statusOf } from './target.ts'

/** Objects one by one: what S3 promises about writing, conditions and reading. The same tests run against Ceph. */

const STALE = '"0123456789abcdef0123456789abcdef"'
const BIG = Buffer.alloc(300_000, 'abcdefghij')
const PRECONDITION_FAILED = { status: 412, code: 'PreconditionFailed' }

let target: S3Target
let client: S3Client
let bucket: BucketHandle

beforeAll(async () => {
  target = await openTarget()
  client = target.client()
  bucket = bucketHandle(client, await target.freshBucket())
})

afterAll(() => target.close())

const head = (key: string, more = {}) =>
  client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: key, ...more }))
const get = (key: string, more = {}) =>
  client.send(new GetObjectCommand({ Bucket: bucket.name, Key: key, ...more }))
const stream = (): Pick<PutObjectCommandInput, 'Body' | 'ContentLength'> => ({
  Body: Readable.from([BIG.subarray(0, 100_000), BIG.subarray(100_000)]),
  ContentLength: BIG.length,
})
const crc32Of = (text: string): string => {
  const value = Buffer.alloc(4)
  value.writeUInt32BE(crc32(text))
  return value.toString('base64')
}
/** Puts an object and answers with its tag, which must look like one. */
const tagOf = async (key: string, body: string): Promise<string> => {
  const { ETag } = await bucket.put(key, body)
  expect(ETag).toMatch(/^"[0-9a-f]{32}"$/)
  return ETag ?? ''
}

describe('a plain PUT', () => {
  test('stores a buffer and answers with its MD5 as entity tag', async () => {
    const tag = await tagOf('plain', 'hello')
    expect(tag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`)
    expect(await bucket.text('plain')).toBe('hello')
  })

  test('keeps content type, cache control and metadata', async () => {
    const headers = { ContentType: 'text/plain', CacheControl: 'max-age=60', Metadata: { k: 'v' } }
    await bucket.put('headers', 'hello', headers)
    expect(await head('headers')).toMatchObject({ ...headers, ContentLength: 5 })
  })

  test('decodes a stream with trailers instead of storing its framing', async () => {
    const { Body, ContentLength } = stream()
    await bucket.put('stream', Body, { ContentLength })
    const found = await get('stream')
    expect(Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(BIG)).toBe(true)
    expect(found.ContentEncoding ?? '').not.toContain('aws-chunked')
  })

  test('takes keys with every kind of character', async () => {
    const keys = ['c d', 'e+f', 'g%h', 'z&<x>', 'ü', 'a/b//c', '"q"', "it's(1)!*"]
    for (const key of keys) await bucket.put(`special/${key}`, key)
    for (const key of keys) expect(await bucket.text(`special/${key}`)).toBe(key)
  })

  test('stores an empty object', async () => {
    await bucket.put('empty', '')
    expect(await bucket.text('empty')).toBe('')
  })
})

describe('a PUT whose body is not what the client meant', () => {
  test('is refused when the checksum header differs', async () => {
    const sums = { ChecksumAlgorithm: 'CRC32', ChecksumCRC32: crc32Of('other') } as const
    expect(await statusOf(bucket.put('bad-crc', 'hello', sums))).toBe(400)
    expect(await statusOf(head('bad-crc'))).toBe(404)
  })

  test('is refused when the checksum trailer differs', async () => {
    const corrupting = target.client()
    beforeSending(corrupting, async (request) => {
      if (request.headers['x-amz-trailer'] === undefined) return
      const chunks: Buffer[] = []
      for await (const chunk of request.body as AsyncIterable<Uint8Array>) chunks.push(Buffer.from(chunk))
      const framed = Buffer.concat(chunks).toString('latin1')
      const wrong = framed.replace(/x-amz-checksum-crc32:[^\r]+/, 'x-amz-checksum-crc32:AAAAAA==')
      expect(wrong).not.toBe(framed)
      request.body = Readable.from([Buffer.from(wrong, 'latin1')])
    })
    const { Body, ContentLength } = stream()
    const answer = bucketHandle(corrupting, bucket.name).put('bad-trailer', Body, { ContentLength })
    expect(await statusOf(answer)).toBe(400)
    expect(await statusOf(head('bad-trailer'))).toBe(404)
  })

  test('is refused when Content-MD5 differs', async () => {
    const ContentMD5 = createHash('md5').update('other').digest('base64')
    expect(await statusOf(bucket.put('bad-md5', 'hello', { ContentMD5 }))).toBe(400)
  })

  test('is refused when it differs from the signed payload hash', async () => {
    // Without a checksum of its own, so that nothing but the hash can tell.
    const tampering = target.client({ requestChecksumCalculation: 'WHEN_REQUIRED' })
    beforeSending(tampering, (request) => {
      request.body = Buffer.from('hellO')
    })
    const status = await statusOf(bucketHandle(tampering, bucket.name).put('tampered', 'hello'))
    expect([400, 403]).toContain(status)
    expect(await statusOf(head('tampered'))).toBe(404)
  })
})

describe('a conditional PUT', () => {
  test('with If-None-Match stores an object that is not there', async () => {
    await bucket.put('once', '1', { IfNoneMatch: '*' })
    expect(await bucket.text('once')).toBe('1')
  })

  test('with If-None-Match leaves an existing object alone', async () => {
    await bucket.put('taken', '1')
    expect(await outcomeOf(bucket.put('taken', '2', { IfNoneMatch: '*' }))).toEqual(PRECONDITION_FAILED)
    expect(await bucket.text('taken')).toBe('1')
  })

  test('with If-None-Match leaves an existing object alone when the body is a stream', async () => {
    await bucket.put('taken-stream', '1')
    const { Body, ContentLength } = stream()
    const answer = bucket.put('taken-stream', Body, { ContentLength, IfNoneMatch: '*' })
    expect(await outcomeOf(answer)).toEqual(PRECONDITION_FAILED)
    expect(await bucket.text('taken-stream')).toBe('1')
  })

  test('with the current tag replaces the object', async () => {
    const tag = await tagOf('swap', 'v1')
    const { ETag } = await bucket.put('swap', 'v2', { IfMatch: tag })
    expect(ETag).not.toBe(tag)
    expect(await bucket.text('swap')).toBe('v2')
  })

  test('takes tags without quotes', async () => {
    const IfMatch = (await tagOf('bare', 'v1')).replaceAll('"', '')
    await bucket.put('bare', 'v2', { IfMatch })
    expect(await statusOf(bucket.put('bare', 'v3', { IfMatch }))).toBe(412)
    expect(await bucket.text('bare')).toBe('v2')
  })

  test('with a stale tag leaves the object alone', async () => {
    const tag = await tagOf('stale', 'v1')
    await bucket.put('stale', 'v2')
    expect(await outcomeOf(bucket.put('stale', 'v3', { IfMatch: tag }))).toEqual(PRECONDITION_FAILED)
    expect(await bucket.text('stale')).toBe('v2')
  })

  test('with a tag stores nothing where there was nothing', async () => {
    expect(await outcomeOf(bucket.put('nothing', 'v', { IfMatch: STALE }))).toEqual({
      status: 404,
      code: 'NoSuchKey',
    })
    expect(await statusOf(head('nothing'))).toBe(404)
  })
})

describe('among 24 writers at once', () => {
  const race = async (key: string, condition: Partial<PutObjectCommandInput>) => {
    const writers = Array.from({ length: 24 }, (_, i) => statusOf(bucket.put(key, `writer ${i}`, condition)))
    const statuses = await Promise.all(writers)
    const losers = statuses.filter((status) => status !== 200)
    return {
      winners: statuses.length - losers.length,
      otherLosers: losers.filter((s) => s !== 412 && s !== 409),
    }
  }
  const ONE_WINNER = { winners: 1, otherLosers: [] }

  test('exactly one creates the object', async () => {
    for (const key of ['race/1', 'race/2', 'race/3', 'race/4']) {
      expect(await race(key, { IfNoneMatch: '*' })).toEqual(ONE_WINNER)
    }
  })

  test('exactly one replaces the object', async () => {
    for (const key of ['swap-race/1', 'swap-race/2', 'swap-race/3', 'swap-race/4']) {
      expect(await race(key, { IfMatch: await tagOf(key, 'base') })).toEqual(ONE_WINNER)
    }
  })

  test('no increment of a counter is lost', async () => {
    await bucket.put('counter', '0')
    const increment = async (): Promise<void> => {
      const { Body, ETag = '' } = await get('counter')
      const next = Number(await Body?.transformToString()) + 1
      const status = await statusOf(bucket.put('counter', String(next), { IfMatch: ETag }))
      if (status === 200) return
      expect([409, 412]).toContain(status)
      await increment()
    }
    const writer = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await increment()
    }
    await Promise.all(Array.from({ length: 6 }, writer))
    expect(await bucket.text('counter')).toBe('30')
  })
})

describe('a conditional read', () => {
  test('answers 304 to GET and HEAD while the tag is the same', async () => {
    const IfNoneMatch = await tagOf('same', 'hello')
    expect(await statusOf(get('same', { IfNoneMatch }))).toBe(304)
    expect(await statusOf(head('same', { IfNoneMatch }))).toBe(304)
    expect(await statusOf(head('same', { IfNoneMatch: STALE }))).toBe(200)
  })

  test('answers 412 when the demanded tag is another', async () => {
    await bucket.put('demanded', 'hello')
    expect(await statusOf(get('demanded', { IfMatch: STALE }))).toBe(412)
  })

  test('answers 304 when the object was not modified since', async () => {
    await bucket.put('dated', 'hello')
    const { LastModified } = await head('dated')
    expect(await statusOf(get('dated', { IfModifiedSince: LastModified }))).toBe(304)
  })
})

describe('a range', () => {
  test('answers 206 with the part and its place', async () => {
    await bucket.put('range', 'hello')
    const part = await get('range', { Range: 'bytes=1-3' })
    expect(part).toMatchObject({
      $metadata: { httpStatusCode: 206 },
      ContentRange: 'bytes 1-3/5',
      ContentLength: 3,
    })
    expect(await part.Body?.transformToString()).toBe('ell')
  })

  test('may count from the end, stay open, and reach beyond the end', async () => {
    await bucket.put('ranges', 'hello')
    for (const Range of ['bytes=-2', 'bytes=3-', 'bytes=3-99']) {
      expect(await bucket.text('ranges', { Range })).toBe('lo')
    }
  })

  test('behind the end is 416', async () => {
    await bucket.put('short', 'hello')
    expect(await statusOf(get('short', { Range: 'bytes=10-20' }))).toBe(416)
    expect(await statusOf(get('short', { Range: 'bytes=5-' }))).toBe(416)
  })

  test('goes together with If-Match', async () => {
    const IfMatch = await tagOf('both', 'hello')
    expect(await bucket.text('both', { Range: 'bytes=0-0', IfMatch })).toBe('h')
    expect(await statusOf(get('both', { Range: 'bytes=0-0', IfMatch: STALE }))).toBe(412)
  })
})

describe('a read', () => {
  test('returns the stored checksum when asked', async () => {
    await bucket.put('summed', 'hello')
    const found = await get('summed', { ChecksumMode: 'ENABLED' })
    await found.Body?.transformToString()
    expect(found.ChecksumCRC32).toBe(crc32Of('hello'))
  })

  test('of a missing key is 404', async () => {
    expect(await outcomeOf(get('none'))).toEqual({ status: 404, code: 'NoSuchKey' })
    expect(await statusOf(head('none'))).toBe(404)
  })
})
