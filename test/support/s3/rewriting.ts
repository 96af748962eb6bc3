import type { S3Client } from '@aws-sdk/client-s3'

/** The parts of an outgoing request that tests tamper with. */
export interface OutgoingRequest {
  method: string
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  body: unknown
}

/** Lets a test change requests after they were signed, as somebody on the wire could. */
export function beforeSending(
  client: S3Client,
  rewrite: (request: OutgoingRequest) => void | Promise<void>,
): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      await rewrite(args.request as OutgoingRequest)
      return next(args)
    },
    { step: 'finalizeRequest', priority: 'low', name: 'rewriteSignedRequest' },
  )
}
