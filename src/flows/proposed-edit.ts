/** The edit that a person means by the name of a skill, as it goes home: an overlay, or what no overlay has yet. */
import { SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { unitsIn } from '../core/unit.ts'
import { isNamed } from '../core/unit-names.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import { editsNamed, localEdits, severalFit } from './local-edits.ts'
import { type MachineContext, openMachine } from './machine.ts'
import type { ProposedEdit } from './propose.ts'

export interface ProposedEditOptions {
  /** Name of the surface that shows it, where surfaces differ. */
  readonly surface?: string | undefined
  /** Short name of this machine. */
  readonly machine: string
}

/**
 * @param wanted `quarterback`, `skills/quarterback` or `commands/plan.md`
 * @throws SkillsctlError `absent` for a name that is nowhere, and for a skill that is as in the release; `usage` when
 *   several edits fit
 */
export async function findProposedEdit(
  context: MachineContext,
  wanted: string,
  { surface, machine }: ProposedEditOptions,
): Promise<ProposedEdit> {
  const { layout, config } = await openMachine(context)
  if (surface !== undefined) requireSurface(config, surface)
  const { edits, damaged } = await localEdits(layout, config)
  const fitting = editsNamed(edits, wanted, surface)
  const [edit, ...others] = fitting
  const problem = damaged.find(({ overlay }) => isNamed(overlay.unit, wanted))?.problem
  if (edit === undefined && problem !== undefined) throw problem
  const units = edits.map(({ unit }) => unit)
  if (edit === undefined) throw notEdited(wanted, [...new Set(units)], currentRelease(layout))
  if (others.length > 0) throw severalFit(wanted, fitting)
  const { unit, base, before, after } = edit
  const { version, commit } = base
  return {
    unit,
    entries: after.entries,
    locate: after.locate,
    base: { version, commit, entries: before.entries },
    machine,
  }
}

function notEdited(
  wanted: string,
  edited: readonly string[],
  release: Installed | undefined,
): SkillsctlError {
  const files = release?.content.files ?? []
  const all = [...edited, ...files.map(({ path }) => path).map(unitsIn(files))]
  const name = (unit: string): string => unit.slice(unit.indexOf('/') + 1)
  const isThere = all.some((unit) => isNamed(unit, wanted))
  const near = isThere ? [] : nearMisses(wanted, new Set(all.map(name)))
  return new SkillsctlError('absent', isThere ? 'nobody edited this here' : 'nothing here has this name', {
    subject: wanted,
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `edited here: ${edited.join(', ') || 'nothing'}`,
  })
}
