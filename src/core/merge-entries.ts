/** Which files of a unit come from whom, when a person and a newer release have both changed it (SPEC.md, "Merging"). */
import { type Entry, type FileEntry, isSameEntry } from './manifest.ts'

/** The same unit three times, under the same paths. */
export interface ThreeVersions {
  /** What both have started from. */
  readonly base: readonly Entry[]
  /** What the person made of it. */
  readonly mine: readonly Entry[]
  /** What the release made of it. */
  readonly theirs: readonly Entry[]
}

/** A file that both have changed: its text has to be merged. */
export interface BothChanged {
  readonly path: string
  readonly mode: FileEntry['mode']
  readonly base: FileEntry
  readonly mine: FileEntry
  readonly theirs: FileEntry
}

export interface MergePlan {
  readonly take: readonly { readonly entry: Entry; readonly from: 'mine' | 'theirs' }[]
  readonly merge: readonly BothChanged[]
  /** Paths of which nobody but the person can tell what is right. */
  readonly conflicts: readonly string[]
}

/** Each change is taken that only one side has made. */
export function planMerge({ base, mine, theirs }: ThreeVersions): MergePlan {
  const [inBase, inMine, inTheirs] = [byPath(base), byPath(mine), byPath(theirs)]
  const take: { entry: Entry; from: 'mine' | 'theirs' }[] = []
  const merge: BothChanged[] = []
  const conflicts: string[] = []
  for (const path of new Set([...inBase.keys(), ...inMine.keys(), ...inTheirs.keys()])) {
    const [from, own, other] = [inBase.get(path), inMine.get(path), inTheirs.get(path)]
    if (isSameEntry(own, other) || isSameEntry(from, own)) {
      if (other !== undefined) take.push({ entry: other, from: 'theirs' })
    } else if (isSameEntry(from, other)) {
      if (own !== undefined) take.push({ entry: own, from: 'mine' })
    } else if (isFile(from) && isFile(own) && isFile(other)) {
      const mode = own.mode === from.mode ? other.mode : own.mode
      if (own.integrity === other.integrity || other.integrity === from.integrity)
        take.push({ entry: { ...own, mode }, from: 'mine' })
      else if (own.integrity === from.integrity) take.push({ entry: { ...other, mode }, from: 'theirs' })
      else merge.push({ path, mode, base: from, mine: own, theirs: other })
    } else conflicts.push(path)
  }
  const paths = new Set([...take.map(({ entry }) => entry.path), ...merge.map(({ path }) => path)])
  return { take, merge, conflicts: [...conflicts, ...insideFiles(paths)] }
}

/** One has made a directory of what is a file for the other. */
function insideFiles(paths: ReadonlySet<string>): string[] {
  return [...paths].filter((path) => parentsOf(path).some((parent) => paths.has(parent)))
}

function parentsOf(path: string): string[] {
  const names = path.split('/')
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'))
}

function byPath(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [entry.path, entry]))
}

function isFile(entry: Entry | undefined): entry is FileEntry {
  return entry !== undefined && entry.mode !== 'link'
}
