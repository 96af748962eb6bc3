import * as buckets from './bucket-operations.ts'
import { listObjects } from './listing.ts'
import { OVERRIDABLE } from './metadata.ts'
import * as multipart from './multipart.ts'
import { copyObject, deleteObject, putObject } from './object-operations.ts'
import { getObject } from './object-reads.ts'
import type { Operation } from './operation.ts'
import type { AnonymousAction } from './policy.ts'
import { operationParameters, type S3Request } from './request.ts'
import { S3Error } from './s3-error.ts'

/**
 * Which operation a request names. A test server that ignores what it does not know makes tests pass that would
 * fail elsewhere, so every parameter and every `x-amz-*` header has to be listed here; the rest is 501.
 */

interface Route {
  readonly method: string
  readonly on: 'bucket' | 'object'
  /** Parameters without which it is another operation. */
  readonly required?: readonly string[]
  readonly optional?: readonly string[]
  /** Headers this operation understands beyond the common ones; `*` stands for any ending. */
  readonly headers?: readonly string[]
  readonly requiredHeader?: string
  /** What a bucket policy may let everybody do. */
  readonly anonymous?: AnonymousAction
  readonly run: Operation
}

const COMMON_HEADERS: readonly string[] = [
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-user-agent',
  'x-amz-checksum-crc32',
  'x-amz-checksum-sha1',
  'x-amz-checksum-sha256',
  'x-amz-sdk-checksum-algorithm',
]
const STREAM_HEADERS: readonly string[] = ['x-amz-decoded-content-length', 'x-amz-trailer']
const READ_HEADERS: readonly string[] = ['x-amz-checksum-mode']
const COPY_HEADERS: readonly string[] = [
  'x-amz-copy-source',
  'x-amz-copy-source-if-match',
  'x-amz-metadata-directive',
  'x-amz-meta-*',
]
const LIST_PARAMETERS: readonly string[] = [
  'prefix',
  'delimiter',
  'max-keys',
  'start-after',
  'continuation-token',
  'encoding-type',
]
const READ_PARAMETERS: readonly string[] = ['versionId', ...OVERRIDABLE.map((name) => `response-${name}`)]

const ROUTES: readonly Route[] = [
  { method: 'PUT', on: 'bucket', run: buckets.createBucket },
  { method: 'HEAD', on: 'bucket', run: buckets.headBucket },
  { method: 'DELETE', on: 'bucket', run: buckets.deleteBucket },
  { method: 'PUT', on: 'bucket', required: ['policy'], run: buckets.putBucketPolicy },
  { method: 'GET', on: 'bucket', required: ['policy'], run: buckets.getBucketPolicy },
  { method: 'DELETE', on: 'bucket', required: ['policy'], run: buckets.deleteBucketPolicy },
  { method: 'PUT', on: 'bucket', required: ['versioning'], run: buckets.putBucketVersioning },
  { method: 'GET', on: 'bucket', required: ['versioning'], run: buckets.getBucketVersioning },
  { method: 'POST', on: 'bucket', required: ['delete'], run: buckets.deleteObjects },
  {
    method: 'GET',
    on: 'bucket',
    required: ['list-type'],
    optional: LIST_PARAMETERS,
    anonymous: 's3:ListBucket',
    run: listObjects,
  },
  {
    method: 'POST',
    on: 'object',
    required: ['uploads'],
    headers: ['x-amz-checksum-algorithm', 'x-amz-meta-*'],
    run: multipart.createMultipartUpload,
  },
  {
    method: 'PUT',
    on: 'object',
    required: ['uploadId', 'partNumber'],
    headers: STREAM_HEADERS,
    run: multipart.uploadPart,
  },
  { method: 'GET', on: 'object', required: ['uploadId'], run: multipart.listParts },
  { method: 'DELETE', on: 'object', required: ['uploadId'], run: multipart.abortMultipartUpload },
  { method: 'POST', on: 'object', required: ['uploadId'], run: multipart.completeMultipartUpload },
  {
    method: 'PUT',
    on: 'object',
    requiredHeader: 'x-amz-copy-source',
    headers: COPY_HEADERS,
    run: copyObject,
  },
  { method: 'PUT', on: 'object', headers: [...STREAM_HEADERS, 'x-amz-meta-*'], run: putObject },
  ...['GET', 'HEAD'].map(
    (method): Route => ({
      method,
      on: 'object',
      optional: READ_PARAMETERS,
      headers: READ_HEADERS,
      anonymous: 's3:GetObject',
      run: getObject,
    }),
  ),
  { method: 'DELETE', on: 'object', run: deleteObject },
]

/** The route of this request, or 501. */
export function findRoute(request: S3Request): Route {
  const parameters = operationParameters(request)
  const route = ROUTES.find((candidate) => matches(candidate, request, parameters))
  if (route === undefined) {
    throw new S3Error('NotImplemented', `${request.method} with ${parameters.join(', ') || 'no parameters'}`)
  }
  if (request.query.get('list-type') === '1') throw new S3Error('NotImplemented', 'list-type=1')
  const unknown = Object.keys(request.headers).find((name) => !understands(route, name))
  if (unknown !== undefined) throw new S3Error('NotImplemented', `header ${unknown}`)
  return route
}

function matches(route: Route, request: S3Request, parameters: readonly string[]): boolean {
  const { required = [], optional = [], requiredHeader } = route
  return (
    route.method === request.method &&
    route.on === (request.key === '' ? 'bucket' : 'object') &&
    required.every((name) => parameters.includes(name)) &&
    parameters.every((name) => required.includes(name) || optional.includes(name)) &&
    (requiredHeader === undefined || request.headers[requiredHeader] !== undefined)
  )
}

function understands({ headers = [] }: Route, name: string): boolean {
  if (name === 'if-range') return false
  if (!name.startsWith('x-amz-')) return true
  return [...COMMON_HEADERS, ...headers].some((known) =>
    known.endsWith('*') ? name.startsWith(known.slice(0, -1)) : name === known,
  )
}
