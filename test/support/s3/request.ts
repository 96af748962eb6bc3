import type { IncomingMessage } from 'node:http'
import { S3Error } from './s3-error.ts'

/** One request, taken apart but not yet believed. */
export interface S3Request {
  readonly method: string
  /** The path as it was sent: signatures cover the bytes on the wire. */
  readonly rawPath: string
  readonly bucket: string
  /** The object's key, decoded; empty for operations on the bucket itself. */
  readonly key: string
  readonly query: URLSearchParams
  /** Header values by lower-case name, repeated ones joined. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Buffer>
}

/** What an operation answers. A string body is an XML (or policy) document, a Buffer an object's bytes. */
export interface S3Response {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** Takes an HTTP request apart. Only path-style addresses: virtual hosts need DNS. */
export function parseRequest(message: IncomingMessage): S3Request {
  const url = message.url ?? '/'
  const cut = url.indexOf('?')
  const rawPath = cut < 0 ? url : url.slice(0, cut)
  const [, bucket = '', ...key] = rawPath.split('/')
  return {
    method: message.method ?? '',
    rawPath,
    bucket: decodePart(bucket),
    key: key.map(decodePart).join('/'),
    // S3 reads a plus sign as itself, not as the space of HTML forms.
    query: new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1).replaceAll('+', '%2B')),
    headers: joinHeaders(message),
    body: message,
  }
}

/**
 * Parameters of a presigned URL beyond the signature itself stand for the header of the same name:
 * presigners hoist `x-amz-*` headers into the query.
 */
export function withHoistedHeaders(request: S3Request): S3Request {
  if (!isPresigned(request)) return request
  const headers = { ...request.headers }
  for (const [name, value] of request.query) {
    if (/^x-amz-/i.test(name) && !SIGNATURE_PARAMETERS.has(name)) headers[name.toLowerCase()] = value
  }
  return { ...request, headers }
}

export function isPresigned(request: S3Request): boolean {
  return request.query.has('X-Amz-Signature')
}

/** The query without signature, hoisted headers and the SDK's own `x-id` label: what selects the operation. */
export function operationParameters(request: S3Request): string[] {
  return [...request.query.keys()].filter((name) => name !== 'x-id' && !/^x-amz-/i.test(name))
}

const SIGNATURE_PARAMETERS: ReadonlySet<string> = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
])

export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new S3Error('InvalidURI', `not percent-encoded UTF-8: ${text}`)
  }
}

function joinHeaders(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value
  }
  return headers
}
