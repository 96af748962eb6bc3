import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { isPresigned, type S3Request } from './request.ts'
import { S3Error } from './s3-error.ts'

/** Signature Version 4, checked as the server does: the signature is recomputed from what arrived. */

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface SignatureRules {
  readonly credentials: Credentials
  /** The only region that is accepted; any when absent, as most compatible stores have it. */
  readonly region: string | undefined
  readonly now: () => number
}

export type Caller =
  | { readonly kind: 'anonymous' }
  /** `payloadHash` is what the signature says about the body: a SHA-256, or one of the `UNSIGNED` markers. */
  | { readonly kind: 'owner'; readonly payloadHash: string }

interface Claim {
  readonly accessKeyId: string
  /** Day, region, service and terminator: what the signing key is derived from. */
  readonly scope: readonly [day: string, region: string, service: string, terminator: string]
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly date: string
  readonly payloadHash: string
}

const MINUTES = 60_000
/** AWS refuses clocks that differ by more than this. */
const MAX_SKEW = 15 * MINUTES
/** The longest life of a presigned URL, in seconds: seven days. */
const MAX_EXPIRES = 604_800

/** Who sent this, or the error that says why the signature is not believed. */
export function authenticate(request: S3Request, rules: SignatureRules): Caller {
  const claim = readClaim(request)
  if (claim === undefined) return { kind: 'anonymous' }
  if (claim.accessKeyId !== rules.credentials.accessKeyId) throw new S3Error('InvalidAccessKeyId')
  checkScope(claim, rules.region)
  checkTime(request, claim, rules.now())
  checkSignedHeaders(request, claim)
  const expected = signatureOf(request, claim, rules.credentials.secretAccessKey)
  const found = Buffer.from(claim.signature, 'hex')
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) {
    throw new S3Error('SignatureDoesNotMatch')
  }
  return { kind: 'owner', payloadHash: claim.payloadHash }
}

function readClaim(request: S3Request): Claim | undefined {
  if (isPresigned(request)) return readPresignedClaim(request)
  return request.headers.authorization === undefined ? undefined : readHeaderClaim(request)
}

function readHeaderClaim({ headers }: S3Request): Claim {
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)$/
  const match = pattern.exec(headers.authorization ?? '')
  if (match === null) throw new S3Error('AuthorizationHeaderMalformed')
  const payloadHash = headers['x-amz-content-sha256']
  if (payloadHash === undefined) throw new S3Error('InvalidRequest', 'x-amz-content-sha256 is missing')
  const [, credential = '', signedHeaders = '', signature = ''] = match
  const date = headers['x-amz-date'] ?? ''
  return {
    ...readCredential(credential),
    signedHeaders: signedHeaders.split(';'),
    signature,
    date,
    payloadHash,
  }
}

function readPresignedClaim({ query, headers }: S3Request): Claim {
  const parameter = (name: string): string => {
    const value = query.get(name)
    if (value === null) throw new S3Error('AuthorizationQueryParametersError', `${name} is missing`)
    return value
  }
  if (parameter('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Error('AuthorizationQueryParametersError', 'X-Amz-Algorithm only supports AWS4-HMAC-SHA256')
  }
  return {
    ...readCredential(parameter('X-Amz-Credential')),
    signedHeaders: parameter('X-Amz-SignedHeaders').split(';'),
    signature: parameter('X-Amz-Signature'),
    date: parameter('X-Amz-Date'),
    payloadHash: headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  }
}

function readCredential(credential: string): Pick<Claim, 'accessKeyId' | 'scope'> {
  const [accessKeyId, day, region, service, terminator, ...rest] = credential.split('/')
  if (!accessKeyId || !day || !region || !service || !terminator || rest.length > 0) {
    throw new S3Error('AuthorizationHeaderMalformed', 'the credential has not five parts')
  }
  return { accessKeyId, scope: [day, region, service, terminator] }
}

function checkScope({ scope, date }: Claim, region: string | undefined): void {
  const [day, claimedRegion, service, terminator] = scope
  const wanted = region ?? claimedRegion
  if (
    claimedRegion !== wanted ||
    service !== 's3' ||
    terminator !== 'aws4_request' ||
    !date.startsWith(day)
  ) {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      `the credential scope is wrong; expecting region ${wanted}`,
    )
  }
}

function checkTime(request: S3Request, { date }: Claim, now: number): void {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const age = now - Date.parse(iso)
  if (Number.isNaN(age)) throw new S3Error('AccessDenied', 'the request has no valid date')
  if (!isPresigned(request)) {
    if (Math.abs(age) > MAX_SKEW) throw new S3Error('RequestTimeTooSkewed')
    return
  }
  const expires = Number(request.query.get('X-Amz-Expires'))
  if (!(expires >= 1 && expires <= MAX_EXPIRES)) throw new S3Error('AuthorizationQueryParametersError')
  if (age > expires * 1000 || age < -MAX_SKEW) throw new S3Error('AccessDenied', 'Request has expired')
}

/** AWS insists that the host and every `x-amz-*` header are covered; an unsigned one could be injected. */
function checkSignedHeaders(request: S3Request, claim: Claim): void {
  const signed = new Set(claim.signedHeaders)
  if (!signed.has('host')) throw new S3Error('AccessDenied', 'the host header is not signed')
  for (const name of Object.keys(request.headers)) {
    const hoisted = isPresigned(request) && hasParameter(request.query, name)
    if (name.startsWith('x-amz-') && !signed.has(name) && !hoisted) {
      throw new S3Error(
        'AccessDenied',
        `there were headers present in the request which were not signed: ${name}`,
      )
    }
  }
}

function hasParameter(query: URLSearchParams, name: string): boolean {
  return [...query.keys()].some((parameter) => parameter.toLowerCase() === name)
}

function signatureOf(request: S3Request, claim: Claim, secret: string): Buffer {
  const canonical = canonicalRequest(request, claim)
  const digest = createHash('sha256').update(canonical).digest('hex')
  const toSign = ['AWS4-HMAC-SHA256', claim.date, claim.scope.join('/'), digest].join('\n')
  const start: Buffer = Buffer.from(`AWS4${secret}`)
  const signingKey = claim.scope.reduce((key, part) => hmac(key, part), start)
  return hmac(signingKey, toSign)
}

function canonicalRequest({ method, rawPath, query, headers }: S3Request, claim: Claim): string {
  // S3 alone encodes the path once and does not normalise it, so that keys may hold `//` and `..`.
  const path = rawPath.split('/').map((part) => encodeStrictly(decodeURIComponent(part)))
  const parameters = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const)
    .sort(([a, x], [b, y]) => compareCodeUnits(a, b) || compareCodeUnits(x, y))
  const lines = claim.signedHeaders.map((name) => `${name}:${trimAll(headers[name] ?? '')}`)
  return [
    method,
    path.join('/'),
    parameters.map((pair) => pair.join('=')).join('&'),
    ...lines,
    '',
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n')
}

/** Percent-encodes everything but the unreserved characters of RFC 3986. */
export function encodeStrictly(text: string): string {
  const rest = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text).replace(/[!'()*]/g, rest)
}

function trimAll(value: string): string {
  return value.trim().replace(/ +/g, ' ')
}

function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
