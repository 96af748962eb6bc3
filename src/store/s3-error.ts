/** What the SDK's errors mean to us, decided by name and status, never by text. */
import type { ErrorCode } from '../core/errors.ts'

export interface S3Fault {
  readonly name: string
  readonly status: number | undefined
}

export function describeFault(error: unknown): S3Fault {
  if (!(error instanceof Error)) return { name: String(error), status: undefined }
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return { name: code, status: typeof status === 'number' ? status : undefined }
}

export function isMissingKey({ name, status }: S3Fault): boolean {
  return status === 404 && name !== 'NoSuchBucket'
}

/** A lost race: 412, 409 while another write is under way, 404 for If-Match on nothing. */
export function isLostRace(fault: S3Fault): boolean {
  return fault.status === 412 || fault.status === 409 || isMissingKey(fault)
}

type Meaning = readonly [code: ErrorCode, message: string, hint: string]

const UNREACHABLE: Meaning = [
  'unreachable',
  'the store does not answer',
  'check the network and the endpoint',
]

const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: ['absent', 'there is no such bucket', 'create the bucket, or check its name and endpoint'],
  CredentialsProviderError: [
    'denied',
    'no credentials for this store were found',
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
  ],
  ExpiredToken: ['denied', 'the credentials have expired', 'sign in again'],
  RequestTimeTooSkewed: ['denied', "the store refuses this machine's clock", 'set the clock'],
  PermanentRedirect: ['usage', 'the bucket lives in another region', 'add ?region=… to the URL'],
  AuthorizationHeaderMalformed: ['usage', 'the bucket lives in another region', 'add ?region=… to the URL'],
  NotImplemented: [
    'unsupported',
    'the store does not know this operation',
    'use a store with conditional writes (AWS, R2, MinIO, Ceph)',
  ],
  InvalidRange: ['corrupt', 'the object is shorter than it was', 'try again'],
}

export function meaningOf({ name, status }: S3Fault): Meaning {
  // The name is what the server said, and may be `constructor`.
  const known = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined
  if (known !== undefined) return known
  if (status === 401 || status === 403) {
    return ['denied', 'access denied', 'check the credentials and the bucket policy']
  }
  // Whatever sends us elsewhere is not the store: a sign-in page of this network, a proxy.
  const isElsewhere = status !== undefined && status >= 300 && status < 400
  if (status === undefined || isElsewhere || status === 408 || status === 429 || status >= 500)
    return UNREACHABLE
  return ['failed', 'the store refused the request', 'check the endpoint and the bucket']
}
