/** `skillsctl edits`: what differs from the release on this machine, skill by skill. */
import { type EditPolicy, parsePolicies, policyFor } from '../core/edit-policy.ts'
import { isUnresolved, type Overlay, type Waiting } from '../core/edits.ts'
import { isError, type SkillsctlError } from '../core/errors.ts'
import { byPath } from '../core/paths.ts'
import { changesBetween, type EntryChange } from '../core/unit.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { localPlaces } from '../surfaces/local.ts'
import { type Workcopy, workcopies } from './edit-skill.ts'
import { type DamagedOverlay, type LocalEdit, localEdits } from './local-edits.ts'
import { type MachineContext, openMachine } from './machine.ts'

/** One unit that differs, for all surfaces or for one. */
export interface EditedSkill {
  /** Path in the release. */
  readonly unit: string
  /** Absent for all. */
  readonly surface: string | undefined
  /** Surface whose entry was edited, and not what the entry was made of. */
  readonly foundOn?: string | undefined
  /**
   * `new`: found just now, the next pull takes it over. `waits`: a newer release needs the person. `blessed`: on purpose.
   * `gone`: deleted here, and no work is in that. `damaged`: its files are not what the person wrote.
   */
  readonly state: 'new' | 'kept' | 'waits' | 'blessed' | 'gone' | 'damaged'
  /** Version that it was made from. */
  readonly base: string
  readonly changes: readonly EntryChange[]
  readonly since: string | undefined
  readonly changedAt: string | undefined
  /** Of one that is blessed. */
  readonly why: string | undefined
  readonly waits: Waiting | undefined
  readonly policy: EditPolicy
  readonly problem?: SkillsctlError | undefined
}

/** A skill that only this machine has, beside ours. */
export interface LocalPlace {
  readonly surface: string
  /** Below its root. */
  readonly place: string
}

export interface EditsReport {
  readonly edits: readonly EditedSkill[]
  readonly local: readonly LocalPlace[]
  /** What is being edited on purpose, and not saved. */
  readonly open: readonly Workcopy[]
  /** Whether this machine has surfaces: without them, an update sets edits aside in `kept/`. */
  readonly hasSurfaces: boolean
  readonly kept: string
}

/** Reads only. @param full reads every file whatever its stamps say */
export async function listEdits(context: MachineContext, full = false): Promise<EditsReport> {
  const { layout, config } = await openMachine(context)
  const rules = parsePolicies(config.raw)
  const { edits, damaged } = await localEdits(layout, config, { full })
  const policy = ({ unit, surface }: Pick<Overlay, 'unit' | 'surface'>): EditPolicy =>
    policyFor(rules, unit, surface)
  return {
    edits: [
      ...edits.map((edit) => ({ ...describe(edit), policy: policy(edit) })),
      ...damaged.map((one) => ({ ...describeDamaged(one), policy: policy(one.overlay) })),
    ],
    local: await localHere(layout, config),
    open: workcopies(layout).map(({ unit, surface, path }) => ({ unit, surface, path, isKnown: true })),
    hasSurfaces: surfacesOf(config).some(({ root }) => root !== undefined),
    kept: layout.kept,
  }
}

function describe({
  unit,
  surface,
  foundOn,
  is,
  base,
  before,
  after,
  overlay,
}: LocalEdit): Omit<EditedSkill, 'policy'> {
  return {
    unit,
    surface,
    foundOn,
    state: stateOf(is, overlay),
    base: base.version,
    changes: changesBetween(before.entries, after.entries).sort(byPath),
    since: overlay?.since,
    changedAt: overlay?.changedAt,
    why: overlay?.blessed?.why,
    waits: overlay?.waits,
  }
}

function stateOf(is: LocalEdit['is'], overlay: Overlay | undefined): EditedSkill['state'] {
  if (overlay !== undefined && isUnresolved(overlay)) return 'waits'
  if (is !== 'overlay') return is
  return overlay?.blessed === undefined ? 'kept' : 'blessed'
}

function describeDamaged({ overlay, problem }: DamagedOverlay): Omit<EditedSkill, 'policy'> {
  const { unit, surface, base, since, changedAt, blessed, waits } = overlay
  const known = { unit, surface, base: base.version, since, changedAt, why: blessed?.why, waits }
  return { ...known, state: 'damaged', changes: [], problem }
}

/** Of a surface that cannot be looked at, `doctor` says why. */
async function localHere(layout: Layout, config: MachineConfig): Promise<LocalPlace[]> {
  const local: LocalPlace[] = []
  for (const { root, ...surface } of surfacesOf(config)) {
    if (root === undefined) continue
    try {
      const places = await localPlaces(layout, { ...surface, root })
      local.push(...places.map((place) => ({ surface: surface.name, place })))
    } catch (error) {
      if (!isError(error)) throw error
    }
  }
  return local
}
