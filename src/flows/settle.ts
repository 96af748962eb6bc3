/** Surfaces move: whatever a person has edited there is taken over first (SPEC.md, "Local edits"). */
import type { Surface } from '../core/surface.ts'
import type { Outcome } from '../edits/overlays.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import type { InstalledName } from '../home/releases.ts'
import { type Moment, type Settled, settleSurfaces } from '../surfaces/settle.ts'
import { takeEdits } from './take-edits.ts'

/**
 * The caller holds the lock.
 * @param surfaces those that are to be looked at
 * @param now milliseconds since the epoch
 * @param former what was current until now: somebody may have edited it
 */
export async function settle(
  layout: Layout,
  config: MachineConfig,
  surfaces: readonly Surface[],
  moment: Moment,
  now: number,
  former?: InstalledName,
): Promise<{ readonly settled: readonly Settled[]; readonly edits: readonly Outcome[] }> {
  const also = former === undefined ? [] : [former.directory]
  // A session waits; the next pull looks at everything.
  const only = moment === 'session' ? surfaces.map(({ name }) => name) : undefined
  const isNew = surfaces.some(({ adopt }) => adopt !== undefined)
  const contact = isNew
    ? await (await import('./first-contact.ts')).meet(layout, config, surfaces, now)
    : undefined
  const { outcomes, spoiled } = await takeEdits(layout, config, now, { also, only })
  const settled = await settleSurfaces(layout, surfaces, moment, now, spoiled, contact?.yielded)
  return { settled: (await contact?.done(settled)) ?? settled, edits: outcomes }
}
