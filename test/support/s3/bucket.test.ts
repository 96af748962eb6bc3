import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  ListPartsCommand,
  PutBucketVersioningCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BucketHandle, bucketHandle, openTarget, outcomeOf, type S3Target, statusOf } from './target.ts'

/** Many objects at once: lists, copies, parts, removal and versions. The same tests run against Ceph. */

const STALE = '"0123456789abcdef0123456789abcdef"'
const MEBIBYTE = 1024 * 1024

let target: S3Target
let client: S3Client
let bucket: BucketHandle
let at: { Bucket: string }

beforeAll(async () => {
  target = await openTarget()
  client = target.client()
})

beforeEach(async () => {
  bucket = bucketHandle(client, await target.freshBucket())
  at = { Bucket: bucket.name }
})

afterAll(() => target.close())

const list = (input: Partial<ListObjectsV2CommandInput> = {}) =>
  client.send(new ListObjectsV2Command({ ...at, ...input }))
const keysOf = (page: ListObjectsV2CommandOutput) => (page.Contents ?? []).map(({ Key }) => Key)
const head = (Key: string) => client.send(new HeadObjectCommand({ ...at, Key }))

describe('a bucket', () => {
  test('is there only when it was created', async () => {
    expect(await statusOf(client.send(new HeadBucketCommand(at)))).toBe(200)
    expect(await statusOf(client.send(new HeadBucketCommand({ Bucket: 'never-created' })))).toBe(404)
    const missing = client.send(new GetObjectCommand({ Bucket: 'never-created', Key: 'a' }))
    expect(await outcomeOf(missing)).toEqual({ status: 404, code: 'NoSuchBucket' })
  })
})

describe('a listing', () => {
  const NAMES = ['l/a', 'l/b/1', 'l/b/2', 'l/c d', 'l/e+f', 'l/g%h', 'l/z&<x>', 'l/ü']

  beforeEach(async () => {
    for (const name of [...NAMES, 'other']) await bucket.put(name, name)
  })

  test('is in the order of bytes and folds names behind a delimiter', async () => {
    expect(keysOf(await list({ Prefix: 'l/' }))).toEqual(NAMES)
    const folded = await list({ Prefix: 'l/', Delimiter: '/' })
    expect(keysOf(folded)).toEqual(NAMES.filter((name) => !name.startsWith('l/b')))
    expect(folded.CommonPrefixes).toEqual([{ Prefix: 'l/b/' }])
  })

  test('comes in pages', async () => {
    const pages: (string | undefined)[][] = []
    let token: string | undefined
    do {
      const page = await list({ Prefix: 'l/', MaxKeys: 3, ContinuationToken: token })
      pages.push(keysOf(page))
      token = page.NextContinuationToken
    } while (token !== undefined && pages.length < 10)
    expect(pages).toEqual([NAMES.slice(0, 3), NAMES.slice(3, 6), NAMES.slice(6)])
  })

  test('comes in pages that count a folded name once', async () => {
    const first = await list({ Prefix: 'l/', Delimiter: '/', MaxKeys: 2 })
    expect([keysOf(first), first.CommonPrefixes]).toEqual([['l/a'], [{ Prefix: 'l/b/' }]])
    const second = await list({
      Prefix: 'l/',
      Delimiter: '/',
      ContinuationToken: first.NextContinuationToken,
    })
    expect(keysOf(second)).toEqual(NAMES.slice(3))
    expect(second.CommonPrefixes).toBeUndefined()
  })

  test('starts after a key and carries sizes and tags', async () => {
    const page = await list({ Prefix: 'l/', StartAfter: 'l/b/2' })
    const { ETag } = await head('l/c d')
    expect(page.Contents?.[0]).toMatchObject({ Key: 'l/c d', ETag, Size: 5 })
    expect(page.KeyCount).toBe(5)
  })

  test('encodes names when asked', async () => {
    const page = await list({ Prefix: 'l/', EncodingType: 'url' })
    const decoded = keysOf(page).map((key) => decodeURIComponent((key ?? '').replaceAll('+', ' ')))
    expect(keysOf(page)).not.toEqual(NAMES)
    expect(decoded).toEqual(NAMES)
  })

  test('shows every write at once', async () => {
    for (let i = 0; i < 10; i++) {
      await bucket.put(`seen/${i}`, 'x')
      expect((await list({ Prefix: 'seen/' })).KeyCount).toBe(i + 1)
    }
  })
})

test('a copy has the content of its source', async () => {
  await bucket.put('source', 'hello', { ContentType: 'text/plain' })
  await client.send(new CopyObjectCommand({ ...at, Key: 'copy', CopySource: `${bucket.name}/source` }))
  expect(await bucket.text('copy')).toBe('hello')
  expect((await head('copy')).ContentType).toBe('text/plain')
})

describe('a multipart upload', () => {
  const begin = async (Key: string) => {
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ ...at, Key, ContentType: 'x/y' }),
    )
    return { ...at, Key, UploadId }
  }
  type Begun = Awaited<ReturnType<typeof begin>>
  const part = async (upload: Begun, PartNumber: number, Body: string | Buffer) => {
    const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }))
    return { PartNumber, ETag, ChecksumCRC32 }
  }

  test('joins its parts', async () => {
    const upload = await begin('joined')
    const Parts = [await part(upload, 1, Buffer.alloc(5 * MEBIBYTE, 'x')), await part(upload, 2, 'tail')]
    expect((await client.send(new ListPartsCommand(upload))).Parts).toHaveLength(2)
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } })
    expect((await client.send(complete)).ETag).toMatch(/^"[0-9a-f]{32}-2"$/)
    expect(await head('joined')).toMatchObject({ ContentLength: 5 * MEBIBYTE + 4, ContentType: 'x/y' })
    expect(await bucket.text('joined', { Range: `bytes=${5 * MEBIBYTE - 1}-` })).toBe('xtail')
  })

  test('carries a long stream of unknown length', async () => {
    const source = Buffer.alloc(12 * MEBIBYTE, 'q')
    const pieces = Array.from({ length: 192 }, (_, i) => source.subarray(i * 65_536, (i + 1) * 65_536))
    const params = { ...at, Key: 'long', Body: Readable.from(pieces) }
    await new Upload({ client, params, partSize: 5 * MEBIBYTE, queueSize: 2 }).done()
    const { Body } = await client.send(new GetObjectCommand({ ...at, Key: 'long' }))
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(source)).toBe(true)
  })

  test('may be completed on the condition that nothing is there', async () => {
    await bucket.put('occupied', 'hello')
    const upload = await begin('occupied')
    const MultipartUpload = { Parts: [await part(upload, 1, 'x')] }
    const complete = new CompleteMultipartUploadCommand({ ...upload, IfNoneMatch: '*', MultipartUpload })
    expect(await statusOf(client.send(complete))).toBe(412)
    expect(await bucket.text('occupied')).toBe('hello')
  })

  test('leaves nothing when it is aborted', async () => {
    const upload = await begin('aborted')
    await part(upload, 1, 'x')
    await client.send(new AbortMultipartUploadCommand(upload))
    expect(await statusOf(head('aborted'))).toBe(404)
    expect(await statusOf(client.send(new ListPartsCommand(upload)))).toBe(404)
  })
})

describe('removal', () => {
  test('on the condition of a stale tag does nothing', async () => {
    await bucket.put('guarded', 'x')
    const remove = new DeleteObjectCommand({ ...at, Key: 'guarded', IfMatch: STALE })
    expect(await statusOf(client.send(remove))).toBe(412)
    expect(await bucket.text('guarded')).toBe('x')
  })

  test('of one object succeeds twice', async () => {
    await bucket.put('removed', 'x')
    for (const _ of [1, 2]) await client.send(new DeleteObjectCommand({ ...at, Key: 'removed' }))
    expect(await statusOf(head('removed'))).toBe(404)
  })

  test('of many objects removes them all', async () => {
    const Objects = ['m/a', 'm/b c', 'm/ü&<'].map((Key) => ({ Key }))
    for (const { Key } of Objects) await bucket.put(Key, 'x')
    const { Deleted } = await client.send(new DeleteObjectsCommand({ ...at, Delete: { Objects } }))
    expect(Deleted).toHaveLength(Objects.length)
    expect((await list({ Prefix: 'm/' })).KeyCount).toBe(0)
  })
})

test('a versioned bucket keeps what was overwritten', async () => {
  const VersioningConfiguration = { Status: 'Enabled' } as const
  await client.send(new PutBucketVersioningCommand({ ...at, VersioningConfiguration }))
  const { VersionId = '' } = await bucket.put('v', '1')
  await bucket.put('v', '2')
  expect(await bucket.text('v', { VersionId })).toBe('1')
  expect(await bucket.text('v')).toBe('2')
})
