/** `skillsctl edits drop`, `bless` and `resolve`: what is to become of an edit. */
import { parsePolicies } from '../core/edit-policy.ts'
import type { Edits, Overlay } from '../core/edits.ts'
import { SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { formatInstant } from '../core/parse.ts'
import { hintAt, isNamed } from '../core/unit-names.ts'
import { withLock } from '../disk/lock.ts'
import { readContent } from '../edits/content.ts'
import { settleEdit } from '../edits/follow-release.ts'
import { type Outcome, Overlays } from '../edits/overlays.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import type { Placed } from '../edits/source.ts'
import { createHome, type Layout } from '../home/layout.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import type { Settled } from '../surfaces/settle.ts'
import { givenUnit, insistOnFinished } from './given-unit.ts'
import { type Machine, type MachineContext, openMachine } from './machine.ts'
import { restoreEdited } from './restore-edited.ts'
import { settle } from './settle.ts'

export interface EditChange {
  readonly unit: string
  readonly surface: string | undefined
  readonly outcomes: readonly Outcome[]
  readonly settled: readonly Settled[]
}

/** What a person means: a skill, and a surface where several differ. */
export interface Chosen {
  /** `quarterback` or `skills/quarterback`. */
  readonly skill: string
  readonly surface?: string | undefined
}

/** Back to the release; the edit goes to `kept/`. @throws SkillsctlError `absent`, `usage` */
export async function dropEdit(context: MachineContext, chosen: Chosen): Promise<EditChange> {
  return changeEdit(context, chosen, (overlays, overlay) => overlays.giveUp(overlay))
}

/** Marks an edit as intended, or takes that back. @param why undefined takes it back */
export async function blessEdit(
  context: MachineContext,
  chosen: Chosen,
  why: string | undefined,
): Promise<EditChange> {
  const at = formatInstant(context.now())
  const blessed = why === undefined ? undefined : { why, at }
  return changeEdit(context, chosen, async (overlays, overlay) =>
    overlays.replace(overlay, { ...overlay, blessed }),
  )
}

export type Resolution =
  | { readonly by: 'keep' | 'take' }
  /** A directory that holds the skill as it should be. */
  | { readonly by: 'merged'; readonly directory: string }

/**
 * Settles what a newer release and a person have both changed.
 * @throws SkillsctlError `refused` for a merged directory that is unfinished
 */
export async function resolveEdit(
  context: MachineContext,
  chosen: Chosen,
  resolution: Resolution,
): Promise<EditChange> {
  return changeEdit(context, chosen, async (overlays, overlay, release) => {
    if (resolution.by === 'take') await overlays.giveUp(overlay)
    else
      await settleEdit(
        overlays,
        overlay,
        release,
        resolution.by === 'merged' ? mergedIn(context.layout, resolution.directory, overlay) : undefined,
      )
  })
}

/** @throws SkillsctlError `absent`, `refused` */
export function mergedIn(layout: Layout, directory: string, { unit, content }: Overlay): Placed {
  const { base, mine } = readContent(layout, content)
  const merged = givenUnit(directory, unit, mine.entries)
  insistOnFinished(merged, base)
  return merged
}

/** Takes over what is new first, so that it is no surprise afterwards. */
async function changeEdit(
  context: MachineContext,
  chosen: Chosen,
  change: (overlays: Overlays, overlay: Overlay, release: Installed) => Promise<unknown>,
): Promise<EditChange> {
  const machine = await openMachine(context)
  const { layout, config, now } = machine
  await createHome(layout)
  const changed = await withLock(layout.lock, async () => {
    const isShown = surfacesOf(config).some(({ root }) => root !== undefined)
    if (isShown) await settle(layout, config, surfacesOf(config), 'pull', now())
    const edits = await readEdits(layout)
    if (!isShown && edits.overlays.length === 0) throw notShown(layout)
    const overlay = requireOverlay(edits, chosen)
    const release = currentRelease(layout)
    if (release === undefined) {
      throw new SkillsctlError('absent', 'nothing is installed here', { hint: 'run: skillsctl pull' })
    }
    const overlays = new Overlays(layout, edits, parsePolicies(config.raw), now())
    await change(overlays, overlay, release)
    await writeEdits(layout, { ...edits, overlays: overlays.all() })
    const { settled } = await settle(layout, config, surfacesOf(config), 'asked', now())
    return { unit: overlay.unit, surface: overlay.surface, outcomes: overlays.outcomes, settled }
  })
  return { ...changed, settled: [...changed.settled, ...(await restored(machine, changed.outcomes))] }
}

function notShown({ kept }: Layout): SkillsctlError {
  return new SkillsctlError(
    'refused',
    'no agent is shown this release here, so none of its edits is an overlay',
    {
      subject: kept,
      hint: 'an update sets them aside there; skillsctl verify --repair does it now',
    },
  )
}

/** What a surface without the edit shows is the release: it may be edited still. Otherwise the next pull sees to it. */
async function restored(machine: Machine, outcomes: readonly Outcome[]): Promise<readonly Settled[]> {
  if (outcomes.every(({ became }) => became !== 'aside' && became !== 'ended')) return []
  const report = await restoreEdited(machine, steps('edits', machine.emit, machine.clock))
  return report?.surfaces ?? []
}

/** The one overlay that a person means. @throws SkillsctlError `absent` with near misses, `usage` when it is several */
export function requireOverlay({ overlays }: Edits, { skill, surface }: Chosen): Overlay {
  const named = overlays.filter(({ unit }) => isNamed(unit, skill))
  const fitting = surface === undefined ? named : named.filter((one) => one.surface === surface)
  const [overlay, ...others] = fitting
  if (overlay !== undefined && others.length === 0) return overlay
  if (overlay !== undefined) {
    throw new SkillsctlError('usage', 'several edits fit', {
      subject: skill,
      found: fitting.map((one) => `${one.unit} (${one.surface ?? 'all surfaces'})`).join(', '),
      hint: 'say which with --surface, or give the whole path',
    })
  }
  const units = [...new Set(overlays.map(({ unit }) => unit))]
  throw new SkillsctlError('absent', 'nothing of this name was edited here', {
    subject: skill,
    expected: units.join(', ') || 'nothing was edited',
    hint: hintAt(units, skill, 'skillsctl edits'),
  })
}
