import type { Bucket, Content, ObjectVersion } from './bucket.ts'
import { checksumHeaders } from './checksum.ts'
import { checkWrite, matchesEtag } from './conditions.ts'
import { metadataOf } from './metadata.ts'
import { bucketOf, type Call, type Operation } from './operation.ts'
import { decodePart } from './request.ts'
import { S3Error } from './s3-error.ts'
import { element, xmlDocument } from './xml.ts'

/** Writes of single objects. Each reads its body first and then checks and writes in one turn. */

export const putObject: Operation = async (call) => {
  const { headers, key } = call.request
  if (headers['content-length'] === undefined && headers['x-amz-decoded-content-length'] === undefined) {
    throw new S3Error('MissingContentLength')
  }
  const { bytes, checksums } = await call.payload()
  const object = writeChecked(call, key, { bytes, checksums, metadata: metadataOf(headers) })
  return { status: 200, headers: { ...writtenHeaders(call, object), ...checksumHeaders(checksums) } }
}

export const copyObject: Operation = async (call) => {
  const { headers, key } = call.request
  await call.payload()
  const source = copySource(call, headers['x-amz-copy-source'] ?? '')
  const wanted = headers['x-amz-copy-source-if-match']
  if (wanted !== undefined && !matchesEtag(wanted, source.etag)) throw new S3Error('PreconditionFailed')
  const replace = headers['x-amz-metadata-directive'] === 'REPLACE'
  if (!replace && source === bucketOf(call).current(key)) {
    throw new S3Error('InvalidRequest', 'this copies an object to itself without changing anything')
  }
  const { bytes, checksums } = source
  const metadata = replace ? metadataOf(headers) : source.metadata
  const copy = writeChecked(call, key, { bytes, checksums, metadata })
  const fields = element('LastModified', copy.modified.toISOString()) + element('ETag', `"${copy.etag}"`)
  return { status: 200, headers: writtenHeaders(call, copy), body: xmlDocument('CopyObjectResult', fields) }
}

export const deleteObject: Operation = (call) => {
  const bucket = bucketOf(call)
  const { headers, key } = call.request
  checkWrite(bucket, key, headers, call.lastChangeOnArrival)
  bucket.remove(key)
  return { status: 204 }
}

/** Checks the conditions of this call and writes, with nothing in between. */
export function writeChecked(call: Call, key: string, content: Content): ObjectVersion {
  const bucket = bucketOf(call)
  checkWrite(bucket, key, call.request.headers, call.lastChangeOnArrival)
  return bucket.write(key, content)
}

export function writtenHeaders(call: Call, object: ObjectVersion): Record<string, string> {
  return { etag: `"${object.etag}"`, ...versionHeaders(bucketOf(call), object) }
}

export function versionHeaders(bucket: Bucket, object: ObjectVersion): Record<string, string> {
  return bucket.versioned ? { 'x-amz-version-id': object.versionId } : {}
}

function copySource({ buckets }: Call, header: string): ObjectVersion {
  if (header.includes('?')) throw new S3Error('NotImplemented', 'copy of a version')
  const path = decodePart(header).replace(/^\//, '')
  const slash = path.indexOf('/')
  const bucket = buckets.get(path.slice(0, slash))
  if (bucket === undefined) throw new S3Error('NoSuchBucket')
  const object = bucket.current(path.slice(slash + 1))
  if (object === undefined) throw new S3Error('NoSuchKey')
  return object
}
