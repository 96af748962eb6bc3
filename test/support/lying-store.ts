/** A store between a client and the truth: it notes every call, and answers as an attacker or a fault would. */
import { createHash } from 'node:crypto'
import { SkillsctlError } from '../../src/core/errors.ts'
import type {
  Condition,
  GetAnswer,
  GetOptions,
  PutAnswer,
  Store,
  StoredObject,
  StreamAnswer,
  StreamOptions,
} from '../../src/store/store.ts'

export interface Call {
  readonly operation: 'get' | 'stream' | 'put' | 'touch' | 'stat' | 'list' | 'remove'
  readonly key: string
}

export interface Lies {
  /** What readers get in place of the true body; undefined is "not there". May throw, as a fault does. */
  readonly body?: (key: string, truth: Buffer | undefined) => Buffer | undefined
  /** Runs before a call reaches the store; may wait, throw, or change the store. */
  readonly before?: (call: Call) => void | Promise<void>
}

export class LyingStore implements Store {
  readonly url: string
  /** Every call since the last `forget`, in order. */
  calls: Call[] = []
  lies: Lies
  readonly #truth: Store

  constructor(truth: Store, lies: Lies = {}) {
    this.url = truth.url
    this.#truth = truth
    this.lies = lies
  }

  /** The calls as `get metadata/timestamp.json`. */
  get log(): string[] {
    return this.calls.map(({ operation, key }) => `${operation} ${key}`)
  }

  forget(): void {
    this.calls = []
  }

  async get(key: string, { maxBytes, ifNoneMatch }: GetOptions): Promise<GetAnswer> {
    await this.#note('get', key)
    if (this.lies.body === undefined) return this.#truth.get(key, { maxBytes, ifNoneMatch })
    const body = await this.#read(key, this.lies.body, maxBytes)
    if (body === undefined) return { kind: 'absent' }
    const etag = `"${createHash('sha256').update(body).digest('hex')}"`
    return etag === ifNoneMatch ? { kind: 'unchanged' } : { kind: 'found', body, etag }
  }

  async stream(key: string, options: StreamOptions): Promise<StreamAnswer> {
    await this.#note('stream', key)
    if (this.lies.body === undefined) return this.#truth.stream(key, options)
    const body = await this.#read(key, this.lies.body, options.maxBytes)
    return body === undefined
      ? { kind: 'absent' }
      : { kind: 'found', chunks: once(body.subarray(options.start ?? 0)) }
  }

  async put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    await this.#note('put', key)
    return this.#truth.put(key, body, condition)
  }

  async touch(key: string, body: Buffer): Promise<void> {
    await this.#note('touch', key)
    return this.#truth.touch(key, body)
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    await this.#note('stat', key)
    return this.#truth.stat(key)
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    await this.#note('list', prefix)
    yield* this.#truth.list(prefix)
  }

  async remove(key: string): Promise<void> {
    await this.#note('remove', key)
    return this.#truth.remove(key)
  }

  close(): void {}

  async #note(operation: Call['operation'], key: string): Promise<void> {
    this.calls.push({ operation, key })
    await this.lies.before?.({ operation, key })
  }

  /** Caps the lie as every honest adapter caps the truth: a client's own limit is all that protects it. */
  async #read(key: string, lie: NonNullable<Lies['body']>, maxBytes: number): Promise<Buffer | undefined> {
    const answer = await this.#truth.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
    const body = lie(key, answer.kind === 'found' ? answer.body : undefined)
    if (body !== undefined && body.length > maxBytes) {
      throw new SkillsctlError('corrupt', 'the object is longer than it may be', { subject: key })
    }
    return body
  }
}

async function* once(body: Buffer): AsyncGenerator<Buffer> {
  yield body
}

/** A fault as adapters throw it. */
export function fault(code: 'unreachable' | 'denied', key = ''): SkillsctlError {
  return new SkillsctlError(code, 'injected by the test', { subject: key })
}
