/** The headers of a write that S3 keeps and gives back with every read. */

const KEPT: readonly string[] = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
]

/** Kept headers that a GET may override by a `response-<name>` parameter. */
export const OVERRIDABLE: readonly string[] = KEPT

export function metadataOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const metadata: Record<string, string> = { 'content-type': 'binary/octet-stream' }
  for (const [name, value] of Object.entries(headers)) {
    if (KEPT.includes(name) || name.startsWith('x-amz-meta-')) metadata[name] = value
  }
  return withoutChunkedEncoding(metadata)
}

/** `aws-chunked` describes the request, not the object. A store that keeps it breaks its readers. */
function withoutChunkedEncoding({ 'content-encoding': encoding, ...rest }: Record<string, string>) {
  const kept = (encoding ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'aws-chunked')
  return kept.length === 0 ? rest : { ...rest, 'content-encoding': kept.join(',') }
}
