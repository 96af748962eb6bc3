/** Settings that an agent reads as JSON with comments. What is odd in them is left to the agent: it hides nothing here. */
import { readFileSync } from 'node:fs'
import { parse } from 'jsonc-parser'
import type { Fields } from '../core/parse.ts'

/** Empty where there are none. */
export function settingsIn(path: string): Fields {
  try {
    return fieldsOf(parse(readFileSync(path, 'utf8'), [], { allowTrailingComma: true }))
  } catch {
    // Most people have none.
    return {}
  }
}

/** Of whatever somebody wrote there: empty for what has no fields. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
