/** Whether an edit or the release wins, as the person chose: `edits` of `config.json`. */
import { type Fields, list, object, optional, string } from './parse.ts'

export type EditPolicy = 'keep' | 'take'

/** Absent fields mean all. */
export interface PolicyRule {
  readonly surface?: string | undefined
  readonly unit?: string | undefined
  readonly policy: EditPolicy
}

/** @throws SkillsctlError `corrupt` */
export function parsePolicies(raw: Fields): readonly PolicyRule[] {
  const subject = 'config.edits'
  return list(raw['edits'] ?? [], subject, 10_000).map((value) => {
    const fields = object(value, subject)
    return {
      surface: optional(fields['surface'], subject, string),
      unit: optional(fields['unit'], subject, string),
      policy: string(fields['policy'], subject, /^(?:keep|take)$/) === 'take' ? 'take' : 'keep',
    }
  })
}

/** The rule that says most about this unit on this surface; a surface says more than a unit. */
export function policyFor(
  rules: readonly PolicyRule[],
  unit: string,
  surface: string | undefined,
): EditPolicy {
  const fitting = rules.filter(
    (rule) =>
      (rule.surface === undefined || rule.surface === surface) &&
      (rule.unit === undefined || rule.unit === unit),
  )
  const weight = (rule: PolicyRule): number =>
    (rule.surface === undefined ? 0 : 2) + (rule.unit === undefined ? 0 : 1)
  return fitting.sort((left, right) => weight(right) - weight(left))[0]?.policy ?? 'keep'
}

/** @param policy undefined takes a rule back */
export function withRule(
  rules: readonly PolicyRule[],
  { surface, unit }: Omit<PolicyRule, 'policy'>,
  policy: EditPolicy | undefined,
): readonly PolicyRule[] {
  const others = rules.filter((rule) => rule.surface !== surface || rule.unit !== unit)
  return policy === undefined ? others : [...others, { surface, unit, policy }]
}
