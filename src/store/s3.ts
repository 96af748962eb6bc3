/** A store in an S3 bucket: AWS, R2, MinIO, Ceph. Loaded only for `s3://` URLs, because the SDK is large. */

import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { SkillsctlError } from '../core/errors.ts'
import { boundAnswers } from './bounded-answers.ts'
import { capped, readAll } from './limits.ts'
import { ANSWER_MS, patient, STALL_MS } from './patience.ts'
import { describeFault, isLostRace, isMissingKey, meaningOf, type S3Fault } from './s3-error.ts'
import {
  type Condition,
  cacheControl,
  contentType,
  type GetAnswer,
  type GetOptions,
  type PutAnswer,
  type Store,
  type StoredObject,
  type StreamAnswer,
  type StreamOptions,
} from './store.ts'

/** One PUT writes at most this. Bytes (the protocol's limit). */
const LARGEST_PUT = 5 * 1024 ** 3

/**
 * @param url `s3://bucket/prefix?endpoint=https://…&region=…`; credentials come from the SDK's default chain
 * @throws SkillsctlError `usage` when the URL does not name a bucket
 */
export async function openS3Store(url: string): Promise<Store> {
  const { hostname: bucket, pathname, searchParams } = parseUrl(url)
  const endpoint = searchParams.get('endpoint') ?? undefined
  const region = searchParams.get('region') || regionFor(endpoint)
  const config: S3ClientConfig = {
    // Retries are ours (retry.ts): after a failed conditional write we have to look before we write again.
    maxAttempts: 1,
    // Older compatible stores take checksum trailers for content.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: ANSWER_MS, requestTimeout: STALL_MS * 2, socketTimeout: STALL_MS },
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(region === undefined ? {} : { region }),
  }
  return new S3Store(new S3Client(config), bucket, pathname.replace(/^\/|\/$/g, ''), url)
}

function parseUrl(url: string): URL {
  const parsed = new URL(url)
  const unknown = [...parsed.searchParams.keys()].find((name) => !['endpoint', 'region'].includes(name))
  const endpoint = parsed.searchParams.get('endpoint')
  const isAddress = endpoint === null || (/^https?:\/\//.test(endpoint) && URL.canParse(endpoint))
  if (parsed.hostname === '' || unknown !== undefined || parsed.username !== '' || !isAddress) {
    throw new SkillsctlError('usage', 'this is not the URL of a bucket', {
      subject: url,
      expected: 's3://bucket/prefix?endpoint=https://…&region=…',
      found:
        unknown === undefined
          ? isAddress
            ? undefined
            : `endpoint=${endpoint}`
          : `unknown parameter ${unknown}`,
      hint: 'credentials belong in the environment or in ~/.aws, not in the URL',
    })
  }
  return parsed
}

/** R2 calls its one region `auto`, and other endpoints take any; AWS itself needs the real one. */
function regionFor(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined
  return (
    process.env['AWS_REGION'] ??
    (new URL(endpoint).hostname.endsWith('.r2.cloudflarestorage.com') ? 'auto' : 'us-east-1')
  )
}

class S3Store implements Store {
  readonly url: string
  private readonly client: S3Client
  private readonly bucket: string
  private readonly prefix: string

  constructor(client: S3Client, bucket: string, prefix: string, url: string) {
    this.client = client
    boundAnswers(client)
    this.bucket = bucket
    this.prefix = prefix === '' ? '' : `${prefix}/`
    this.url = url
  }

  async get(key: string, { maxBytes, ifNoneMatch }: GetOptions): Promise<GetAnswer> {
    const condition = ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }
    return this.ask<GetAnswer>(
      key,
      async () => {
        const { Body, ETag } = await this.client.send(new GetObjectCommand({ ...this.at(key), ...condition }))
        return { kind: 'found', body: await readAll(this.body(Body, key, maxBytes)), etag: ETag ?? '' }
      },
      (fault) => absentIn(fault) ?? (ifNoneMatch === undefined ? undefined : unchangedIn(fault)),
    )
  }

  async stream(key: string, { maxBytes, start = 0 }: StreamOptions): Promise<StreamAnswer> {
    const range = start === 0 ? {} : { Range: `bytes=${start}-` }
    return this.ask<StreamAnswer>(
      key,
      async () => {
        const { Body } = await this.client.send(new GetObjectCommand({ ...this.at(key), ...range }))
        return { kind: 'found', chunks: this.body(Body, key, maxBytes - start) }
      },
      absentIn,
    )
  }

  async put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    const expectation = 'absent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.match }
    return this.ask<PutAnswer>(
      key,
      async () => {
        const { ETag } = await this.client.send(this.putCommand(key, body, expectation))
        return { kind: 'stored', etag: ETag ?? '' }
      },
      (fault) => (isLostRace(fault) ? { kind: 'conflict' } : undefined),
    )
  }

  async touch(key: string, body: Buffer): Promise<void> {
    await this.ask<unknown>(key, () => this.client.send(this.putCommand(key, body, {})), never)
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand(this.at(key))
    const found = await this.ask<StoredObject | 'absent'>(
      key,
      async () => {
        const { ContentLength = 0, LastModified } = await this.client.send(command)
        return { key, size: ContentLength, modified: wholeSeconds(LastModified) }
      },
      // Without the right to list, a bucket answers 403 for what is not there.
      (fault) => (isMissingKey(fault) || fault.status === 403 ? 'absent' : undefined),
    )
    return found === 'absent' ? undefined : found
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.bucket,
        Prefix: this.prefix + prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      })
      const page: ListObjectsV2CommandOutput = await this.ask(prefix, () => this.client.send(command), never)
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        yield { key: Key.slice(this.prefix.length), size: Size, modified: wholeSeconds(LastModified) }
      }
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined
      if (next !== undefined && next === token) throw endless(prefix)
      token = next
    } while (token !== undefined)
  }

  async remove(key: string): Promise<void> {
    await this.ask<unknown>(key, () => this.client.send(new DeleteObjectCommand(this.at(key))), never)
  }

  close(): void {
    this.client.destroy()
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key }
  }

  private putCommand(
    key: string,
    body: Buffer,
    expectation: { IfNoneMatch?: string; IfMatch?: string },
  ): PutObjectCommand {
    if (body.length > LARGEST_PUT) {
      throw new SkillsctlError('unsupported', 'the object is larger than one PUT may be', {
        subject: key,
        expected: `at most ${LARGEST_PUT} bytes`,
        found: `${body.length} bytes`,
        hint: 'leave large files out with --exclude',
      })
    }
    return new PutObjectCommand({
      ...this.at(key),
      ...expectation,
      Body: body,
      ContentType: contentType(key),
      CacheControl: cacheControl(key),
    })
  }

  private async *body(body: unknown, key: string, room: number): AsyncGenerator<Buffer> {
    try {
      yield* patient(capped(chunksOf(body, key), room, key), key)
    } catch (error) {
      if (body instanceof Readable) body.destroy()
      throw this.fault(error, key)
    }
  }

  /** Runs a request; `otherwise` turns the refusals that are answers into answers, the rest are faults. */
  private async ask<T>(
    key: string,
    work: () => Promise<T>,
    otherwise: (fault: S3Fault) => T | undefined,
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const answer = error instanceof SkillsctlError ? undefined : otherwise(describeFault(error))
      if (answer !== undefined) return answer
      throw this.fault(error, key)
    }
  }

  private fault(error: unknown, key: string): SkillsctlError {
    if (error instanceof SkillsctlError) return error
    const fault = describeFault(error)
    const [code, message, hint] = meaningOf(fault)
    return new SkillsctlError(code, message, {
      subject: `s3://${this.bucket}/${this.prefix}${key}`,
      found: fault.status === undefined ? fault.name : `${fault.name} (HTTP ${fault.status})`,
      hint,
      cause: error,
    })
  }
}

const never = (): undefined => undefined

function endless(prefix: string): SkillsctlError {
  return new SkillsctlError('failed', 'the store lists the same page again and again', {
    subject: prefix,
    hint: 'check the endpoint and the bucket',
  })
}

/** Some stores list milliseconds, but no header has them; one object has one time. */
function wholeSeconds(time: Date | undefined): number {
  return Math.floor((time?.getTime() ?? 0) / 1000) * 1000
}

function absentIn(fault: S3Fault): { kind: 'absent' } | undefined {
  return isMissingKey(fault) ? { kind: 'absent' } : undefined
}

function unchangedIn(fault: S3Fault): { kind: 'unchanged' } | undefined {
  return fault.status === 304 ? { kind: 'unchanged' } : undefined
}

/** The SDK types a body for every platform; on Node it is a stream. */
async function* chunksOf(body: unknown, key: string): AsyncGenerator<Uint8Array> {
  if (!(body instanceof Readable)) {
    throw new SkillsctlError('unreachable', 'the store answered without a body', { subject: key })
  }
  yield* body
}
