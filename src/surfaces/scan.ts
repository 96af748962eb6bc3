/**
 * What an agent would list: its places walked by its own rules. What lies there was put there by anybody, so that nothing
 * odd is an error: what cannot be read is left out, and said.
 */
import { closeSync, type Dirent, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Fact, ScanRules } from '../core/scan-rules.ts'
import { errnoOf } from '../disk/fault.ts'
import { readSkillFile } from './skill-file.ts'

/** What an agent found at one path. */
export interface Seen {
  /** Where it was found: one of those that the agent reads. */
  readonly place: string
  /** Directory of the skill, as the agent reaches it. */
  readonly path: string
  /** What the agent calls it. */
  readonly name: string
  /** Its SKILL.md as the kernel sees it: equal for one that is reached twice. */
  readonly file: string
  readonly description: string
  /** Of a skill that the agent leaves out, or lists under another entry only. */
  readonly leftOut?: { readonly reason: string; readonly by?: Seen | undefined; readonly fact: Fact }
}

export interface Scan {
  readonly rules: ScanRules
  /** By path. */
  readonly seen: ReadonlyMap<string, Seen>
  /** False when it gave up at 2,000 directories, as agents do. */
  readonly isComplete: boolean
}

/** Directories of one place. */
const MOST_DIRECTORIES = 2_000
/** The head of a SKILL.md is at its start. Bytes. */
const HEAD = 64 * 1024

/** @param places absolute, strongest first */
export function scanPlaces(rules: ScanRules, places: readonly string[]): Scan {
  const found: Seen[] = []
  let isComplete = true
  for (const place of places) {
    const walked = walk(rules, place)
    found.push(...walked.seen)
    isComplete &&= walked.isComplete
  }
  return { rules, seen: new Map(resolve(rules, found).map((one) => [one.path, one])), isComplete }
}

/** Who gets a name, and what counts once. */
function resolve(rules: ScanRules, found: readonly Seen[]): Seen[] {
  const [files, names] = [new Map<string, Seen>(), new Map<string, Seen>()]
  return found.map((one) => {
    if (one.leftOut !== undefined) return one
    const same = rules.countsOnce ? files.get(one.file) : undefined
    if (same !== undefined)
      return { ...one, leftOut: { reason: 'the same file', by: same, fact: 'double entries' as const } }
    files.set(one.file, one)
    const stronger = names.get(one.name)
    if (stronger === undefined) names.set(one.name, one)
    if (stronger === undefined || rules.equalNames === 'both' || isTie(rules, one, stronger)) return one
    return { ...one, leftOut: { reason: 'the same name', by: stronger, fact: 'equal names' as const } }
  })
}

/** Two skills of one name, of which an agent takes one, and nobody knows which: in one place it is up to the disk. */
export function isTie({ equalNames }: ScanRules, one: Seen, other: Seen): boolean {
  if (equalNames === 'both' || one.name !== other.name || one.file === other.file) return false
  return equalNames === 'either' || one.place === other.place
}

/** A directory, by the way on which it was reached: each as the kernel sees it, from the place on. */
interface Stop {
  readonly path: string
  readonly way: readonly string[]
}

function walk(rules: ScanRules, place: string): { seen: Seen[]; isComplete: boolean } {
  const seen: Seen[] = []
  const queue: Stop[] = [{ path: place, way: [realOf(place) ?? place] }]
  let directories = 1
  let isComplete = true
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { path, way } = next
    const depth = way.length - 1
    if (depth >= rules.depth.from) {
      const one = look(rules, path)
      if (one !== undefined) seen.push({ ...one, place })
    }
    if (depth >= rules.depth.to) continue
    for (const entry of entriesIn(path)) {
      if (rules.skipsDotNames && entry.name.startsWith('.')) continue
      const below = join(path, entry.name)
      if (!isDirectory(entry, below, rules)) continue
      const real = realOf(below)
      // A circle ends here; but what has two names is two skills to begin with, and resolve() makes them one.
      if (real === undefined || way.includes(real)) continue
      directories += 1
      if (directories > MOST_DIRECTORIES) isComplete = false
      else queue.push({ path: below, way: [...way, real] })
    }
  }
  return { seen, isComplete }
}

function isDirectory(entry: Dirent, path: string, { follows }: ScanRules): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  return follows.directories && quietly(() => statSync(path).isDirectory(), false)
}

/** @returns undefined where there is no SKILL.md */
function look(rules: ScanRules, path: string): Omit<Seen, 'place'> | undefined {
  const nominal = join(path, 'SKILL.md')
  const file = realOf(nominal)
  if (file === undefined) return undefined
  const directory = basename(path)
  const unread = { path, name: directory, file, description: '' }
  if (!rules.follows.files && file !== join(realOf(path) ?? path, 'SKILL.md'))
    return { ...unread, leftOut: { reason: 'its SKILL.md is a link', fact: 'links' } }
  const text = headOf(nominal)
  if (text === undefined)
    return { ...unread, leftOut: { reason: 'its SKILL.md cannot be read', fact: 'required fields' } }
  const { fields, problem } = headBy(rules, text)
  const told = textIn(fields['name'])
  const one = {
    path,
    file,
    name: rules.name === 'directory' ? directory : (told ?? directory),
    description: [textIn(fields['description']), textIn(fields['when_to_use'])].filter(Boolean).join(' - '),
  }
  const refusal = refusalOf(rules, directory, { ...fields, name: told }, problem)
  return refusal === undefined ? one : { ...one, leftOut: refusal }
}

function headBy(
  { skipsMark, readsLoosely }: ScanRules,
  text: string,
): Pick<ReturnType<typeof readSkillFile>, 'fields' | 'problem'> {
  if (!skipsMark && text.startsWith('\uFEFF')) return { fields: {}, problem: 'begins with a byte order mark' }
  const { fields, problem, head } = readSkillFile(text)
  const isText = textIn(fields['name']) !== undefined && textIn(fields['description']) !== undefined
  const isRead = problem === undefined && (isText || readsLoosely !== 'no text')
  if (isRead || head === '' || readsLoosely === false) return { fields, problem }
  const lines = [...head.matchAll(/^[ \t]*(name|description):[ \t]*(.*?)[ \t\r]*$/gm)]
  return { fields: Object.fromEntries(lines.map(([, field, value]) => [field, value])), problem: undefined }
}

function refusalOf(
  { requires, ignoresEmpty, longest, wantsEqualNames, reserved }: ScanRules,
  directory: string,
  fields: Readonly<Record<string, unknown>>,
  problem: string | undefined,
): Seen['leftOut'] {
  const fact = 'required fields'
  if (reserved.includes(directory))
    return { reason: 'the agent keeps this name for itself', fact: 'hidden names' }
  if (requires.includes('head') && problem !== undefined) return { reason: `its SKILL.md ${problem}`, fact }
  for (const field of ['name', 'description'] as const) {
    const value = textIn(fields[field])
    if (requires.includes(field) && (value === undefined || (value === '' && ignoresEmpty)))
      return { reason: `its SKILL.md has no ${field}`, fact }
    const most = longest[field]
    if (most !== undefined && [...(value ?? '')].length > most)
      return { reason: `its ${field} is longer than ${most} characters`, fact }
  }
  if (wantsEqualNames && fields['name'] !== directory)
    return { reason: `its name is ${fields['name']}, that of its directory ${directory}`, fact }
  return undefined
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value.trim() : undefined
}

function headOf(path: string): string | undefined {
  return quietly(() => {
    // A pipe would keep us waiting.
    if (!statSync(path).isFile()) return undefined
    const file = openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(HEAD)
      return buffer.toString('utf8', 0, readSync(file, buffer, 0, HEAD, 0))
    } finally {
      closeSync(file)
    }
  }, undefined)
}

/** In the order in which agents that run on Node read them. */
function entriesIn(path: string): Dirent[] {
  const entries = quietly(() => readdirSync(path, { withFileTypes: true }), [])
  return entries.sort((left, right) => (left.name < right.name ? -1 : 1))
}

function realOf(path: string): string | undefined {
  return quietly(() => realpathSync(path), undefined)
}

/** Whatever the operating system says of somebody's odd file, the scan goes on without it. */
function quietly<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return otherwise
  }
}
