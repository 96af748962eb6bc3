/** What a person gives to be a unit from here on: whatever it is, agents go on seeing one of that name. */
import { existsSync, realpathSync } from 'node:fs'
import { hasConflictMarkers } from '../core/conflict-markers.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { onDiskNow } from '../disk/fault.ts'
import { entriesAt, type Placed, type Source, sourceIn } from '../edits/source.ts'

/**
 * What lies in a directory, or is a file. A link to it will do: `cp -r` makes one of a skill that an agent sees.
 * @param was what the unit holds now
 * @throws SkillsctlError `absent`, `refused`
 */
export function givenUnit(given: string, unit: string, was: readonly Entry[]): Placed {
  const path = onDiskNow(given, () => (existsSync(given) ? realpathSync(given) : given))
  const locate = (file: string): string => `${path}${file.slice(unit.length)}`
  const source = sourceIn(locate, entriesAt(path, unit, was))
  insistOnUnit(source, unit, was)
  return source
}

/** @throws SkillsctlError `absent`, `refused` when agents would not see it any more */
export function insistOnUnit(given: Placed, unit: string, was: readonly Entry[]): void {
  const subject = given.locate(unit)
  const has = (entries: readonly Entry[], path: string): boolean => entries.some((one) => one.path === path)
  if (given.entries.length === 0) {
    throw new SkillsctlError('absent', 'nothing is there', {
      subject,
      expected: `the files of ${unit}`,
      hint: 'to do without it on a surface: skillsctl surface add <preset> --except <name>',
    })
  }
  if (was.length > 0 && has(was, unit) !== has(given.entries, unit)) {
    const [expected, found] = has(was, unit) ? ['a file', 'a directory'] : ['a directory', 'a file']
    throw new SkillsctlError('refused', `this cannot take the place of ${unit}`, { subject, expected, found })
  }
  const head = `${unit}/SKILL.md`
  if (has(was, head) && !has(given.entries, head)) {
    throw new SkillsctlError('refused', 'no agent sees a skill without SKILL.md', {
      subject,
      expected: `the files of ${unit}`,
    })
  }
}

/**
 * @param base what both sides have started from: a skill may be about conflict markers
 * @throws SkillsctlError `refused` where a merge is not finished
 */
export function insistOnFinished(given: Placed, base: Source): void {
  const [marked, allowed] = [markedIn(given), new Set(markedIn(base))]
  const unfinished = marked.find((path) => !allowed.has(path))
  if (unfinished === undefined) return
  throw new SkillsctlError('refused', 'conflict markers never reach a live skill', {
    subject: given.locate(unfinished),
    hint: 'finish the merge there, then run this again',
  })
}

function markedIn({ entries, read }: Source): string[] {
  return entries.flatMap((entry) =>
    entry.mode !== 'link' && hasConflictMarkers(read(entry) ?? Buffer.alloc(0)) ? [entry.path] : [],
  )
}
