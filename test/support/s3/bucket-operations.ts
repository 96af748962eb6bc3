import { Bucket } from './bucket.ts'
import { bucketOf, NO_CONTENT, type Operation } from './operation.ts'
import { parsePolicy } from './policy.ts'
import { S3Error } from './s3-error.ts'
import { contentsOf, element, textOf, xmlDocument } from './xml.ts'

export const createBucket: Operation = async (call) => {
  const { bucket: name } = call.request
  await call.payload()
  if (call.buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou')
  call.buckets.set(name, new Bucket(name, call.now))
  return { status: 200, headers: { location: `/${name}` } }
}

export const headBucket: Operation = (call) => {
  bucketOf(call)
  return { status: 200 }
}

export const deleteBucket: Operation = (call) => {
  const bucket = bucketOf(call)
  if (!bucket.empty) throw new S3Error('BucketNotEmpty')
  call.buckets.delete(bucket.name)
  return NO_CONTENT
}

export const putBucketPolicy: Operation = async (call) => {
  const { bytes } = await call.payload()
  bucketOf(call).policy = parsePolicy(bytes.toString())
  return NO_CONTENT
}

export const getBucketPolicy: Operation = (call) => {
  const { policy } = bucketOf(call)
  if (policy === undefined) throw new S3Error('NoSuchBucketPolicy')
  return { status: 200, headers: { 'content-type': 'application/json' }, body: policy.text }
}

export const deleteBucketPolicy: Operation = (call) => {
  bucketOf(call).policy = undefined
  return NO_CONTENT
}

export const putBucketVersioning: Operation = async (call) => {
  const { bytes } = await call.payload()
  if (textOf(bytes.toString(), 'Status') !== 'Enabled') {
    throw new S3Error('NotImplemented', 'suspending versioning')
  }
  bucketOf(call).versioned = true
  return { status: 200 }
}

export const getBucketVersioning: Operation = (call) => {
  const status = bucketOf(call).versioned ? element('Status', 'Enabled') : ''
  return { status: 200, body: xmlDocument('VersioningConfiguration', status) }
}

export const deleteObjects: Operation = async (call) => {
  const { bytes, guarded } = await call.payload()
  // AWS insists, because a garbled list would remove the wrong objects.
  if (!guarded) throw new S3Error('InvalidRequest', 'missing required header for this request: Content-MD5')
  const document = bytes.toString()
  const bucket = bucketOf(call)
  const removed = contentsOf(document, 'Object').map((listed) => {
    const key = textOf(listed, 'Key')
    if (key === undefined) throw new S3Error('MalformedXML')
    if (/<(VersionId|ETag|LastModifiedTime|Size)>/.test(listed)) {
      throw new S3Error('NotImplemented', 'deleting versions, or with conditions')
    }
    return key
  })
  for (const key of removed) bucket.remove(key)
  const quiet = textOf(document, 'Quiet') === 'true'
  const fields = quiet ? [] : removed.map((key) => `<Deleted>${element('Key', key)}</Deleted>`)
  return { status: 200, body: xmlDocument('DeleteResult', fields.join('')) }
}
