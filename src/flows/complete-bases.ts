/**
 * What an edit was made from, when nobody on this machine has it any more: fetched and verified, so that the edit can be
 * merged with newer releases (SPEC.md, "Local edits").
 */
import { parsePolicies } from '../core/edit-policy.ts'
import { type EditedRelease, type Edits, NO_EDITS, type Overlay } from '../core/edits.ts'
import { isError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import { withLock } from '../disk/lock.ts'
import { isIntact, readContent } from '../edits/content.ts'
import { completeFrom } from '../edits/follow-release.ts'
import { Overlays } from '../edits/overlays.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { sourceIn } from '../edits/source.ts'
import { inStaging } from '../home/staging.ts'
import { entryOfRelease } from './fetch-release.ts'
import type { Late } from './follow-surfaces.ts'
import { followCurrent } from './follow-surfaces.ts'
import { type Machine, withStore } from './machine.ts'
import { obtain } from './obtain.ts'

/** @returns undefined when there was nothing to do */
export async function completeBases(machine: Machine, step: Steps): Promise<Late | undefined> {
  const { layout } = machine
  const { overlays } = await readEdits(layout).catch(toldAlready)
  const bases = new Map(
    overlays.filter((one) => isLacking(machine, one)).map(({ base }) => [base.manifest, base]),
  )
  if (bases.size === 0) return undefined
  try {
    for (const base of bases.values()) await complete(machine, base, step)
  } catch (error) {
    if (!isError(error)) throw error
    step.warn(`what was edited cannot be fetched to merge it: ${error.message}`)
  }
  const { settled, edits, kept } = await withLock(layout.lock, () => followCurrent(machine))
  return { surfaces: settled, edits, kept }
}

/** Whoever settles has said why. */
function toldAlready(error: unknown): Edits {
  if (isError(error)) return NO_EDITS
  throw error
}

function isLacking({ layout }: Machine, { content, waits }: Overlay): boolean {
  return (
    waits?.because === 'conflict' &&
    isIntact(layout, content) &&
    readContent(layout, content).lacking.length > 0
  )
}

async function complete(machine: Machine, base: EditedRelease, step: Steps): Promise<void> {
  const { layout, channel, config, now } = machine
  await withStore(machine, async (store) => {
    const entry = await entryOfRelease(machine, base)(store)
    await inStaging(layout, async (area) => {
      const { tree, manifest } = await obtain(store, layout, { channel, entry }, area, step)
      await withLock(layout.lock, async () => {
        const edits = await readEdits(layout)
        const overlays = new Overlays(layout, edits, parsePolicies(config.raw), now())
        await completeFrom(overlays, base, sourceIn(tree, manifest.files))
        await writeEdits(layout, { ...edits, overlays: overlays.all(), followed: undefined })
      })
    })
  })
}
