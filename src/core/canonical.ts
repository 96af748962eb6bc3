/**
 * Canonical JSON as SPEC.md defines it: RFC 8785 restricted to strings, booleans, null, safe integers, arrays
 * and objects. Keys are sorted by UTF-16 code units, nothing is indented.
 */
import { SkillsctlError } from './errors.ts'

export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/**
 * The one spelling of a JSON value.
 * @throws SkillsctlError `failed` for a number that is not a safe integer: two writers would spell it differently
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new SkillsctlError('failed', 'a canonical number is a safe integer', { found: String(value) })
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`)
  return `{${fields.join(',')}}`
}

/**
 * Whether a text is the one spelling of the value that was parsed from it: no key twice, no number or string spelled
 * otherwise, no space, which another reader might take for something else.
 */
export function isCanonical(text: string, value: Json): boolean {
  const order = orderOf(value, DEEPEST)
  if (order === 'none') return false
  // Many times faster, and the same where keys are in order. Keys that look like indexes never are.
  return (order === 'sorted' ? JSON.stringify(value) : canonicalJson(value)) === text
}

/** Deeper than any of our formats. */
const DEEPEST = 64

type Order = 'sorted' | 'unsorted' | 'none'

/** Of all keys below; `none` for what has no canonical form, or is too deep to look for it. */
function orderOf(value: Json, room: number): Order {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'sorted' : 'none'
  if (typeof value !== 'object' || value === null) return 'sorted'
  if (room === 0) return 'none'
  const members: readonly Json[] = isArray(value) ? value : Object.values(value)
  let order: Order = isArray(value) || isSorted(Object.keys(value)) ? 'sorted' : 'unsorted'
  for (const member of members) {
    const below = orderOf(member, room - 1)
    if (below === 'none') return 'none'
    if (below === 'unsorted') order = 'unsorted'
  }
  return order
}

function isSorted(keys: readonly string[]): boolean {
  return keys.every((key, index) => index === 0 || (keys[index - 1] ?? '') < key)
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** Orders strings by their UTF-8 bytes, which is the order of their code points (and of `LC_ALL=C sort`). */
export function compareBytes(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index)
    const b = right.charCodeAt(index)
    // Surrogates sort after every other code unit, because what they spell lies beyond U+FFFF.
    if (a !== b) return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1
  }
  return left.length - right.length
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}
