/**
 * After its edits were taken over, the release itself becomes what was installed: as another directory of the same
 * release, so that whoever reads the edited one goes on reading (SPEC.md, "Local edits").
 */
import { isError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import { serializeManifest } from '../core/manifest.ts'
import { inSituation, readSituation } from '../home/activation.ts'
import { findDrift } from '../home/drift.ts'
import { type Staged, syncRelease } from '../home/place.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { inStaging, type StagingArea } from '../home/staging.ts'
import { nameOf } from '../home/state.ts'
import { type ActivationReport, activate, hasSurfaces } from './activate.ts'
import { entryOfRelease, switchByFetching } from './fetch-release.ts'
import type { Machine } from './machine.ts'

/**
 * @param step undefined: without the network
 * @returns undefined when there was nothing to do, or nowhere the bytes
 */
export async function restoreEdited(machine: Machine, step?: Steps): Promise<ActivationReport | undefined> {
  const { layout } = machine
  if (!(await hasSurfaces(machine))) return undefined
  const current = currentRelease(layout)
  if (current === undefined || findDrift(layout, current).length === 0) return undefined
  const situation = await readSituation(layout)
  const restored = await inStaging(layout, async (area) => {
    const staged = await copyOf(machine, current, area)
    if (staged === undefined) return undefined
    const request = { target: nameOf(current), staged, why: 'repair' as const }
    return inSituation(layout, situation, () => activate(machine, request, area))
  })
  if (restored !== undefined) return restored === 'dropped' ? undefined : restored
  if (step === undefined) return undefined
  try {
    return await switchByFetching(machine, entryOfRelease(machine, current), 'repair', () => ({}), step)
  } catch (error) {
    if (!isError(error)) throw error
    step.warn(`the edited release could not be restored yet: ${error.message}`)
    return undefined
  }
}

/** @returns undefined when some of its bytes are nowhere on this machine */
async function copyOf(
  { layout }: Machine,
  current: Installed,
  area: StagingArea,
): Promise<Staged | undefined> {
  const { restoreInto } = await import('../edits/pristine.ts')
  if (!(await restoreInto(area.tree, layout, current))) return undefined
  await syncRelease(area.tree, current.content.files)
  return {
    tree: area.tree,
    manifest: current.content,
    manifestBytes: Buffer.from(serializeManifest(current.content)),
  }
}
