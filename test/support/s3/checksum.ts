import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { S3Error } from './s3-error.ts'

/** Checksums of one object by lower-case algorithm, in base64 as they travel in `x-amz-checksum-<algorithm>`. */
export type Checksums = Readonly<Record<string, string>>

type Algorithm = (bytes: Buffer) => Buffer

/** CRC32C and CRC64NVME are not in Node; asking for them is answered with 501. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['crc32', bigEndianCrc32],
  ['sha1', (bytes) => createHash('sha1').update(bytes).digest()],
  ['sha256', (bytes) => createHash('sha256').update(bytes).digest()],
])

const PREFIX = 'x-amz-checksum-'
/** Headers with the prefix of a checksum that name something else. */
const NOT_CHECKSUMS: ReadonlySet<string> = new Set(['algorithm', 'mode', 'type'])

export function checksum(algorithm: string, bytes: Buffer): string {
  const compute = ALGORITHMS.get(algorithm)
  if (compute === undefined) throw new S3Error('NotImplemented', `checksum algorithm ${algorithm}`)
  return compute(bytes).toString('base64')
}

/**
 * Checks every checksum among the headers (or trailers) against the bytes, and answers with those that were sent.
 * AWS stores them and returns them when a GET says `x-amz-checksum-mode: ENABLED`.
 */
export function verifyChecksums(headers: Readonly<Record<string, string>>, bytes: Buffer): Checksums {
  const verified: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const algorithm = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined
    if (algorithm === undefined || NOT_CHECKSUMS.has(algorithm)) continue
    if (checksum(algorithm, bytes) !== value)
      throw new S3Error('BadDigest', `the ${name} you specified did not match`)
    verified[algorithm] = value
  }
  return verified
}

export function checksumHeaders(checksums: Checksums): Record<string, string> {
  const headers: Record<string, string> = { 'x-amz-checksum-type': 'FULL_OBJECT' }
  for (const [algorithm, value] of Object.entries(checksums)) headers[PREFIX + algorithm] = value
  return headers
}

/** The hexadecimal MD5 that S3 uses as ETag of an object written in one piece. */
export function md5Hex(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

function bigEndianCrc32(bytes: Buffer): Buffer {
  const value = Buffer.alloc(4)
  value.writeUInt32BE(crc32(bytes))
  return value
}
