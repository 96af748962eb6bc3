/** Trees that somebody may be reading through a surface, or under a lease: they stay on disk (SPEC.md, "Retention"). */
import { isError } from '../core/errors.ts'
import type { Surface } from '../core/surface.ts'
import { releaseIn } from '../edits/tree-name.ts'
import type { Layout } from '../home/layout.ts'
import { liveLeases, sweepLeases } from './lease.ts'
import { type Ledger, ledgerNames, READ_FOR, readLedger, removeLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'

/** The caller holds the lock. @param now milliseconds since the epoch @returns names of trees, and of the releases they need */
export async function heldTrees(
  layout: Layout,
  surfaces: readonly Surface[],
  now: number,
): Promise<ReadonlySet<string>> {
  sweepLeases(layout, now)
  const held = new Set(liveLeases(layout, now).map(({ release }) => release))
  const rooted = new Set(surfaces.flatMap(({ name, root }) => (root === undefined ? [] : [name])))
  // Also what was shown on a surface that is there no more, or of which the ledger is lost.
  for (const name of new Set([...ledgerNames(layout), ...rooted])) {
    // One whose definition is odd has its pointer still, and may be written anew.
    const isThere = rooted.has(name) || pointerOf(layout, name) !== undefined
    const read = isThere ? readLedger(layout, name) : readOrReset(layout, name, now)
    const { shows, makes, former, entries } = await read
    const recent = former.filter(({ until }) => now - Date.parse(until) < READ_FOR)
    const copies = [...entries.values()].map(({ release }) => release)
    const releases = recent.map(({ release }) => release)
    for (const release of [pointerOf(layout, name), shows?.release, makes, ...releases, ...copies])
      if (release !== undefined) held.add(release)
    const isGone = entries.size === 0 && surfaces.every((surface) => surface.name !== name)
    if (isGone && recent.length === 0) await removeLedger(layout, name)
  }
  return new Set([...held].flatMap((tree) => [tree, releaseIn(tree)]))
}

/** Nobody would be told of this one, and it would hold everything for ever. */
async function readOrReset(layout: Layout, name: string, now: number): Promise<Ledger> {
  try {
    return await readLedger(layout, name)
  } catch (error) {
    if (!isError(error, 'corrupt')) throw error
    const { resetLedger } = await import('./rebuild-ledger.ts')
    return resetLedger(layout, name, now)
  }
}
