/** What a person changed in the entries of a surface: in copies, and in files that an editor put in the place of links. */
import { join } from 'node:path'
import type { Entry } from '../core/manifest.ts'
import type { Surface, SurfaceEntry } from '../core/surface.ts'
import { isInUnit } from '../core/unit.ts'
import { entriesAt, inUnit, type Placed, sourceIn } from '../edits/source.ts'
import { readTree, type Tree } from '../edits/tree.ts'
import type { Layout } from '../home/layout.ts'
import { driftOfCopy, isOurCopy } from './copy.ts'
import type { Ledger } from './ledger.ts'
import { isReplacedLink } from './link.ts'
import { entriesIn } from './own-entries.ts'

export interface EditedEntry {
  readonly place: string
  readonly unit: string
  /** What the entry was made of. */
  readonly tree: Tree
  readonly before: readonly Entry[]
  readonly after: Placed
}

/** Reads only. What was made of a tree that is gone is kept when it is replaced. */
export function editedEntries(
  layout: Layout,
  { root, folders }: Surface & { readonly root: string },
  { entries, shows }: Ledger,
): EditedEntry[] {
  const trees = new Map<string, readonly [Tree, ReadonlyMap<string, SurfaceEntry>] | undefined>()
  const madeOf = (name: string): readonly [Tree, ReadonlyMap<string, SurfaceEntry>] | undefined => {
    if (!trees.has(name)) {
      const tree = readTree(layout, name)
      trees.set(name, tree && [tree, entriesIn(tree, folders, () => true)])
    }
    return trees.get(name)
  }
  return [...entries].flatMap(([place, own]) => {
    const name =
      own.by === 'copy' ? own.release : isReplacedLink(root, place, own) ? shows?.release : undefined
    const [tree, shown] = (name !== undefined && madeOf(name)) || []
    const entry = shown?.get(place)
    if (tree === undefined || entry?.digest !== own.digest) return []
    if (own.by === 'copy' && !isOurCopy(root, place, own, entry)) return []
    if (driftOfCopy(root, place, own, entry).length === 0) return []
    return [contentOfCopy(root, place, tree, entry)]
  })
}

/** What lies in the place of an entry, as a unit of the release. */
export function contentOfCopy(root: string, place: string, tree: Tree, entry: SurfaceEntry): EditedEntry {
  const { source, parts } = entry
  const path = join(root, place)
  const before = inUnit(tree.files, source)
  const built = parts.map((part): Entry => ({ ...part, path: `${source}${below(part.path)}` }))
  const found = entriesAt(path, source, built)
  const locate = (file: string): string => `${path}${file.slice(source.length)}`
  return { place, unit: source, tree, before, after: sourceIn(locate, withLinks(before, built, found)) }
}

function below(path: string): string {
  return path === '' ? '' : `/${path}`
}

/**
 * A copy has files where the release has a link that leads out of the skill. The link stays, unless a person has changed
 * something behind it.
 */
function withLinks(
  before: readonly Entry[],
  built: readonly Entry[],
  found: readonly Entry[],
): readonly Entry[] {
  const isBuilt = new Set(built.map((entry) => `${entry.mode} ${entry.path}`))
  const followed = before.filter(({ mode, path }) => mode === 'link' && !isBuilt.has(`link ${path}`))
  const untouched = followed.filter(({ path }) => {
    const [was, is] = [built, found].map((all) =>
      JSON.stringify(all.filter((one) => isInUnit(one.path, path)).map(contentOf)),
    )
    return was === is
  })
  const others = found.filter((entry) => untouched.every(({ path }) => !isInUnit(entry.path, path)))
  return [...others, ...untouched]
}

function contentOf(entry: Entry): readonly string[] {
  return [entry.path, entry.mode, entry.mode === 'link' ? entry.target : entry.integrity]
}
