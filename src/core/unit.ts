/** What a person edits as one (SPEC.md, "Local edits"): a skill or its like, or a file outside of all of them. */
import { type Entry, isSameEntry } from './manifest.ts'
import { byPath } from './paths.ts'
import { FOLDERS, skillsAtTheTop, sourceOf } from './surface.ts'

/** Tells for each path of a tree which unit it is in, also for a path that is not in the release. */
export function unitsIn(release: readonly Entry[]): (path: string) => string {
  const atTheTop = skillsAtTheTop(release)
  return (path) => sourceOf(path, FOLDERS, atTheTop) ?? path
}

/** Whether this path is the unit itself, or in it. */
export function isInUnit(path: string, unit: string): boolean {
  return path === unit || path.startsWith(`${unit}/`)
}

/** Entries of a unit, under another name: what became of them when the unit was renamed. */
export function renamed(entries: readonly Entry[], from: string, to: string): Entry[] {
  return entries.map((entry) => ({ ...entry, path: `${to}${entry.path.slice(from.length)}` }))
}

/** A tree with some of its units replaced. @param units what each of them holds instead */
export function withUnits(
  release: readonly Entry[],
  units: ReadonlyMap<string, readonly Entry[]>,
): readonly Entry[] {
  if (units.size === 0) return release
  const unitOf = unitsIn(release)
  const others = release.filter(({ path }) => !units.has(unitOf(path)))
  return [...others, ...[...units.values()].flat()].sort(byPath)
}

/** What names, modes and contents of some entries are, a line each in the order of their paths: for a digest. */
export function linesOf(entries: readonly Entry[]): string {
  return [...entries]
    .sort(byPath)
    .map((entry) => `${entry.mode} ${entry.mode === 'link' ? entry.target : entry.integrity} ${entry.path}\n`)
    .join('')
}

export interface EntryChange {
  readonly path: string
  readonly kind: 'modified' | 'deleted' | 'added' | 'mode'
}

/** What became of some entries, in no order. */
export function changesBetween(before: readonly Entry[], after: readonly Entry[]): EntryChange[] {
  const [old, now] = [
    new Map(before.map((one) => [one.path, one])),
    new Map(after.map((one) => [one.path, one])),
  ]
  const gone = before
    .filter(({ path }) => !now.has(path))
    .map(({ path }) => ({ path, kind: 'deleted' as const }))
  const made = after.flatMap((entry): EntryChange[] => {
    const was = old.get(entry.path)
    if (isSameEntry(was, entry)) return []
    return [{ path: entry.path, kind: kindOf(was, entry) }]
  })
  return [...gone, ...made]
}

function kindOf(was: Entry | undefined, is: Entry): EntryChange['kind'] {
  if (was === undefined) return 'added'
  const isSameContent = was.mode !== 'link' && is.mode !== 'link' && was.integrity === is.integrity
  return isSameContent ? 'mode' : 'modified'
}
