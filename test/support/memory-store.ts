import { createHash } from 'node:crypto'
import { SkillsctlError } from '../../src/core/errors.ts'
import type {
  Condition,
  Etag,
  GetAnswer,
  GetOptions,
  PutAnswer,
  Store,
  StoredObject,
  StreamAnswer,
  StreamOptions,
} from '../../src/store/store.ts'

interface Entry {
  readonly body: Buffer
  readonly etag: Etag
  readonly modified: number
}

/** A store in a Map: the port at its plainest, for tests that are about something else. */
export class MemoryStore implements Store {
  readonly url: string
  readonly #now: () => number
  readonly #entries = new Map<string, Entry>()

  constructor({ url = 'memory:', now = Date.now }: { url?: string; now?: () => number } = {}) {
    this.url = url
    this.#now = now
  }

  async get(key: string, { maxBytes, ifNoneMatch }: GetOptions): Promise<GetAnswer> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return { kind: 'absent' }
    if (entry.etag === ifNoneMatch) return { kind: 'unchanged' }
    refuseLonger(key, entry.body, maxBytes)
    return { kind: 'found', body: Buffer.from(entry.body), etag: entry.etag }
  }

  async stream(key: string, { maxBytes, start = 0 }: StreamOptions): Promise<StreamAnswer> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return { kind: 'absent' }
    refuseLonger(key, entry.body, maxBytes)
    return { kind: 'found', chunks: chunksOf(entry.body.subarray(start)) }
  }

  async put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    const found = this.#entries.get(key)?.etag
    const expected = 'match' in condition ? condition.match : undefined
    if (found !== expected) return { kind: 'conflict' }
    return { kind: 'stored', etag: this.#write(key, body) }
  }

  async touch(key: string, body: Buffer): Promise<void> {
    this.#write(key, body)
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    const entry = this.#entries.get(key)
    return entry === undefined ? undefined : { key, size: entry.body.length, modified: entry.modified }
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    for (const [key, { body, modified }] of [...this.#entries]) {
      if (key.startsWith(prefix)) yield { key, size: body.length, modified }
    }
  }

  async remove(key: string): Promise<void> {
    this.#entries.delete(key)
  }

  close(): void {}

  /** Every key there is, sorted. */
  keys(): string[] {
    return [...this.#entries.keys()].sort()
  }

  #write(key: string, body: Buffer): Etag {
    const etag = `"${createHash('sha256').update(body).digest('hex')}"`
    // A copy: the caller may go on using its buffer.
    this.#entries.set(key, { body: Buffer.from(body), etag, modified: this.#now() })
    return etag
  }
}

function refuseLonger(key: string, body: Buffer, maxBytes: number): void {
  if (body.length > maxBytes) {
    throw new SkillsctlError('corrupt', 'the object is longer than allowed', {
      subject: key,
      expected: `at most ${maxBytes} bytes`,
    })
  }
}

/** In small pieces, so that consumers do not come to rely on getting everything at once. */
async function* chunksOf(body: Buffer): AsyncGenerator<Buffer> {
  const size = 16 * 1024
  for (let start = 0; start < body.length; start += size)
    yield Buffer.from(body.subarray(start, start + size))
}
