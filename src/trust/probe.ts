/** The first question to a repository. Kept apart from the reader: most pulls end here and need no TUF code. */
import { SkillsctlError } from '../core/errors.ts'
import { type Etag, type GetAnswer, POINTER, type ReadableStore } from '../store/store.ts'

const LONGEST_TIMESTAMP = 64 * 1024

export interface Timestamp {
  readonly body: Buffer
  readonly etag: Etag
}

/** Fetches the one mutable object; `unchanged` when it still has the tag. @throws as the store does */
export async function probe(store: ReadableStore, etag?: Etag): Promise<GetAnswer> {
  return store.get(POINTER, { maxBytes: LONGEST_TIMESTAMP, ifNoneMatch: etag === '' ? undefined : etag })
}

/** Probes, and insists on an answer. @throws SkillsctlError `absent` when there is no repository */
export async function fetchTimestamp(store: ReadableStore): Promise<Timestamp> {
  const answer = await probe(store)
  if (answer.kind === 'found') return answer
  throw noRepository(store.url)
}

export function noRepository(url: string): SkillsctlError {
  return new SkillsctlError('absent', 'there is no repository at this address', {
    subject: url,
    hint: 'check the address, that the disk is mounted, or create one with: skillsctl init',
  })
}
