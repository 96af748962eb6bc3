/** Taking a surface away: what we have made there, and nothing else. */
import { isError, SkillsctlError } from '../core/errors.ts'
import { findPreset, type Surface } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { keepOverlay } from '../edits/keep-overlay.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { requireSurface, writeSurface } from '../surfaces/definitions.ts'
import { isLost, readLedger, removeLedger } from '../surfaces/ledger.ts'
import { removePointer } from '../surfaces/pointer.ts'
import { isDirectory } from '../surfaces/root.ts'
import { type Shown, showTree } from '../surfaces/show.ts'
import type { MachineContext } from './machine.ts'

export interface RemoveOptions {
  /** Its root is gone for good: what was made there is forgotten. */
  readonly gone?: boolean | undefined
  /** Work to be done when nothing of ours is there any more, before it is forgotten: a kill in between does it again. */
  readonly afterwards?: ((surface: Surface) => Promise<void>) | undefined
}

/** Takes away what we have made there, the hook of its agent included, and nothing else; its own edits go to `kept/`. */
export async function removeSurface(
  context: MachineContext,
  name: string,
  { gone = false, afterwards }: RemoveOptions = {},
): Promise<Shown> {
  const { layout, now } = context
  const surface = requireSurface(await requireConfig(layout), name)
  const isGone = gone && insistOnGone(surface)
  // Refused before anything is changed, the settings of its agent included.
  if (!isGone) await insistOnReach(layout, surface)
  if (!isGone) await removeHookOf(context, surface)
  return withLock(layout.lock, async () => {
    // It may have been given another root meanwhile.
    const found = requireSurface(await requireConfig(layout), name)
    const shown = isGone ? NOTHING : await takeAway(layout, found, now())
    const kept = await keepEditsOf(layout, name)
    await afterwards?.(found)
    await forget(layout, name)
    if (isGone) await removeLedger(layout, name)
    return { ...shown, kept: [...shown.kept, ...kept] }
  })
}

const NOTHING: Shown = { changed: [], shadowed: [], kept: [] }

/** @throws SkillsctlError `refused` while it is there */
function insistOnGone({ root }: Surface): true {
  if (root === undefined || !onDiskNow(root, () => isDirectory(root))) return true
  throw new SkillsctlError('refused', 'the root of this surface is there', {
    subject: root,
    hint: 'leave --gone out: what was made there can be removed',
  })
}

/** Edits that only this surface shows. @returns directories of `kept/` */
async function keepEditsOf(layout: Layout, name: string): Promise<string[]> {
  const edits = await readEdits(layout)
  const own = edits.overlays.filter(({ surface }) => surface === name)
  if (own.length === 0) return []
  const kept: string[] = []
  for (const overlay of own) kept.push(await keepOverlay(layout, overlay))
  await writeEdits(layout, { ...edits, overlays: edits.overlays.filter((one) => !own.includes(one)) })
  return kept
}

/** A hook that stays in settings nobody can read does no harm: it finds no surface, and says nothing. */
async function removeHookOf(context: MachineContext, { name, preset, root }: Surface): Promise<void> {
  if (findPreset(preset)?.hook === undefined || root === undefined) return
  try {
    const { removeHook } = await import('./surface-hook.ts')
    await removeHook(context, name)
  } catch (error) {
    if (!isError(error)) throw error
    const { message, subject } = error
    context.emit({
      flow: 'surfaces',
      step: 'hook',
      status: 'warning',
      message: `the hook in the agent's settings stays: ${[message, subject].filter(Boolean).join(': ')}`,
    })
  }
}

/** Takes away what we have made there, and nothing else. The caller holds the lock. */
export async function takeAway(layout: Layout, { root, ...surface }: Surface, now: number): Promise<Shown> {
  if (root === undefined || !(await canHoldOurs(layout, { ...surface, root }))) return NOTHING
  return showTree(layout, { ...surface, root }, undefined, now)
}

/** @throws SkillsctlError `absent` when what we have made there cannot be reached */
export async function insistOnReach(layout: Layout, { root, ...surface }: Surface): Promise<void> {
  if (root !== undefined) await canHoldOurs(layout, { ...surface, root })
}

/**
 * Whether there is anything to take away. A root that has gone may be a disk that is not mounted: it would come back
 * with links that lead nowhere, and nobody would know that they were ours.
 * @throws SkillsctlError `absent` when there is, and it cannot be reached
 */
async function canHoldOurs(layout: Layout, { name, root }: Surface & { root: string }): Promise<boolean> {
  if (onDiskNow(root, () => isDirectory(root))) return true
  if (!isLost(layout, name) && (await readLedger(layout, name)).entries.size === 0) return false
  throw new SkillsctlError(
    'absent',
    'the root of this surface is not there, so that nothing can be removed',
    {
      subject: root,
      hint: `mount its disk again; if it was deleted for good: skillsctl surface remove ${name} --gone`,
    },
  )
}

/** Its ledger tells what may still be read, and goes when that is over. */
export async function forget(layout: Layout, name: string): Promise<void> {
  await writeSurface(layout, name, undefined)
  removePointer(layout, name)
}
