/** A read-only store behind HTTP(S): a public bucket, a CDN, a web server. */
import type http from 'node:http'
import { SkillsctlError } from '../core/errors.ts'
import { type Early, takeEarly } from './early.ts'
import { conditional, networkError, newAgent, publicAddress, type Sent, send } from './http-request.ts'
import { capped, readAll, tooLong, tooShort } from './limits.ts'
import { joined, type Part, partsOf } from './parts.ts'
import { ANSWER_MS, patient, within } from './patience.ts'
import type { GetAnswer, GetOptions, ReadableStore, StreamAnswer, StreamOptions } from './store.ts'
import { coolDown, warmUp } from './warm.ts'

const QUIET_MS = 2_000
/** Milliseconds to the store and back. */
const FAR_MS = 20
const PARTS = 4
/** Bytes: what a single connection sends in a few round trips, and what we may hold in memory. */
const WORTH_PARTS = 256 * 1024
const MOST_IN_PARTS = 16 * 1024 * 1024
/** Bytes. */
const LONGEST_REFUSAL = 64 * 1024

/** @param url base address; a query string (a signed CDN token, say) is sent with every request */
export function openHttpStore(url: string): ReadableStore {
  return new HttpStore(new URL(url))
}

class HttpStore implements ReadableStore {
  readonly url: string
  private readonly base: URL
  private readonly agent: http.Agent
  private asksForMore = false
  /** Milliseconds, as far as we know. */
  private roundTrip = Number.POSITIVE_INFINITY
  /** Sent already. */
  private readonly early: Early | undefined

  constructor(base: URL) {
    this.base = base
    this.url = publicAddress(base)
    this.early = takeEarly(base)
    this.agent = this.early?.agent ?? newAgent(base)
  }

  async get(key: string, { maxBytes, ifNoneMatch }: GetOptions): Promise<GetAnswer> {
    const response = await this.answer(
      key,
      this.early?.take({ key, tag: ifNoneMatch }),
      conditional(ifNoneMatch),
    )
    // Only an answer to whoever asked: from others it is a fault.
    if (response.statusCode === 304 && ifNoneMatch !== undefined)
      return this.finish(response, { kind: 'unchanged' })
    if (isAbsent(response)) return this.finish(response, { kind: 'absent' })
    // Who finds something new asks for two things at once, and a connection takes as long as an answer.
    if (!this.asksForMore) warmUp(this.base.href)
    this.asksForMore = true
    const body = await readAll(this.body(response, key, maxBytes, 200))
    return { kind: 'found', body, etag: reliableEtag(response) }
  }

  async stream(key: string, { maxBytes, start = 0 }: StreamOptions): Promise<StreamAnswer> {
    const [first = { start, end: undefined }, ...others] = partsOf(
      start,
      maxBytes,
      this.partsFor(maxBytes - start),
    )
    const ended = new AbortController()
    const rest = others.map((part) => ({ part, asked: this.ask(key, part, ended.signal) }))
    try {
      const response = await this.ask(key, first)
      if (rest.length > 0 && isExactly(response, first)) {
        const begin = this.whole(response, key, first, maxBytes)
        const parts = rest.map(({ part, asked }) => this.part(asked, key, part, maxBytes))
        return { kind: 'found', chunks: followed(joined([begin, ...parts]), () => ended.abort()) }
      }
      // A server that knows no ranges, or not their ends, sends everything at once.
      ended.abort()
      if (isAbsent(response)) return this.finish(response, { kind: 'absent' })
      if (response.statusCode === 206 && rangeOf(response)?.start === start)
        return { kind: 'found', chunks: this.body(response, key, maxBytes - start, 206) }
      return { kind: 'found', chunks: skip(this.body(response, key, maxBytes, 200), start, key) }
    } catch (error) {
      // Connections are few, and nobody will read these.
      ended.abort()
      throw error
    }
  }

  /** In parts, when the way is long: each connection starts slowly, and sends twice as much with each round trip. */
  private partsFor(length: number): number {
    const isFar = this.roundTrip >= FAR_MS && Number.isFinite(this.roundTrip)
    return isFar && length >= WORTH_PARTS && length <= MOST_IN_PARTS ? PARTS : 1
  }

  private async *part(
    asked: Promise<http.IncomingMessage>,
    key: string,
    part: Part,
    maxBytes: number,
  ): AsyncGenerator<Buffer> {
    const response = await asked
    if (!isExactly(response, part)) {
      response.destroy()
      // From here on without.
      this.roundTrip = 0
      throw cutShort(this.subject(key))
    }
    yield* this.whole(response, key, part, maxBytes)
  }

  /** The part that was asked for; one that ends early is a broken connection. */
  private async *whole(
    response: http.IncomingMessage,
    key: string,
    { start, end }: Part,
    maxBytes: number,
  ): AsyncGenerator<Buffer> {
    let left = (end ?? maxBytes) - start
    for await (const chunk of this.body(response, key, left, 206)) {
      left -= chunk.length
      yield chunk
    }
    if (left > 0) throw cutShort(this.subject(key))
  }

  private ask(key: string, { start, end }: Part, signal?: AbortSignal): Promise<http.IncomingMessage> {
    const range = `bytes=${start}-${end === undefined ? '' : end - 1}`
    const headers = start === 0 && end === undefined ? {} : { range }
    const answer = this.answer(key, undefined, headers, signal)
    // Heard when its turn comes.
    answer.catch(() => {})
    return answer
  }

  close(): void {
    coolDown(this.base.origin)
    this.early?.end()
    this.agent.destroy()
  }

  /** @throws SkillsctlError at once for an answer without the object */
  private body(
    response: http.IncomingMessage,
    key: string,
    maxBytes: number,
    expected: 200 | 206,
  ): AsyncGenerator<Buffer> {
    const status = response.statusCode ?? 0
    if (status !== expected) {
      drain(response)
      throw refusedBy(status, this.subject(key))
    }
    const promised = Number(response.headers['content-length'] ?? Number.NaN)
    if (promised > maxBytes) {
      response.destroy()
      throw tooLong(key, maxBytes)
    }
    return this.chunks(response, key, maxBytes)
  }

  private async *chunks(
    response: http.IncomingMessage,
    key: string,
    maxBytes: number,
  ): AsyncGenerator<Buffer> {
    try {
      yield* patient(capped(response, maxBytes, key), key)
    } catch (error) {
      response.destroy()
      throw networkError(error, this.subject(key))
    }
  }

  private subject(key: string): string {
    return `${this.url}/${key}`
  }

  private finish<T>(response: http.IncomingMessage, answer: T): T {
    drain(response)
    return answer
  }

  /** The head of what was asked early, or is asked now. */
  private answer(
    key: string,
    early: Sent | undefined,
    headers: http.OutgoingHttpHeaders,
    signal?: AbortSignal,
  ): Promise<http.IncomingMessage> {
    if (key.split('/').some((name) => name === '..' || name === '.')) {
      throw new SkillsctlError('refused', 'this key leaves the store', { subject: key })
    }
    const { request, answer } = early ?? send(this.base, key, this.agent, headers)
    // Without an error: Node would raise the one of a signal on the connection, where nobody listens.
    signal?.addEventListener('abort', () => request.destroy(), { once: true })
    const asked = performance.now()
    if (early === undefined) request.on('response', () => this.learn(performance.now() - asked))
    return within(answer, ANSWER_MS, this.subject(key)).catch((error: unknown) => {
      request.destroy()
      throw error
    })
  }

  /** The shortest answer is nearest to what the way alone takes. */
  private learn(ms: number): void {
    this.roundTrip = Math.min(this.roundTrip, ms)
  }
}

/** Reads away a body that nobody wants, to keep the connection: as long as it is short. */
function drain(response: http.IncomingMessage): void {
  let room = LONGEST_REFUSAL
  response.on('error', () => {})
  response.on('data', (chunk: Buffer) => {
    room -= chunk.length
    if (room < 0) response.destroy()
  })
}

/**
 * Web servers make tags of size and time, in whole seconds: two objects of one second may share one, and the later would
 * never be noticed. So a tag counts once its object was quiet for a moment (RFC 9110, section 8.8.2.2).
 */
function reliableEtag({ headers }: http.IncomingMessage): string {
  const quiet = Date.parse(headers.date ?? '') - Date.parse(headers['last-modified'] ?? '')
  return quiet < QUIET_MS ? '' : (headers.etag ?? '')
}

function isAbsent({ statusCode }: http.IncomingMessage): boolean {
  return statusCode === 404 || statusCode === 410
}

function refusedBy(status: number, subject: string): SkillsctlError {
  const found = `HTTP ${status}`
  if (status === 401 || status === 403) {
    return new SkillsctlError('denied', 'access denied', {
      subject,
      found,
      hint: 'check the credentials for this address',
    })
  }
  if (status === 416) {
    return new SkillsctlError('corrupt', 'the object is shorter than it was', { subject, found })
  }
  const message =
    status >= 300 && status < 400 ? 'the store sends us somewhere else' : 'the store could not answer'
  const hint = status < 400 ? 'use the final address, or sign in to this network' : 'try again later'
  return new SkillsctlError('unreachable', message, { subject, found, hint })
}

/** First and last byte of a partial answer: some servers answer with another range than they were asked for. */
function rangeOf({ headers }: http.IncomingMessage): { start: number; last: number } | undefined {
  const [, start, last] = /^bytes (\d+)-(\d+)/.exec(headers['content-range'] ?? '') ?? []
  return start === undefined ? undefined : { start: Number(start), last: Number(last) }
}

/** Whether this is the part that was asked for. Of an open one, the beginning: how long it is shows as it arrives. */
function isExactly(response: http.IncomingMessage, { start, end }: Part): boolean {
  const range = response.statusCode === 206 ? rangeOf(response) : undefined
  return range?.start === start && (end === undefined || range.last === end - 1)
}

/** Passes chunks on, and calls `after` when nobody wants any more. */
async function* followed(chunks: AsyncIterable<Buffer>, after: () => void): AsyncGenerator<Buffer> {
  try {
    yield* chunks
  } finally {
    after()
  }
}

function cutShort(subject: string): SkillsctlError {
  return new SkillsctlError('unreachable', 'the store did not send all that it was asked for', {
    subject,
    hint: 'try again',
  })
}

/** Drops the first bytes, for servers that ignore ranges. */
async function* skip(chunks: AsyncIterable<Buffer>, count: number, key: string): AsyncGenerator<Buffer> {
  let left = count
  let passed = count === 0
  for await (const chunk of chunks) {
    if (chunk.length > left) {
      passed = true
      yield chunk.subarray(left)
    }
    left = Math.max(0, left - chunk.length)
  }
  if (!passed) throw tooShort(key, count)
}
