import { compareUtf8, type ObjectVersion } from './bucket.ts'
import { bucketOf, type Operation } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { encodeStrictly } from './signature.ts'
import { element, xmlDocument } from './xml.ts'

/** ListObjectsV2: prefix, delimiter, pages, start-after and URL encoding. */

type Entry =
  | { readonly kind: 'object'; readonly name: string; readonly object: ObjectVersion }
  | { readonly kind: 'prefix'; readonly name: string }

/** AWS never returns more than this on one page. */
const MAX_KEYS = 1000

export const listObjects: Operation = (call) => {
  const bucket = bucketOf(call)
  const { query } = call.request
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const encode = nameEncoder(query.get('encoding-type'))
  const limit = readLimit(query.get('max-keys'))
  const after = readToken(query.get('continuation-token')) ?? query.get('start-after') ?? ''

  const entries = entriesOf(bucket.objects(), prefix, delimiter).filter(({ kind, name }) => {
    // A page that ended with a common prefix continues behind everything under it.
    const passed = kind === 'prefix' && after.startsWith(name)
    return !passed && compareUtf8(name, after) > 0
  })
  const page = entries.slice(0, limit)
  const last = page.at(-1)
  const truncated = last !== undefined && entries.length > page.length
  const fields = [
    element('Name', bucket.name),
    element('Prefix', encode(prefix)),
    element('KeyCount', page.length),
    element('MaxKeys', limit),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    query.has('encoding-type') ? element('EncodingType', 'url') : '',
    element('IsTruncated', truncated),
    truncated ? element('NextContinuationToken', Buffer.from(last.name).toString('base64url')) : '',
    ...page.map((entry) => entryXml(entry, encode)),
  ]
  return { status: 200, body: xmlDocument('ListBucketResult', fields.join('')) }
}

/** Objects under the prefix, those that share a name up to the delimiter folded into one entry. */
function entriesOf(
  objects: readonly (readonly [string, ObjectVersion])[],
  prefix: string,
  delimiter: string,
): Entry[] {
  const entries = new Map<string, Entry>()
  for (const [key, object] of objects) {
    if (!key.startsWith(prefix)) continue
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const name = cut < 0 ? key : key.slice(0, cut + delimiter.length)
    entries.set(name, cut < 0 ? { kind: 'object', name, object } : { kind: 'prefix', name })
  }
  return [...entries.values()]
}

function entryXml(entry: Entry, encode: (name: string) => string): string {
  if (entry.kind === 'prefix') {
    return `<CommonPrefixes>${element('Prefix', encode(entry.name))}</CommonPrefixes>`
  }
  const { modified, etag, bytes } = entry.object
  const fields = [
    element('Key', encode(entry.name)),
    element('LastModified', modified.toISOString()),
    element('ETag', `"${etag}"`),
    element('Size', bytes.length),
    element('StorageClass', 'STANDARD'),
  ]
  return `<Contents>${fields.join('')}</Contents>`
}

/** With `encoding-type=url` names travel encoded as in HTML forms, slashes excepted: XML 1.0 cannot hold every key. */
function nameEncoder(encodingType: string | null): (name: string) => string {
  if (encodingType === null) return (name) => name
  if (encodingType !== 'url') throw new S3Error('InvalidArgument', 'encoding-type')
  return (name) => encodeStrictly(name).replaceAll('%2F', '/').replaceAll('%20', '+')
}

function readLimit(text: string | null): number {
  if (text === null) return MAX_KEYS
  if (!/^\d+$/.test(text)) throw new S3Error('InvalidArgument', 'max-keys')
  return Math.min(MAX_KEYS, Number(text))
}

function readToken(token: string | null): string | undefined {
  return token === null ? undefined : Buffer.from(token, 'base64url').toString()
}
