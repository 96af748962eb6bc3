/** What is on disk in the place of an entry, against what the ledger says that we made. */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'
import type { SurfaceEntry } from '../core/surface.ts'
import type { Drift } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { driftOfCopy, isOurCopy } from './copy.ts'
import type { OwnEntry } from './ledger.ts'
import { isOurLink } from './link.ts'

export interface EntryState {
  readonly is: 'ours' | 'missing' | 'taken'
  /** Of a copy: what somebody changed in it. */
  readonly edits: readonly Drift[]
}

/**
 * @param own what the ledger says; undefined when nothing of ours should be there
 * @param entry what it was made of, where that is known
 */
export function entryState(
  layout: Layout,
  root: string,
  place: string,
  own: OwnEntry | undefined,
  entry: SurfaceEntry | undefined,
): EntryState {
  try {
    const path = join(root, place)
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return { is: 'missing', edits: [] }
    if (own === undefined) return { is: 'taken', edits: [] }
    if (own.by === 'link') return { is: isOurLink(layout, path, own.target) ? 'ours' : 'taken', edits: [] }
    if (!isOurCopy(root, place, own, entry)) return { is: 'taken', edits: [] }
    return { is: 'ours', edits: driftOfCopy(root, place, own, entry) }
  } catch (error) {
    // A file in the place of a folder, or a directory that we may not read.
    if (!(error instanceof Error) || isError(error, 'usage')) throw error
    return { is: 'missing', edits: [] }
  }
}
