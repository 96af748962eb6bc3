/**
 * The name of whoever wrote a commit, as signed metadata carries it (SPEC.md, "Channel heads"): a line for people, which
 * neither steers a terminal nor tells an agent something that nobody sees.
 */
import { SkillsctlError } from './errors.ts'
import { describe, string } from './parse.ts'
import { CONTROL, INVISIBLE, LONE_SURROGATE } from './paths.ts'

const LONGEST = 100
/** Tags: letters that no screen shows, and that agents read. */
const TAGS = /[\u{e0000}-\u{e0fff}]/u
/** Ranges and no properties of Unicode: every publisher makes the same bytes of a commit, whatever Node it has. */
const HIDDEN = new RegExp(
  [CONTROL, INVISIBLE, LONE_SURROGATE, TAGS].map(({ source }) => source).join('|'),
  'gu',
)

/** What may be published of a name; undefined when nothing is left of it. */
export function cleanAuthor(name: string): string | undefined {
  // Nothing that long is a name, and what comes after would be cut anyway.
  const line = name
    .slice(0, 50 * LONGEST)
    .replace(HIDDEN, ' ')
    .replace(/ +/g, ' ')
    .trim()
  return Array.from(line).slice(0, LONGEST).join('').trim() || undefined
}

/** @throws SkillsctlError `corrupt` for what no publisher of ours writes */
export function parseAuthor(value: unknown, subject: string): string {
  const name = string(value, subject)
  if (cleanAuthor(name) === name) return name
  throw new SkillsctlError('corrupt', `unexpected value in ${subject}`, {
    subject,
    expected: `a name of at most ${LONGEST} characters, all of them visible`,
    found: describe(value),
  })
}
