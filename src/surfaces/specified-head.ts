/** A SKILL.md for clients that refuse fields of others: those fields are cut out, everything else stays byte for byte. */
import { isDeepStrictEqual } from 'node:util'
import { isMap, isNode, isScalar, type Pair, parseDocument } from 'yaml'
import { unspecifiedFields } from '../core/skill-rules.ts'
import { readSkillFile, type SkillFile } from './skill-file.ts'

export interface SpecifiedHead {
  readonly text: string
  /** Fields that were cut out. */
  readonly dropped: readonly string[]
}

/** @returns undefined for a head so unusual that a field cannot be cut out without touching its neighbours */
export function withSpecifiedFields(text: string, { head, fields }: SkillFile): SpecifiedHead | undefined {
  const dropped = unspecifiedFields(fields)
  if (dropped.length === 0) return { text, dropped }
  const start = text.indexOf('\n') + 1
  const cut = `${text.slice(0, start)}${withoutLines(head, dropped)}${text.slice(start + head.length)}`
  const kept = Object.entries(fields).filter(([field]) => !dropped.includes(field))
  const { fields: found, problem } = readSkillFile(cut)
  const isIntact = problem === undefined && isDeepStrictEqual(found, Object.fromEntries(kept))
  return isIntact ? { text: cut, dropped } : undefined
}

/** Without the lines of these fields, from the key to the end of its value. @param head whole lines */
function withoutLines(head: string, fields: readonly string[]): string {
  const { contents } = parseDocument(head, { logLevel: 'silent' })
  if (!isMap(contents)) return head
  let rest = head
  // From the last to the first, so that what is still to be cut stays where it is.
  for (const pair of [...contents.items].reverse()) {
    if (!isScalar(pair.key) || !fields.includes(String(pair.key.value))) continue
    const [first, last] = extentOf(pair)
    const from = head.lastIndexOf('\n', first - 1) + 1
    const to = head[last - 1] === '\n' ? last : head.indexOf('\n', last) + 1
    rest = rest.slice(0, from) + rest.slice(to)
  }
  return rest
}

function extentOf({ key, value }: Pair): [first: number, last: number] {
  const [first = 0, keyEnd = 0] = (isNode(key) && key.range) || []
  const [, valueEnd = keyEnd] = (isNode(value) && value.range) || []
  return [first, Math.max(keyEnd, valueEnd)]
}
