import { S3Error } from './s3-error.ts'

/**
 * The `aws-chunked` encoding with unsigned trailers: what SDKs send when the body is a stream whose checksum they
 * cannot know in advance. `<hex size>\r\n<bytes>\r\n … 0\r\n<trailer>:<value>\r\n\r\n`.
 */

export interface DecodedChunks {
  readonly bytes: Buffer
  readonly trailers: Readonly<Record<string, string>>
}

const LINE_END = '\r\n'

export function decodeChunked(raw: Buffer, headers: Readonly<Record<string, string>>): DecodedChunks {
  const { chunks, rest } = splitChunks(raw)
  const bytes = Buffer.concat(chunks)
  const trailers = readTrailers(raw.toString('latin1', rest))
  const length = headers['x-amz-decoded-content-length']
  if (length === undefined) throw new S3Error('MissingContentLength')
  if (Number(length) !== bytes.length) throw new S3Error('IncompleteBody')
  // A trailer that was announced and did not come means that the checksum was never compared.
  for (const name of (headers['x-amz-trailer'] ?? '').split(',')) {
    if (name !== '' && trailers[name.trim().toLowerCase()] === undefined)
      throw new S3Error('MalformedTrailerError')
  }
  return { bytes, trailers }
}

function splitChunks(raw: Buffer): { chunks: Buffer[]; rest: number } {
  const chunks: Buffer[] = []
  let position = 0
  for (;;) {
    const lineEnd = raw.indexOf(LINE_END, position)
    const size = lineEnd < 0 ? undefined : readSize(raw.toString('latin1', position, lineEnd))
    if (size === undefined) throw new S3Error('IncompleteBody', 'a chunk has no size')
    const start = lineEnd + LINE_END.length
    if (size === 0) return { chunks, rest: start }
    const end = start + size
    if (raw.toString('latin1', end, end + LINE_END.length) !== LINE_END) {
      throw new S3Error('IncompleteBody', 'a chunk is cut short')
    }
    chunks.push(raw.subarray(start, end))
    position = end + LINE_END.length
  }
}

function readSize(line: string): number | undefined {
  const [digits = ''] = line.split(';')
  return /^[0-9a-f]+$/i.test(digits) ? Number.parseInt(digits, 16) : undefined
}

function readTrailers(text: string): Record<string, string> {
  const trailers: Record<string, string> = {}
  for (const line of text.split(LINE_END)) {
    const colon = line.indexOf(':')
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return trailers
}
