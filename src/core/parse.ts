/**
 * Small readers for untrusted JSON. Each takes a value and the name of the place it came from, and returns it
 * with its checked type or throws `corrupt`. Parsers of our formats are made of them, so that a value is
 * inspected once, at the edge.
 */
import { SkillsctlError } from './errors.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Parses text as JSON. @throws SkillsctlError `corrupt` */
export function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SkillsctlError('corrupt', 'this is not JSON', { subject, cause })
  }
}

function wrong(subject: string, expected: string, value: unknown): SkillsctlError {
  const found = describe(value)
  return new SkillsctlError('corrupt', `unexpected value in ${subject}`, { subject, expected, found })
}

/** What a message says about a value that nobody has checked: text in quotes and cut short, else its kind. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'number' ? String(value) : typeof value
}

export function object(value: unknown, subject: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(subject, 'an object', value)
  return value as Fields
}

export function list(value: unknown, subject: string, most = 1_000_000): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw wrong(subject, `a list of at most ${most}`, value)
  return value
}

export function string(value: unknown, subject: string, pattern?: RegExp): string {
  if (typeof value !== 'string' || (pattern !== undefined && !pattern.test(value))) {
    throw wrong(subject, pattern === undefined ? 'a string' : `a string like ${pattern.source}`, value)
  }
  return value
}

/** Deeper than any of our formats. */
const DEEPEST = 64
/** More members than any object or list of signed metadata has. */
const MOST_MEMBERS = 1000

/**
 * Insists that a value is no deeper and no wider than metadata ever is: whatever walks it afterwards recurses, and
 * what tuf-js takes to read an object grows with the square of its members. Nor does it hold a number that nobody could
 * write back (SPEC.md, "Canonical JSON").
 * @param most members of any object or list
 */
export function bounded(value: unknown, subject: string, most = MOST_MEMBERS, room = DEEPEST): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw wrong(subject, 'a safe integer', value)
  if (typeof value !== 'object' || value === null) return
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  if (room === 0) throw wrong(subject, `at most ${DEEPEST} levels`, value)
  if (members.length > most) throw wrong(subject, `at most ${most} members`, value)
  for (const member of members) bounded(member, subject, most, room - 1)
}

/** A whole number from `least` to `most`. */
export function integer(value: unknown, subject: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw wrong(subject, `a whole number from ${least} to ${most}`, value)
  }
  return value
}

export function optional<T>(
  value: unknown,
  subject: string,
  read: (value: unknown, subject: string) => T,
): T | undefined {
  return value === undefined || value === null ? undefined : read(value, subject)
}

/** `YYYY-MM-DDTHH:MM:SSZ`, a real instant. */
export function instant(value: unknown, subject: string): string {
  const text = string(value, subject, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const time = Date.parse(text)
  if (Number.isNaN(time) || formatInstant(time) !== text) throw wrong(subject, 'a real date and time', text)
  return text
}

/** Milliseconds since the epoch → `YYYY-MM-DDTHH:MM:SSZ`; fractions are cut, other TUF clients choke on them. */
export function formatInstant(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}

export const SHA256_HEX = /^[0-9a-f]{64}$/
/** SHA-1 commits, and SHA-256 ones of repositories that use them. */
export const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
export const SHA256_INTEGRITY = /^sha256-[A-Za-z0-9+/]{43}=$/
