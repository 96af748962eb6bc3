/** What differs between two trees: file by file, and summed up by skill for people (SPEC.md, "Channel heads"). */
import { compareBytes } from './canonical.ts'
import { type Entry, isSameEntry } from './manifest.ts'
import { integer, list, object, optional, string } from './parse.ts'

export interface FileChanges {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly modified: readonly string[]
  readonly renamed: readonly (readonly [from: string, to: string])[]
}

/** The same by skill; files outside any skill stand for themselves. */
export interface Changes extends FileChanges {
  /** How many names were left out, because metadata stays small. */
  readonly more?: number
}

/** Names that a signed summary lists before it only counts. */
const MOST_NAMES = 20
const LONGEST_SUMMARY_NAME = 200

export const NO_CHANGES: Changes = { added: [], removed: [], modified: [], renamed: [] }

/**
 * Compares two trees.
 * @param renames pairs that git recognised as the same file under another name; pairs that do not fit are ignored
 */
export function compareTrees(
  before: readonly Entry[],
  after: readonly Entry[],
  renames: readonly (readonly [from: string, to: string])[] = [],
): FileChanges {
  const old = new Map(before.map((entry) => [entry.path, entry]))
  const now = new Map(after.map((entry) => [entry.path, entry]))
  const added = new Set([...now.keys()].filter((path) => !old.has(path)))
  const removed = new Set([...old.keys()].filter((path) => !now.has(path)))
  const take = ([from, to]: readonly [from: string, to: string]): boolean => {
    const fits = removed.has(from) && added.has(to)
    return fits && removed.delete(from) && added.delete(to)
  }
  const byGit = renames.filter(take)
  const renamed = [...byGit, ...sameContent(added, removed, old, now).filter(take)]
  const modified = after.filter((entry) => {
    const earlier = old.get(entry.path)
    return earlier !== undefined && !isSameEntry(earlier, entry)
  })
  return { added: [...added], removed: [...removed], modified: modified.map(({ path }) => path), renamed }
}

/** Pairs of a removed and an added file with the same content, for when git cannot be asked. */
function sameContent(
  added: ReadonlySet<string>,
  removed: ReadonlySet<string>,
  old: ReadonlyMap<string, Entry>,
  now: ReadonlyMap<string, Entry>,
): (readonly [string, string])[] {
  const byContent = new Map<string, string[]>()
  for (const path of removed) {
    const content = contentOf(old.get(path))
    const known = byContent.get(content)
    if (known === undefined) byContent.set(content, [path])
    else known.push(path)
  }
  return [...added].flatMap((path) => {
    const from = byContent.get(contentOf(now.get(path)))?.shift()
    return from === undefined ? [] : [[from, path] as const]
  })
}

function contentOf(entry: Entry | undefined): string {
  return entry === undefined ? '' : entry.mode === 'link' ? `link ${entry.target}` : entry.integrity
}

const SKILL_FILE = 'SKILL.md'

/** Directories that hold a SKILL.md and lie in no other such directory, in byte order; `.` is the root. */
export function topLevelSkills(files: readonly Entry[]): string[] {
  const candidates = files
    .filter(({ path }) => path === SKILL_FILE || path.endsWith(`/${SKILL_FILE}`))
    .map(({ path }) => path.slice(0, -SKILL_FILE.length - 1) || '.')
    .sort(compareBytes)
  if (candidates.includes('.')) return ['.']
  const known = new Set<string>()
  for (const directory of candidates) if (enclosing(directory, known) === undefined) known.add(directory)
  return [...known]
}

/** The member of `directories` that holds this path or is it. */
function enclosing(path: string, directories: ReadonlySet<string>): string | undefined {
  if (directories.has('.')) return '.'
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const directory = path.slice(0, end)
    if (directories.has(directory)) return directory
  }
  return undefined
}

/** Sums file changes up by skill. */
export function summarizeChanges(
  changes: FileChanges,
  before: readonly Entry[],
  after: readonly Entry[],
): Changes {
  const old = new Set(topLevelSkills(before))
  const now = new Set(topLevelSkills(after))
  const renamed = new Map(
    changes.renamed.filter(([from, to]) => !enclosing(from, old) || !enclosing(to, now)),
  )
  for (const [from, to] of renamedSkills(changes, old, now)) renamed.set(from, to)
  const arrived = new Set(renamed.values())
  const added = unitsOf([...changes.added, ...changes.renamed.map(([, to]) => to)], now)
  const removed = unitsOf([...changes.removed, ...changes.renamed.map(([from]) => from)], old)
  const addedPaths = new Set(changes.added)
  const removedPaths = new Set(changes.removed)
  const isNew = (unit: string): boolean => (now.has(unit) ? !old.has(unit) : addedPaths.has(unit))
  const isGone = (unit: string): boolean => (old.has(unit) ? !now.has(unit) : removedPaths.has(unit))
  const touched = [...added, ...removed, ...unitsOf(changes.modified, now)]
  const settled = (unit: string): boolean =>
    isNew(unit) || isGone(unit) || arrived.has(unit) || renamed.has(unit)
  return {
    added: sorted(added.filter((unit) => isNew(unit) && !arrived.has(unit))),
    removed: sorted(removed.filter((unit) => isGone(unit) && !renamed.has(unit))),
    modified: sorted(touched.filter((unit) => !settled(unit))),
    renamed: [...renamed].sort(([left], [right]) => compareBytes(left, right)),
  }
}

/** Skills that are gone, each with the new skill to which most of its renamed files went. */
function renamedSkills(
  { renamed }: FileChanges,
  old: ReadonlySet<string>,
  now: ReadonlySet<string>,
): (readonly [string, string])[] {
  const moves = new Map<string, Map<string, number>>()
  for (const [from, to] of renamed) {
    const [source, target] = [enclosing(from, old), enclosing(to, now)]
    if (source === undefined || target === undefined || now.has(source) || old.has(target)) continue
    const targets = moves.get(source) ?? new Map<string, number>()
    moves.set(source, targets.set(target, (targets.get(target) ?? 0) + 1))
  }
  const taken = new Set<string>()
  return [...moves].flatMap(([source, targets]) => {
    const [target] =
      [...targets].sort(([, left], [, right]) => right - left).find(([name]) => !taken.has(name)) ?? []
    if (target === undefined) return []
    taken.add(target)
    return [[source, target] as const]
  })
}

function unitsOf(paths: readonly string[], skills: ReadonlySet<string>): string[] {
  return paths.map((path) => enclosing(path, skills) ?? path)
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort(compareBytes)
}

/** Cuts a summary to what signed metadata may carry. */
export function shortenChanges(changes: Changes): Changes {
  let room = MOST_NAMES
  let more = 0
  const take = <T>(names: readonly T[]): T[] => {
    const fitting = names.filter((name) =>
      [name].flat().every((part) => String(part).length <= LONGEST_SUMMARY_NAME),
    )
    const taken = fitting.slice(0, room)
    room -= taken.length
    more += names.length - taken.length
    return taken
  }
  const short = {
    removed: take(changes.removed),
    renamed: take(changes.renamed),
    added: take(changes.added),
    modified: take(changes.modified),
  }
  return more === 0 ? short : { ...short, more }
}

/** @throws SkillsctlError `corrupt` */
export function parseChanges(value: unknown, subject: string): Changes {
  const fields = object(value, subject)
  const names = (key: string): string[] =>
    list(fields[key], `${subject}.${key}`, 1000).map((name) => string(name, subject))
  const renamed = list(fields['renamed'], `${subject}.renamed`, 1000).map((pair) => {
    const [from, to] = list(pair, `${subject}.renamed[]`, 2)
    return [string(from, subject), string(to, subject)] as const
  })
  const more = optional(fields['more'], `${subject}.more`, integer)
  const changes = {
    ...fields,
    added: names('added'),
    removed: names('removed'),
    modified: names('modified'),
    renamed,
  }
  return more === undefined ? changes : { ...changes, more }
}

/** How many skills may vanish in one publish before somebody has to say that it is meant. */
export function removalLimit(skillsBefore: number): number {
  return Math.max(3, Math.floor(skillsBefore / 5))
}

/** The top-level skills that `after` no longer has, renames not counted. */
export function vanishedSkills(changes: Changes, before: readonly Entry[]): string[] {
  const skills = new Set(topLevelSkills(before))
  return changes.removed.filter((unit) => skills.has(unit))
}
