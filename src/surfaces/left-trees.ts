/** Trees that a surface has just left: a shell that stands in a skill, or an agent that followed the link, writes there still. */
import { join } from 'node:path'
import { isError } from '../core/errors.ts'
import type { EditedUnit } from '../edits/edited.ts'
import { infoOf } from '../edits/source.ts'
import { releaseIn } from '../edits/tree-name.ts'
import type { Layout } from '../home/layout.ts'
import { type Ledger, readLedger } from './ledger.ts'

/** Of each surface; looking at one costs as much as looking at what it shows. */
const MOST_LEFT = 3

/** @returns names of trees, and until when they were shown: milliseconds since the epoch */
export async function leftTrees(
  layout: Layout,
  surfaces: readonly { readonly name: string }[],
): Promise<ReadonlyMap<string, number>> {
  const left = new Map<string, number>()
  for (const { name } of surfaces) {
    const { former } = await readLedger(layout, name).catch(noLedger)
    for (const { release, until } of former.slice(-MOST_LEFT))
      for (const tree of [release, releaseIn(release)]) left.set(tree, Date.parse(until))
  }
  return left
}

/** Whoever moves that surface says why. */
function noLedger(error: unknown): Pick<Ledger, 'former'> {
  if (isError(error)) return { former: [] }
  throw error
}

/** What lay there before was looked at when the surface left, and may have been given up since. */
export function isWrittenSince({ root, drift, after }: EditedUnit, until: number): boolean {
  return after.length > 0 && drift.some(({ path }) => (infoOf(join(root, path))?.mtimeMs ?? 0) > until)
}
