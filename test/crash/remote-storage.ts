/** A scene's repository on the S3 server of the environment (test/support/foreign-store.ts), laid out afresh like the rest. */
import { openWritableStore } from '../../src/index.ts'
import type { Store } from '../../src/store/store.ts'
import { bodyOf } from '../support/team.ts'

/** The only object that is ever written twice. */
const POINTER = 'metadata/timestamp.json'

export class RemoteStorage {
  readonly store: Store
  #kept = new Map<string, Buffer>()

  private constructor(store: Store) {
    this.store = store
  }

  static async open(url: string): Promise<RemoteStorage> {
    return new RemoteStorage(await openWritableStore(url))
  }

  /** Makes what is there now what `restore` restores. */
  async keep(): Promise<void> {
    this.#kept = new Map()
    for (const key of await this.#keys()) this.#kept.set(key, await bodyOf(this.store, key))
  }

  async restore(): Promise<void> {
    const present = new Set(await this.#keys())
    for (const key of present) if (!this.#kept.has(key)) await this.store.remove(key)
    for (const [key, body] of this.#kept)
      if (key === POINTER || !present.has(key)) await this.store.touch(key, body)
  }

  async #keys(): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.store.list('')) keys.push(key)
    return keys
  }
}
