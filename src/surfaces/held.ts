/** Releases that somebody may be reading through a surface, or under a lease: they stay on disk (SPEC.md, "Retention"). */
import type { Surface } from '../core/surface.ts'
import type { Layout } from '../home/layout.ts'
import { liveLeases, sweepLeases } from './lease.ts'
import { ledgerNames, READ_FOR, readLedger, removeLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'

/** The caller holds the lock. @param now milliseconds since the epoch @returns directories of `releases/` */
export async function heldReleases(
  layout: Layout,
  surfaces: readonly Surface[],
  now: number,
): Promise<ReadonlySet<string>> {
  sweepLeases(layout, now)
  const held = new Set(liveLeases(layout, now).map(({ release }) => release))
  // Also what was shown on a surface that is there no more.
  for (const name of ledgerNames(layout)) {
    const { shows, makes, former, entries } = await readLedger(layout, name)
    const recent = former.filter(({ until }) => now - Date.parse(until) < READ_FOR)
    const copies = [...entries.values()].map(({ release }) => release)
    const releases = recent.map(({ release }) => release)
    for (const release of [pointerOf(layout, name), shows?.release, makes, ...releases, ...copies])
      if (release !== undefined) held.add(release)
    const isGone = entries.size === 0 && surfaces.every((surface) => surface.name !== name)
    if (isGone && recent.length === 0) await removeLedger(layout, name)
  }
  return held
}
