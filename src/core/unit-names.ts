/** Units as people name them. */
import { SkillsctlError } from './errors.ts'
import { nearMisses } from './near-misses.ts'

/** `quarterback`, `skills/quarterback`, `plan` for `commands/plan.md`. */
export function isNamed(unit: string, wanted: string): boolean {
  const name = wanted.replace(/\/+$/, '')
  const fits = (path: string): boolean => path === name || path.endsWith(`/${name}`)
  return fits(unit) || fits(unit.replace(/\.md$/, ''))
}

/**
 * The unit that a person means: the one whose whole path that is, else the first of that name.
 * @param otherwise what to say when there is none, and where to see what there is
 * @throws SkillsctlError `absent` with near misses
 */
export function requireUnit(
  units: readonly string[],
  wanted: string,
  otherwise: { readonly message: string; readonly see: string },
): string {
  const unit = units.find((one) => one === wanted) ?? units.find((one) => isNamed(one, wanted))
  if (unit !== undefined) return unit
  throw new SkillsctlError('absent', otherwise.message, {
    subject: wanted,
    hint: hintAt(units, wanted, otherwise.see),
  })
}

/** What may have been meant, or else where to look. */
export function hintAt(units: readonly string[], wanted: string, see: string): string {
  const near = nearMisses(wanted, new Set(units.map((unit) => unit.slice(unit.lastIndexOf('/') + 1))))
  return near.length > 0 ? `did you mean ${near.join(' or ')}?` : `see what there is: ${see}`
}
