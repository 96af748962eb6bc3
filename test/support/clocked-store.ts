/** A real store under a test's clock: its objects are as old as they would be had the test's time passed for it too. */
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

export class ClockedStore implements Store {
  readonly url: string
  readonly #truth: Store
  readonly #now: () => number
  /** How far the test's clock was ahead of the real one when a key was last written. Milliseconds. */
  readonly #ahead = new Map<string, number>()

  constructor(truth: Store, now: () => number) {
    this.url = truth.url
    this.#truth = truth
    this.#now = now
  }

  get(key: string, options: GetOptions): Promise<GetAnswer> {
    return this.#truth.get(key, options)
  }

  stream(key: string, options: StreamOptions): Promise<StreamAnswer> {
    return this.#truth.stream(key, options)
  }

  async put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    const answer = await this.#truth.put(key, body, condition)
    if (answer.kind === 'stored') this.#written(key)
    return answer
  }

  async touch(key: string, body: Buffer): Promise<void> {
    await this.#truth.touch(key, body)
    this.#written(key)
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    const found = await this.#truth.stat(key)
    return found && this.#aged(found)
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    for await (const object of this.#truth.list(prefix)) yield this.#aged(object)
  }

  remove(key: string): Promise<void> {
    return this.#truth.remove(key)
  }

  close(): void {
    this.#truth.close()
  }

  #written(key: string): void {
    this.#ahead.set(key, this.#now() - Date.now())
  }

  #aged(object: StoredObject): StoredObject {
    return { ...object, modified: object.modified + (this.#ahead.get(object.key) ?? 0) }
  }
}
