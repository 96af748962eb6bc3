/** Retries at the store's edge, and nowhere else. */
import pRetry from 'p-retry'
import { isError } from '../core/errors.ts'
import type { Condition, GetOptions, PutAnswer, ReadableStore, Store, StreamOptions } from './store.ts'
import { isWritable } from './store.ts'

/** No new attempt starts after this. Milliseconds. */
const PATIENCE = 8_000
/** A machine that is offline shall know it within a second; what was only a hiccup is over by then. */
const RETRY = {
  retries: 2,
  minTimeout: 100,
  maxTimeout: 1_000,
  factor: 3,
  randomize: true,
  maxRetryTime: PATIENCE,
  shouldRetry: ({ error }: { error: Error }) => isError(error, 'unreachable'),
}

/** Wraps a store so that passing faults (`unreachable`) are tried again, and a write is never done twice. */
export function withRetries<S extends ReadableStore>(store: S): S
export function withRetries(store: ReadableStore): ReadableStore {
  const readable: ReadableStore = {
    url: store.url,
    get: (key: string, options: GetOptions) => pRetry(() => store.get(key, options), RETRY),
    stream: (key: string, options: StreamOptions) => pRetry(() => store.stream(key, options), RETRY),
    close: () => store.close(),
  }
  if (!isWritable(store)) return readable
  const writable: Store = {
    ...readable,
    put: (key: string, body: Buffer, condition: Condition) => putOnce(store, key, body, condition),
    touch: (key: string, body: Buffer) => pRetry(() => store.touch(key, body), RETRY),
    stat: (key: string) => pRetry(() => store.stat(key), RETRY),
    list: (prefix: string) => store.list(prefix),
    remove: (key: string) => pRetry(() => store.remove(key), RETRY),
  }
  return writable
}

/** A write whose answer was lost may have happened: a conflict afterwards with our own bytes is our success. */
async function putOnce(store: Store, key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
  let unsure = false
  const answer = await pRetry(async () => {
    try {
      return await store.put(key, body, condition)
    } catch (error) {
      unsure ||= isError(error, 'unreachable')
      throw error
    }
  }, RETRY)
  if (answer.kind === 'stored' || !unsure) return answer
  const found = await pRetry(() => store.get(key, { maxBytes: Math.max(body.length, 1) }), RETRY).catch(
    (error: unknown) => {
      // Longer than ours, so not ours.
      if (isError(error, 'corrupt')) return undefined
      throw error
    },
  )
  return found?.kind === 'found' && found.body.equals(body) ? { kind: 'stored', etag: found.etag } : answer
}
