import { element } from './xml.ts'

/** Every error this server answers, with the status that the S3 API reference gives it. */
const STATUS = {
  NotModified: 304,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRequest: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedPolicy: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  XAmzContentSHA256Mismatch: 400,
  AccessDenied: 403,
  InvalidAccessKeyId: 403,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  NoSuchBucket: 404,
  NoSuchBucketPolicy: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NoSuchVersion: 404,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  ConditionalRequestConflict: 409,
  MissingContentLength: 411,
  PreconditionFailed: 412,
  InvalidRange: 416,
  InternalError: 500,
  NotImplemented: 501,
  SlowDown: 503,
} as const

export type S3ErrorCode = keyof typeof STATUS

/** An answer other than success; thrown anywhere, turned into a response by the server. */
export class S3Error extends Error {
  readonly code: S3ErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: S3ErrorCode, message: string = code, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.name = 'S3Error'
    this.code = code
    this.status = STATUS[code]
    this.headers = headers
  }

  /** The error document. Errors are the one kind of S3 document without a namespace. */
  toXml(requestId: string): string {
    const fields = [
      element('Code', this.code),
      element('Message', this.message),
      element('RequestId', requestId),
    ]
    return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${fields.join('')}</Error>`
  }
}
