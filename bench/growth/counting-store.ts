/** A store that counts what passes, and lives in the time of the simulation: objects age as fast as it says. */
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

/** Bytes and calls, by the first part of the key: `metadata`, `targets`, `blobs`, … */
export interface Passed {
  readonly calls: number
  readonly received: Readonly<Record<string, number>>
  readonly sent: Readonly<Record<string, number>>
}

export class CountingStore implements Store {
  readonly url: string
  readonly #truth: Store
  readonly #now: () => number
  readonly #modified: Map<string, number>
  #calls = 0
  #received: Record<string, number> = {}
  #sent: Record<string, number> = {}

  /** @param modified shared by all who see the same objects */
  constructor(truth: Store, now: () => number, modified: Map<string, number>) {
    this.url = truth.url
    this.#truth = truth
    this.#now = now
    this.#modified = modified
  }

  /** What has passed since the last time. */
  take(): Passed {
    const taken = { calls: this.#calls, received: this.#received, sent: this.#sent }
    this.#calls = 0
    this.#received = {}
    this.#sent = {}
    return taken
  }

  async get(key: string, options: GetOptions): Promise<GetAnswer> {
    this.#calls += 1
    const answer = await this.#truth.get(key, options)
    if (answer.kind === 'found') add(this.#received, key, answer.body.length)
    return answer
  }

  async stream(key: string, options: StreamOptions): Promise<StreamAnswer> {
    this.#calls += 1
    const answer = await this.#truth.stream(key, options)
    return answer.kind === 'absent' ? answer : { ...answer, chunks: this.#counted(key, answer.chunks) }
  }

  async put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    const answer = await this.#truth.put(key, body, condition)
    this.#noteWritten(key, body, answer.kind === 'stored')
    return answer
  }

  async touch(key: string, body: Buffer): Promise<void> {
    await this.#truth.touch(key, body)
    this.#noteWritten(key, body, true)
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    this.#calls += 1
    const object = await this.#truth.stat(key)
    return object && this.#aged(object)
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    this.#calls += 1
    for await (const object of this.#truth.list(prefix)) yield this.#aged(object)
  }

  async remove(key: string): Promise<void> {
    this.#calls += 1
    await this.#truth.remove(key)
    this.#modified.delete(key)
  }

  close(): void {}

  #aged(object: StoredObject): StoredObject {
    return { ...object, modified: this.#modified.get(object.key) ?? object.modified }
  }

  #noteWritten(key: string, body: Buffer, isStored: boolean): void {
    this.#calls += 1
    add(this.#sent, key, body.length)
    if (isStored) this.#modified.set(key, this.#now())
  }

  async *#counted(key: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      add(this.#received, key, chunk.length)
      yield chunk
    }
  }
}

function add(sums: Record<string, number>, key: string, bytes: number): void {
  const kind = key.split('/')[0] ?? ''
  sums[kind] = (sums[kind] ?? 0) + bytes
}
