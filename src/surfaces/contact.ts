/** What a person has in the places of a release's entries, before anything of ours is there (SPEC.md, "First contact"). */
import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { basename, dirname, join, posix, resolve } from 'node:path'
import { isError } from '../core/errors.ts'
import type { Surface, SurfaceEntry } from '../core/surface.ts'
import { isInUnit } from '../core/unit.ts'
import { onDiskNow } from '../disk/fault.ts'
import type { Placed } from '../edits/source.ts'
import type { Tree } from '../edits/tree.ts'
import { type Layout, layoutOf } from '../home/layout.ts'
import { driftOfCopy } from './copy.ts'
import { contentOfCopy } from './edited-entries.ts'
import type { Ledger } from './ledger.ts'
import { targetOf } from './link.ts'
import { entriesIn, OwnEntries } from './own-entries.ts'
import { matcherOf } from './pattern.ts'

export interface Met {
  readonly place: string
  readonly entry: SurfaceEntry
  /** `equal`: an agent would see no difference. `foreign`: not ours to move, whatever the person says. */
  readonly is: 'equal' | 'different' | 'foreign'
  /** Why it is foreign, or cannot be an edit. */
  readonly why?: string
}

/** What became of it. */
export interface Contact {
  /** Places whose content was that of the release, and which are ours now. */
  readonly equal: readonly string[]
  /** Shown as edits. */
  readonly kept: readonly string[]
  /** In which the release is shown; what was there is in `kept/`. */
  readonly taken: readonly string[]
  /** Left alone though they differ, with the reason where it is not the person's choice. */
  readonly stays: readonly { readonly place: string; readonly why: string | undefined }[]
  /** Directory of `kept/` with what was there before. */
  readonly snapshot: string | undefined
}

/** Reads only. @param tree the release that is to be shown */
export async function meetEntries(
  layout: Layout,
  surface: Surface & { readonly root: string },
  ledger: Ledger,
  tree: Tree,
): Promise<Met[]> {
  const wanted = entriesIn(tree, surface.folders, await matcherOf(surface))
  const own = new OwnEntries(layout, surface.root, ledger, wanted, tree.name)
  return onDiskNow(surface.root, () =>
    [...wanted.values()]
      .filter(({ place }) => own.state(place) === 'taken')
      .map((entry) => ({ place: entry.place, entry, ...judge(surface.root, entry) })),
  )
}

function judge(root: string, entry: SurfaceEntry): Pick<Met, 'is' | 'why'> {
  const path = join(root, entry.place)
  const target = targetOf(path)
  if (target !== undefined && isOfOtherHome(resolve(dirname(path), target)))
    return { is: 'foreign', why: 'it is of another home of skillsctl' }
  try {
    if (isEqual(root, entry)) return { is: 'equal' }
  } catch (error) {
    if (!isError(error)) throw error
    return { is: 'foreign', why: error.message }
  }
  // Perhaps into a checkout in which they work: an edit would not follow them.
  if (target !== undefined) return { is: 'different', why: `it is a link, to ${target}` }
  const info = lstatSync(path)
  return info.isDirectory() || info.isFile() ? { is: 'different' } : { is: 'foreign', why: 'it is no file' }
}

function isOfOtherHome(target: string): boolean {
  const [, home] = /^(.+)\/surfaces\/[^/]+\//.exec(target) ?? []
  return home !== undefined && existsSync(layoutOf(home).config)
}

/** Also behind a link. */
function isEqual(root: string, entry: SurfaceEntry): boolean {
  const { place, kind, digest } = entry
  if (!existsSync(join(root, place))) return false
  const path = realpathSync(join(root, place))
  const info = lstatSync(path)
  if (!(kind === 'file' ? info.isFile() : info.isDirectory())) return false
  return driftOfCopy(dirname(path), basename(path), { by: 'copy', kind, digest }, entry).length === 0
}

/** What the person has there, as an edit of the release. @returns why it cannot be one, in place of it */
export function contentMet(
  { root }: Pick<Surface & { readonly root: string }, 'root'>,
  { place, entry, why }: Met,
  tree: Tree,
): { readonly mine: Placed } | { readonly why: string } {
  if (why !== undefined) return { why }
  const { after: mine } = contentOfCopy(root, place, tree, entry)
  const out = mine.entries.find((one) => one.mode === 'link' && leadsOut(one.path, one.target, entry.source))
  if (mine.entries.length === 0) return { why: 'it is empty' }
  if (out?.mode === 'link') return { why: `a link in it leads out of it, to ${out.target}` }
  return { mine }
}

/** It would lead elsewhere from where an edit is shown. */
function leadsOut(path: string, target: string, unit: string): boolean {
  return (
    !posix.isAbsolute(target) && !isInUnit(posix.normalize(posix.join(posix.dirname(path), target)), unit)
  )
}
