/** Objects that signed metadata names: the store promised to have them. */
import { isError, SkillsctlError } from '../core/errors.ts'
import type { ReadableStore } from './store.ts'

/**
 * Fetches an object that signed metadata names: its absence, or a 403 for it, is a broken promise.
 * @throws SkillsctlError `missing`
 */
export async function fetchPromised(store: ReadableStore, key: string, maxBytes: number): Promise<Buffer> {
  const answer = await store.get(key, { maxBytes }).catch((error: unknown) => {
    throw isError(error, 'denied') ? missing(store, key, error) : error
  })
  if (answer.kind !== 'found') throw missing(store, key)
  return answer.body
}

export function missing(store: ReadableStore, key: string, cause?: unknown): SkillsctlError {
  return new SkillsctlError('missing', 'the store lacks an object that signed metadata names', {
    subject: `${store.url} ${key}`,
    hint: 'whoever publishes restores it, or publishes again',
    cause,
  })
}
