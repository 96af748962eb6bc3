/**
 * The port to whatever holds a repository: a flat map from key to bytes with conditional writes (DESIGN §3).
 *
 * Keys are relative, `/`-separated, without a leading slash. Every adapter passes `test/store/contract.ts`.
 * Faults are thrown as SkillsctlError: `unreachable` (no answer, or a passing fault, worth another try;
 * also a body cut short), `denied` (403 and its kin), `corrupt` (more bytes than `maxBytes`, or fewer than
 * `start`), `failed`.
 * "Not there", "unchanged" and "lost the race" are answers, not faults.
 */

/** The one mutable object of a repository (SPEC.md, "Objects in a store"). */
export const POINTER = 'metadata/timestamp.json'

/** Opaque version of one object's content; equal tags mean equal bytes. */
export type Etag = string

export type GetAnswer =
  | { readonly kind: 'found'; readonly body: Buffer; readonly etag: Etag }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'absent' }

export type StreamAnswer =
  | { readonly kind: 'found'; readonly chunks: AsyncIterable<Buffer> }
  | { readonly kind: 'absent' }

export type PutAnswer = { readonly kind: 'stored'; readonly etag: Etag } | { readonly kind: 'conflict' }

export interface GetOptions {
  /** Longest body that is read, in bytes; a longer one is `corrupt`. Signed where it can be, fixed otherwise. */
  readonly maxBytes: number
  /** Answer `unchanged` when the object still has this tag. */
  readonly ifNoneMatch?: Etag | undefined
}

export interface StreamOptions {
  /** As for `get`, counted from the start of the object. */
  readonly maxBytes: number
  /** First byte wanted; the answer starts exactly there. */
  readonly start?: number
}

/** A write always says what it expects: nothing there yet, or exactly the content with this tag. */
export type Condition = { readonly absent: true } | { readonly match: Etag }

export interface StoredObject {
  readonly key: string
  readonly size: number
  /** Milliseconds since the epoch, by the store's clock. */
  readonly modified: number
}

export interface ReadableStore {
  /** Where this is, without credentials: for messages, and to bind cached state to one store. */
  readonly url: string
  get(key: string, options: GetOptions): Promise<GetAnswer>
  stream(key: string, options: StreamOptions): Promise<StreamAnswer>
  /** Releases sockets and the like. */
  close(): void
}

export interface Store extends ReadableStore {
  /** Atomic: readers see the old content, the new content or nothing, never a part. */
  put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer>
  /**
   * Writes unconditionally content that is known to be a function of its key, to make it young again for
   * the garbage collector.
   */
  touch(key: string, body: Buffer): Promise<void>
  /** Whether and since when an object is there, without its content. */
  stat(key: string): Promise<StoredObject | undefined>
  /** Objects whose key starts with `prefix`, in no promised order. Slow; never on a hot path. */
  list(prefix: string): AsyncIterable<StoredObject>
  /** Removes the object; one that is not there is fine. */
  remove(key: string): Promise<void>
}

/** Whether this store can be written at all. */
export function isWritable(store: ReadableStore): store is Store {
  return 'put' in store
}

/** How caches between us and a reader may keep an object: one pointer never, everything else for ever. */
export function cacheControl(key: string): string {
  return key === POINTER ? 'no-store' : 'public, max-age=31536000, immutable'
}

/** Media type by key, for people who open an object in a browser. */
export function contentType(key: string): string {
  return key.endsWith('.json') ? 'application/json' : 'application/octet-stream'
}
