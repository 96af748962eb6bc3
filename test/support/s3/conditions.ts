import type { Bucket, ObjectVersion } from './bucket.ts'
import { S3Error } from './s3-error.ts'

type Headers = Readonly<Record<string, string>>

/** Whether a list of entity tags (or `*`) names this one. S3 takes them with quotes and without. */
export function matchesEtag(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((tag) => bareEtag(tag) === etag)
}

export function bareEtag(tag: string): string {
  return tag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1')
}

/**
 * Checks If-None-Match and If-Match of a write; call it in the same turn as the write.
 *
 * `lastChangeOnArrival` is the key's state when the request began. AWS answers 409 ConditionalRequestConflict
 * instead of the plain failure when another write to the key succeeded while this request was under way
 * (User Guide, "How to prevent object overwrites with conditional writes").
 */
export function checkWrite(bucket: Bucket, key: string, headers: Headers, lastChangeOnArrival: number): void {
  const failure = writeFailure(bucket.current(key), headers)
  if (failure === undefined) return
  throw new S3Error(bucket.lastChange(key) === lastChangeOnArrival ? failure : 'ConditionalRequestConflict')
}

function writeFailure(
  current: ObjectVersion | undefined,
  headers: Headers,
): 'NoSuchKey' | 'PreconditionFailed' | undefined {
  const ifNoneMatch = headers['if-none-match']
  const ifMatch = headers['if-match']
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') {
    throw new S3Error('NotImplemented', 'If-None-Match of a write takes only *')
  }
  if (ifNoneMatch !== undefined && current !== undefined) return 'PreconditionFailed'
  if (ifMatch === undefined) return undefined
  // AWS: 404 when there is nothing whose tag could match.
  if (current === undefined) return 'NoSuchKey'
  return matchesEtag(ifMatch, current.etag) ? undefined : 'PreconditionFailed'
}

/** Checks the conditions of a read in the order of RFC 9110, §13.2.2. `headers304` go with a 304. */
export function checkRead(object: ObjectVersion, headers: Headers, headers304: Headers): void {
  const modified = Date.parse(object.modified.toUTCString())
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  const since = Date.parse(headers['if-modified-since'] ?? '')
  const unmodifiedSince = Date.parse(headers['if-unmodified-since'] ?? '')
  if (ifMatch === undefined ? modified > unmodifiedSince : !matchesEtag(ifMatch, object.etag)) {
    throw new S3Error('PreconditionFailed')
  }
  if (ifNoneMatch === undefined ? modified <= since : matchesEtag(ifNoneMatch, object.etag)) {
    throw new S3Error('NotModified', '', headers304)
  }
}
