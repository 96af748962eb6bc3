import type { Bucket } from './bucket.ts'
import type { Payload } from './payload.ts'
import type { S3Request, S3Response } from './request.ts'
import { S3Error } from './s3-error.ts'
import type { Caller } from './signature.ts'

/** One authenticated request on its way to the operation it names. */
export interface Call {
  readonly request: S3Request
  readonly caller: Caller
  readonly buckets: Map<string, Bucket>
  /** `Bucket.lastChange` of the key when the request began. */
  readonly lastChangeOnArrival: number
  readonly now: () => number
  /** Reads and verifies the body. An operation that writes does so before it looks at any state. */
  readonly payload: () => Promise<Payload>
}

export type Operation = (call: Call) => S3Response | Promise<S3Response>

/** The bucket this call is about. */
export function bucketOf({ buckets, request }: Call): Bucket {
  const bucket = buckets.get(request.bucket)
  if (bucket === undefined) throw new S3Error('NoSuchBucket')
  return bucket
}

export const NO_CONTENT: S3Response = { status: 204 }
