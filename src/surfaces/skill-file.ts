/**
 * The head of a SKILL.md, as the Agent Skills specification defines it: YAML between two lines of `---`. What is in it was
 * written by people, so that anything wrong with it is an answer, not an error.
 */
import { parse } from 'yaml'

export interface SkillFile {
  /** Fields as YAML reads them; empty when there are none, or they cannot be read. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The text that they were read from: whole lines, from the second one on. */
  readonly head: string
  /** Everything below the head. */
  readonly body: string
  /** Why the head cannot be read. */
  readonly problem?: string | undefined
}

/** Aliases would let a short text stand for a huge one. Quieter than `error`, mistakes would be no errors any more. */
const OPTIONS = { maxAliasCount: 0, logLevel: 'error' } as const

export function readSkillFile(text: string): SkillFile {
  const found = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)(?<=\n)---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(text)
  if (found === null)
    return { fields: {}, head: '', body: text, problem: 'has no head between two lines of ---' }
  const [, head = '', body = ''] = found
  try {
    const fields: unknown = parse(head, OPTIONS)
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) {
      return { fields: { ...fields }, head, body }
    }
    return { fields: {}, head, body, problem: 'has a head without fields' }
  } catch {
    // What exactly the parser minds is of no use to whoever reads one line.
    return { fields: {}, head, body, problem: 'has a head that is not YAML' }
  }
}
