import { randomUUID } from 'node:crypto'
import { type Checksums, checksum, checksumHeaders, md5Hex } from './checksum.ts'
import { bareEtag } from './conditions.ts'
import { metadataOf } from './metadata.ts'
import { writeChecked, writtenHeaders } from './object-operations.ts'
import { bucketOf, type Call, NO_CONTENT, type Operation } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { contentsOf, element, textOf, xmlDocument } from './xml.ts'

export interface Upload {
  readonly key: string
  readonly metadata: Readonly<Record<string, string>>
  readonly parts: Map<number, Part>
}

interface Part {
  readonly bytes: Buffer
  readonly etag: string
  readonly checksums: Checksums
  readonly modified: Date
}

const MAX_PART_NUMBER = 10_000
/** Every part but the last has at least this many bytes. */
const MIN_PART_SIZE = 5 * 1024 * 1024

export const createMultipartUpload: Operation = async (call) => {
  const { key, headers } = call.request
  await call.payload()
  const uploadId = randomUUID()
  const bucket = bucketOf(call)
  bucket.uploads.set(uploadId, { key, metadata: metadataOf(headers), parts: new Map() })
  const fields = element('Bucket', bucket.name) + element('Key', key) + element('UploadId', uploadId)
  return { status: 200, body: xmlDocument('InitiateMultipartUploadResult', fields) }
}

export const uploadPart: Operation = async (call) => {
  const number = Number(call.request.query.get('partNumber'))
  if (!(Number.isInteger(number) && number >= 1 && number <= MAX_PART_NUMBER)) {
    throw new S3Error('InvalidArgument', 'partNumber')
  }
  const { bytes, checksums } = await call.payload()
  const etag = md5Hex(bytes)
  uploadOf(call).parts.set(number, { bytes, etag, checksums, modified: new Date(call.now()) })
  return { status: 200, headers: { etag: `"${etag}"`, ...checksumHeaders(checksums) } }
}

export const listParts: Operation = (call) => {
  const parts = [...uploadOf(call).parts].sort(([a], [b]) => a - b)
  const fields = parts.map(([number, { modified, etag, bytes }]) => {
    const part = [
      element('PartNumber', number),
      element('LastModified', modified.toISOString()),
      element('ETag', `"${etag}"`),
      element('Size', bytes.length),
    ]
    return `<Part>${part.join('')}</Part>`
  })
  const body = xmlDocument('ListPartsResult', element('IsTruncated', false) + fields.join(''))
  return { status: 200, body }
}

export const abortMultipartUpload: Operation = (call) => {
  uploadOf(call)
  bucketOf(call).uploads.delete(uploadIdOf(call))
  return NO_CONTENT
}

export const completeMultipartUpload: Operation = async (call) => {
  const { key } = call.request
  const { bytes: document } = await call.payload()
  const upload = uploadOf(call)
  const parts = chosenParts(document.toString(), upload)
  const bytes = Buffer.concat(parts.map((part) => part.bytes))
  const etags = Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex')))
  const object = writeChecked(call, key, {
    bytes,
    metadata: upload.metadata,
    checksums: { crc32: checksum('crc32', bytes) },
    // The well-known shape of multipart tags: the MD5 of the parts' MD5s, and how many there were.
    etag: `${md5Hex(etags)}-${parts.length}`,
  })
  bucketOf(call).uploads.delete(uploadIdOf(call))
  const fields = [
    element('Bucket', call.request.bucket),
    element('Key', key),
    element('ETag', `"${object.etag}"`),
  ]
  const body = xmlDocument('CompleteMultipartUploadResult', fields.join(''))
  return { status: 200, headers: writtenHeaders(call, object), body }
}

/** The parts that the client lists, which must exist as listed, in ascending order. */
function chosenParts(document: string, upload: Upload): Part[] {
  let previous = 0
  const parts = contentsOf(document, 'Part').map((listed) => {
    const number = Number(textOf(listed, 'PartNumber'))
    if (!(number > previous)) throw new S3Error('InvalidPartOrder')
    previous = number
    const part = upload.parts.get(number)
    if (part === undefined || !describes(listed, part)) throw new S3Error('InvalidPart')
    return part
  })
  if (parts.length === 0) throw new S3Error('MalformedXML')
  if (parts.slice(0, -1).some(({ bytes }) => bytes.length < MIN_PART_SIZE))
    throw new S3Error('EntityTooSmall')
  return parts
}

function describes(listed: string, part: Part): boolean {
  const crc32 = textOf(listed, 'ChecksumCRC32')
  const sameChecksum = crc32 === undefined || crc32 === part.checksums.crc32
  return sameChecksum && bareEtag(textOf(listed, 'ETag') ?? '') === part.etag
}

function uploadIdOf({ request }: Call): string {
  return request.query.get('uploadId') ?? ''
}

function uploadOf(call: Call): Upload {
  const upload = bucketOf(call).uploads.get(uploadIdOf(call))
  if (upload === undefined || upload.key !== call.request.key) throw new S3Error('NoSuchUpload')
  return upload
}
