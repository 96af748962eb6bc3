/** What a person changed in the trees that agents read. Reads only; files whose stamps fit are not read at all. */
import { join } from 'node:path'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { linesOf, unitsIn } from '../core/unit.ts'
import { type Drift, driftIn } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import type { StatRecord } from '../home/stat-record.ts'
import { sha256Hex } from '../trust/digest.ts'
import { entriesAt, inUnit } from './source.ts'
import { recordOf, type Tree } from './tree.ts'
import { isView } from './tree-name.ts'

/** A unit that is not what was put there. */
export interface EditedUnit {
  readonly unit: string
  /** Absolute directory below which it lies, by its path in the release. */
  readonly root: string
  /** What it was. */
  readonly before: readonly Entry[]
  /** What it is. */
  readonly after: readonly Entry[]
  /** Of `after`. */
  readonly digest: string
  /** Paths below the release. */
  readonly drift: readonly Drift[]
  /** Why nobody can tell what it is: then `after` is what it was. */
  readonly problem?: SkillsctlError
}

/** @param full reads every file whatever its stamps say @param root where the tree lies; it may have been moved away */
export function editedUnits(
  layout: Layout,
  tree: Tree,
  { full = false, root = tree.path }: { full?: boolean; root?: string } = {},
): EditedUnit[] {
  const record: StatRecord = full ? new Map() : recordOf(layout, tree)
  const drift = isView(tree.name) ? driftInView(tree, root, record) : driftIn(root, tree.files, record)
  const unitOf = unitsIn(tree.release.content.files)
  const found = new Map<string, Drift[]>()
  for (const one of drift) found.set(unitOf(one.path), [...(found.get(unitOf(one.path)) ?? []), one])
  return [...found].map(([unit, changes]): EditedUnit => {
    const before = inUnit(tree.files, unit)
    const changed = new Set(changes.map(({ path }) => path))
    const about = { unit, root, before, drift: changes }
    try {
      const after = entriesAt(join(root, unit), unit, before, (path) => !changed.has(path))
      return { ...about, after, digest: digestOf(after) }
    } catch (problem) {
      if (!isError(problem)) throw problem
      return { ...about, after: before, digest: digestOf(before), problem }
    }
  })
}

/** What is not overlaid in a view is a link: whoever edits through it has edited the release. */
function driftInView({ overlaid }: Tree, root: string, record: StatRecord): Drift[] {
  return overlaid.flatMap(({ unit, entries }) => driftIn(root, entries, record, unit))
}

/** Of what a unit holds. */
export function digestOf(entries: readonly Entry[]): string {
  return sha256Hex(linesOf(entries)).slice(0, 16)
}
