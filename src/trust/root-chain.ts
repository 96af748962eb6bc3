/** The chain of roots: fetching its links, and the one that everything starts from. */
import { isError, SkillsctlError } from '../core/errors.ts'
import type { ReadableStore } from '../store/store.ts'
import { sha256Hex } from './digest.ts'
import { metadataKey } from './metadata.ts'
import { fetchTimestamp } from './probe.ts'

/** Bytes. */
const LONGEST_ROOT = 512 * 1024
/** A chain longer than this is an attack. */
export const MOST_ROOTS = 1024

/** The root of trust that a person or a token handed over. */
export interface RootPin {
  /** Where to look; without it the chain is searched from the first. */
  readonly version?: number | undefined
  /** SHA-256 of the exact bytes of `<version>.root.json`, hex. */
  readonly sha256: string
}

/** A bucket without the right to list answers 403 for what is not there. */
export async function fetchRoot(store: ReadableStore, version: number): Promise<Buffer | undefined> {
  try {
    const answer = await store.get(metadataKey('root', version), { maxBytes: LONGEST_ROOT })
    return answer.kind === 'found' ? answer.body : undefined
  } catch (error) {
    if (isError(error, 'denied')) return undefined
    throw error
  }
}

/** The root that a person or a token named by digest. @throws SkillsctlError `untrusted`, `absent` */
export async function fetchPinnedRoot(store: ReadableStore, pin: RootPin): Promise<Buffer> {
  for (let version = pin.version ?? 1; ; version++) {
    if (version > MOST_ROOTS + (pin.version ?? 1)) throw endless(store)
    const bytes = await fetchRoot(store, version)
    if (bytes === undefined) {
      if (version === (pin.version ?? 1)) await fetchTimestamp(store)
      throw new SkillsctlError('untrusted', 'no root of this repository has the digest that was asked for', {
        subject: store.url,
        expected: `sha256:${pin.sha256}`,
        hint: 'ask whoever publishes for a new join token',
      })
    }
    if (sha256Hex(bytes) === pin.sha256) return bytes
    if (pin.version !== undefined) {
      throw new SkillsctlError('untrusted', 'the root is not the one that was asked for', {
        subject: `${store.url} ${metadataKey('root', version)}`,
        expected: `sha256:${pin.sha256}`,
        found: `sha256:${sha256Hex(bytes)}`,
        hint: 'do not join; ask whoever publishes for a new join token',
      })
    }
  }
}

function endless(store: ReadableStore): SkillsctlError {
  return new SkillsctlError('untrusted', 'the chain of roots does not end', {
    subject: store.url,
    hint: 'do not join; ask whoever publishes for a new join token',
  })
}
