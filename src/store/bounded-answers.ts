/**
 * The SDK reads some bodies whole before it looks at them: errors, and pages of a listing. Neither may be endless, nor
 * come one byte at a time for ever.
 */
import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { capped } from './limits.ts'
import { patient } from './patience.ts'

/** An error document. Bytes. */
const LONGEST_ERROR = 64 * 1024
/** A page of a listing, 1,000 keys of a kilobyte each with their XML, or the answer to a write. Bytes. */
const LONGEST_ANSWER = 4 * 1024 * 1024

export function boundAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName = 'S3' }) =>
      async (args) => {
        const result = await next(args)
        const response: unknown = result.response
        if (!isAnswer(response)) return result
        const isError = response.statusCode >= 300
        // What is read piece by piece is bounded where it is read.
        if (!isError && commandName === 'GetObjectCommand') return result
        const room = isError ? LONGEST_ERROR : LONGEST_ANSWER
        const body = response.body
        response.body = Readable.from(patient(capped(body, room, commandName), commandName)).on('close', () =>
          body.destroy(),
        )
        return result
      },
    // Closest to the network, before anything reads the body.
    { step: 'deserialize', priority: 'low', name: 'boundAnswers' },
  )
}

function isAnswer(response: unknown): response is { statusCode: number; body: Readable } {
  return (
    typeof response === 'object' &&
    response !== null &&
    'statusCode' in response &&
    typeof response.statusCode === 'number' &&
    'body' in response &&
    response.body instanceof Readable
  )
}
