import { GetObjectCommand, PutBucketPolicyCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BucketHandle, bucketHandle, openTarget, outcomeOf, type S3Target, statusOf } from './target.ts'

/** Who may do what: signatures, presigned URLs and anonymous readers. The same tests run against Ceph. */

let target: S3Target
let client: S3Client
let bucket: BucketHandle

beforeAll(async () => {
  target = await openTarget()
  client = target.client()
  bucket = bucketHandle(client, await target.freshBucket())
})

afterAll(() => target.close())

const read = (key: string) => new GetObjectCommand({ Bucket: bucket.name, Key: key })
const answer = async (url: string, init: RequestInit = {}) => {
  const response = await fetch(url, init)
  return { status: response.status, text: await response.text(), etag: response.headers.get('etag') }
}

describe('a signature', () => {
  test('by another secret is refused', async () => {
    await bucket.put('secret', 'hello')
    const { accessKeyId } = target
    const stranger = target.client({ credentials: { accessKeyId, secretAccessKey: 'wrong' } })
    expect(await outcomeOf(stranger.send(read('secret')))).toEqual({
      status: 403,
      code: 'SignatureDoesNotMatch',
    })
  })

  test('by an unknown key is refused', async () => {
    const stranger = target.client({ credentials: { accessKeyId: 'NOBODY', secretAccessKey: 'wrong' } })
    expect(await statusOf(stranger.send(read('secret')))).toBe(403)
  })
})

describe('a presigned URL', () => {
  test('reads the object, or a range of it', async () => {
    await bucket.put('presigned', 'hello')
    const url = await getSignedUrl(client, read('presigned'), { expiresIn: 60 })
    expect(await answer(url)).toMatchObject({ status: 200, text: 'hello' })
    expect(await answer(url, { headers: { range: 'bytes=0-1' } })).toMatchObject({ status: 206, text: 'he' })
  })

  test('cannot be turned to another object', async () => {
    await bucket.put('presigned-a', 'hello')
    await bucket.put('presigned-b', 'other')
    const url = await getSignedUrl(client, read('presigned-a'), { expiresIn: 60 })
    expect(await answer(url.replace('presigned-a', 'presigned-b'))).toMatchObject({ status: 403 })
  })

  test('ends when it expires', async () => {
    await bucket.put('expired', 'hello')
    const signingDate = new Date(Date.now() - 120_000)
    const url = await getSignedUrl(client, read('expired'), { expiresIn: 1, signingDate })
    expect(await answer(url)).toMatchObject({ status: 403 })
  })

  test('writes once when it was signed with If-None-Match', async () => {
    // A presigned checksum would be that of an empty body.
    const signer = target.client({ requestChecksumCalculation: 'WHEN_REQUIRED' })
    const command = new PutObjectCommand({ Bucket: bucket.name, Key: 'presigned-put', IfNoneMatch: '*' })
    const url = await getSignedUrl(signer, command, {
      expiresIn: 60,
      unhoistableHeaders: new Set(['if-none-match']),
      signableHeaders: new Set(['host', 'if-none-match']),
    })
    // No content type: RGW 20 refuses one that is not signed.
    const put = () =>
      answer(url, { method: 'PUT', body: Buffer.from('pp'), headers: { 'if-none-match': '*' } })
    expect(await put()).toMatchObject({ status: 200 })
    expect(await bucket.text('presigned-put')).toBe('pp')
    expect(await put()).toMatchObject({ status: 412 })
  })
})

describe('without credentials', () => {
  const allow = (Bucket: string, actions: string[]) => {
    const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`]
    const statement = { Sid: 'r', Effect: 'Allow', Principal: '*', Action: actions, Resource }
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
    return client.send(new PutBucketPolicyCommand({ Bucket, Policy }))
  }
  const publicBucket = async (...actions: string[]) => {
    const handle = bucketHandle(client, await target.freshBucket())
    await handle.put('a.txt', 'hello')
    await allow(handle.name, actions)
    return `${target.endpoint}/${handle.name}`
  }

  test('a private object cannot be read', async () => {
    await bucket.put('private', 'hello')
    expect(await answer(`${target.endpoint}/${bucket.name}/private`)).toMatchObject({ status: 403 })
  })

  test('a bucket policy opens reading, with conditions and ranges', async () => {
    const url = `${await publicBucket('s3:GetObject')}/a.txt`
    const found = await answer(url)
    expect(found).toMatchObject({ status: 200, text: 'hello' })
    const etag = found.etag ?? ''
    expect(await answer(url, { headers: { 'if-none-match': etag } })).toMatchObject({ status: 304 })
    expect(await answer(url, { headers: { range: 'bytes=1-2' } })).toMatchObject({ status: 206, text: 'el' })
  })

  test('a readable bucket still refuses writing and listing', async () => {
    const url = await publicBucket('s3:GetObject')
    expect(await answer(`${url}/x`, { method: 'PUT', body: 'x' })).toMatchObject({ status: 403 })
    expect(await answer(`${url}?list-type=2`)).toMatchObject({ status: 403 })
  })

  test('a missing object is 403 to those who may not list, and 404 to those who may', async () => {
    const readable = await publicBucket('s3:GetObject')
    expect(await answer(`${readable}/none`)).toMatchObject({ status: 403 })
    const listable = await publicBucket('s3:GetObject', 's3:ListBucket')
    expect(await answer(`${listable}/none`)).toMatchObject({ status: 404 })
    expect(await answer(`${listable}?list-type=2`)).toMatchObject({ status: 200 })
  })
})
