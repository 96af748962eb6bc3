import { createHash } from 'node:crypto'
import { type Checksums, checksum, verifyChecksums } from './checksum.ts'
import { decodeChunked } from './chunked.ts'
import type { S3Request } from './request.ts'
import { S3Error } from './s3-error.ts'
import type { Caller } from './signature.ts'

/** A request body that arrived whole and matches everything the client said about it. */
export interface Payload {
  readonly bytes: Buffer
  /** What to keep with the object: the checksums that were sent, else one of our own as AWS does. */
  readonly checksums: Checksums
  /** Whether the client sent any digest of the content. */
  readonly guarded: boolean
}

const TRAILER_PAYLOAD = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'

/** Reads the body and checks length, payload hash, Content-MD5, checksum headers and trailers. */
export async function readPayload(request: S3Request, caller: Caller): Promise<Payload> {
  const { headers } = request
  const raw = await readBody(request)
  const payloadHash = caller.kind === 'owner' ? caller.payloadHash : 'UNSIGNED-PAYLOAD'
  const { bytes, trailers } = decodePayload(raw, payloadHash, headers)
  const md5 = headers['content-md5']
  if (md5 !== undefined && createHash('md5').update(bytes).digest('base64') !== md5) {
    throw new S3Error('BadDigest', 'the Content-MD5 you specified did not match what we received')
  }
  const sent = verifyChecksums({ ...headers, ...trailers }, bytes)
  const guarded = md5 !== undefined || Object.keys(sent).length > 0
  return {
    bytes,
    guarded,
    checksums: Object.keys(sent).length > 0 ? sent : { crc32: checksum('crc32', bytes) },
  }
}

async function readBody({ body, headers }: S3Request): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of body) chunks.push(chunk)
  } catch {
    // The client went away half-way. Nothing may be stored of it, and nobody is left to read this answer.
    throw new S3Error('IncompleteBody')
  }
  const bytes = Buffer.concat(chunks)
  const announced = headers['content-length']
  if (announced !== undefined && Number(announced) !== bytes.length) throw new S3Error('IncompleteBody')
  return bytes
}

interface Decoded {
  readonly bytes: Buffer
  readonly trailers: Readonly<Record<string, string>>
}

function decodePayload(raw: Buffer, payloadHash: string, headers: Readonly<Record<string, string>>): Decoded {
  if (payloadHash === TRAILER_PAYLOAD) return decodeChunked(raw, headers)
  if (payloadHash.startsWith('STREAMING-')) throw new S3Error('NotImplemented', payloadHash)
  if (payloadHash !== 'UNSIGNED-PAYLOAD') {
    const found = createHash('sha256').update(raw).digest('hex')
    if (found !== payloadHash) throw new S3Error('XAmzContentSHA256Mismatch')
  }
  return { bytes: raw, trailers: {} }
}
