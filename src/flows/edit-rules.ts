/** `skillsctl edits policy`: whether edits or the release win here, for a skill, a surface or all. */
import { type EditPolicy, type PolicyRule, parsePolicies, withRule } from '../core/edit-policy.ts'
import { SkillsctlError } from '../core/errors.ts'
import { unitsIn } from '../core/unit.ts'
import { requireUnit } from '../core/unit-names.ts'
import { withLock } from '../disk/lock.ts'
import { readEdits } from '../edits/record.ts'
import { requireConfig, writeConfig } from '../home/config.ts'
import { createHome } from '../home/layout.ts'
import { currentRelease } from '../home/releases.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import type { LocalContext } from './machine.ts'

const NOTHING = { message: 'nothing here has this name', see: 'skillsctl edits policy' }

export interface RuleRequest {
  /** Undefined takes a rule back. */
  readonly policy: EditPolicy | undefined
  /** `quarterback` or `skills/quarterback`; undefined for all. */
  readonly skill?: string | undefined
  readonly surface?: string | undefined
}

/** @throws SkillsctlError `corrupt` */
export async function listRules({ layout }: Pick<LocalContext, 'layout'>): Promise<readonly PolicyRule[]> {
  return parsePolicies((await requireConfig(layout)).raw)
}

/**
 * Counts from here on: what is edited already stays as it is until a release changes it.
 * @throws SkillsctlError `absent` for a skill, a surface or a rule that is not there
 */
export async function setRule(
  { layout }: Pick<LocalContext, 'layout'>,
  { policy, skill, surface }: RuleRequest,
): Promise<readonly PolicyRule[]> {
  await requireConfig(layout)
  await createHome(layout)
  return withLock(layout.lock, async () => {
    const config = await requireConfig(layout)
    const rules = parsePolicies(config.raw)
    // Those of a surface or skill that is gone can be taken back.
    if (surface !== undefined && policy !== undefined) requireSurface(config, surface)
    const ruled = rules.flatMap(({ unit }) => unit ?? [])
    const known = policy === undefined ? ruled : [...ruled, ...(await unitsHere(layout))]
    const unit = skill === undefined ? undefined : requireUnit(known, skill, NOTHING)
    const changed = withRule(rules, { surface, unit }, policy)
    if (policy === undefined && changed.length === rules.length) throw noRule(skill, surface)
    await writeConfig(layout, { ...config, raw: { ...config.raw, edits: changed } })
    return changed
  })
}

async function unitsHere(layout: LocalContext['layout']): Promise<string[]> {
  const files = currentRelease(layout)?.content.files ?? []
  const { overlays } = await readEdits(layout)
  return [...files.map(({ path }) => path).map(unitsIn(files)), ...overlays.map(({ unit }) => unit)]
}

function noRule(skill: string | undefined, surface: string | undefined): SkillsctlError {
  return new SkillsctlError('absent', 'there is no such rule', {
    subject: [skill ?? 'all skills', surface ?? 'all surfaces'].join(' on '),
    hint: 'see: skillsctl edits policy',
  })
}
