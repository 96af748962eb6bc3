/** `trust/`: the metadata that this machine has accepted, each file replaced atomically. */
import { join } from 'node:path'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import type { TrustCache } from '../trust/trust-cache.ts'
import type { Layout } from './layout.ts'

export function trustCache(layout: Layout): TrustCache {
  const path = (role: string): string => join(layout.trust, `${role}.json`)
  return {
    read: (role) => readIfThere(path(role)),
    write: (role, bytes) => writeFileAtomic(path(role), bytes, { via: layout.staging }),
  }
}
