/** Releases that somebody may be reading through a surface, or under a lease: they stay on disk (SPEC.md, "Retention"). */
import type { Surface } from '../core/surface.ts'
import type { Layout } from '../home/layout.ts'
import { liveLeases, sweepLeases } from './lease.ts'
import { READ_FOR, readLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'

/** Directories of `releases/`. @param now milliseconds since the epoch */
export async function heldReleases(
  layout: Layout,
  surfaces: readonly Surface[],
  now: number,
): Promise<ReadonlySet<string>> {
  sweepLeases(layout, now)
  const held = new Set(liveLeases(layout, now).map(({ release }) => release))
  for (const { name } of surfaces) {
    const { shows, former, entries } = await readLedger(layout, name)
    const recent = former.filter(({ until }) => now - Date.parse(until) < READ_FOR)
    const copies = [...entries.values()].map(({ release }) => release)
    const shown = [
      pointerOf(layout, name),
      shows?.release,
      ...recent.map(({ release }) => release),
      ...copies,
    ]
    for (const release of shown) if (release !== undefined) held.add(release)
  }
  return held
}
