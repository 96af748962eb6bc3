import type { Bucket, ObjectVersion } from './bucket.ts'
import { checksumHeaders } from './checksum.ts'
import { checkRead } from './conditions.ts'
import { OVERRIDABLE } from './metadata.ts'
import { versionHeaders } from './object-operations.ts'
import { bucketOf, type Call, type Operation } from './operation.ts'
import { allowsAnonymous } from './policy.ts'
import type { S3Request } from './request.ts'
import { S3Error } from './s3-error.ts'

/** GetObject and HeadObject: the server leaves the body of a HEAD out. */
export const getObject: Operation = (call) => {
  const { request } = call
  const bucket = bucketOf(call)
  const object = findObject(call, bucket)
  const headers = {
    ...object.metadata,
    ...overriddenHeaders(request),
    etag: `"${object.etag}"`,
    'last-modified': object.modified.toUTCString(),
    'accept-ranges': 'bytes',
    ...versionHeaders(bucket, object),
  }
  checkRead(object, request.headers, { etag: headers.etag, 'last-modified': headers['last-modified'] })
  const size = object.bytes.length
  const range = readRange(request.headers.range, size)
  if (range !== undefined) {
    const { first, last } = range
    const body = object.bytes.subarray(first, last + 1)
    return { status: 206, headers: { ...headers, 'content-range': `bytes ${first}-${last}/${size}` }, body }
  }
  // A stored checksum covers the whole object, so it goes only with the whole object.
  const withChecksums = /^enabled$/i.test(request.headers['x-amz-checksum-mode'] ?? '')
  const sums = withChecksums ? checksumHeaders(object.checksums) : {}
  return { status: 200, headers: { ...headers, ...sums }, body: object.bytes }
}

function findObject(call: Call, bucket: Bucket): ObjectVersion {
  const { key, query } = call.request
  const versionId = query.get('versionId')
  const object = versionId === null ? bucket.current(key) : bucket.version(key, versionId)
  if (object !== undefined) return object
  // AWS hides from callers who may not list whether a key exists: GetObject, "Permissions".
  const mayList = call.caller.kind === 'owner' || allowsAnonymous(bucket.policy, 's3:ListBucket', bucket.name)
  if (!mayList) throw new S3Error('AccessDenied')
  throw new S3Error(versionId === null ? 'NoSuchKey' : 'NoSuchVersion')
}

function overriddenHeaders({ query }: S3Request): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of OVERRIDABLE) {
    const value = query.get(`response-${name}`)
    if (value !== null) headers[name] = value
  }
  return headers
}

interface Range {
  readonly first: number
  readonly last: number
}

/** The bytes a Range header asks for; undefined when there is none, or one that makes no sense (RFC 9110, §14.2). */
function readRange(header: string | undefined, size: number): Range | undefined {
  if (header?.includes(',')) throw new S3Error('NotImplemented', 'several ranges')
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const [, from = '', to = ''] = match
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (first >= size) throw new S3Error('InvalidRange', 'InvalidRange', { 'content-range': `bytes */${size}` })
  return first <= last ? { first, last } : undefined
}
