/** What is ours on a surface while it is worked on, and what is at the places of its entries. */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { entriesOf, FOLDERS, type Folder, type Surface, type SurfaceEntry } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import { readTree, type Tree } from '../edits/tree.ts'
import type { Layout } from '../home/layout.ts'
import { sha256Hex } from '../trust/digest.ts'
import { describeCopy, driftOfCopy, isOurCopy } from './copy.ts'
import type { Ledger, OwnEntry } from './ledger.ts'
import { isOurLink, isReplacedLink } from './link.ts'
import type { Takes } from './pattern.ts'
import { isDirectory } from './root.ts'

/** What is at the place of an entry. */
export type PlaceState = 'free' | 'ours' | 'taken'

export function entriesIn(
  { files }: Pick<Tree, 'files'>,
  folders: readonly Folder[],
  takes: Takes,
): Map<string, SurfaceEntry> {
  return entriesOf(files, folders, takes, sha256Hex)
}

/** A root that has gone is not made again: it may be a disk that is not mounted. @throws SkillsctlError `absent` */
export function insistOnRoot({ root }: Surface & { readonly root: string }): void {
  if (isDirectory(root)) return
  throw new SkillsctlError('absent', 'the root of this surface is not there', {
    subject: root,
    hint: 'mount its disk again, or make it again with: skillsctl doctor --fix',
  })
}

export class OwnEntries {
  private readonly layout: Layout
  private readonly root: string
  private readonly wanted: ReadonlyMap<string, SurfaceEntry>
  private readonly entries: Map<string, OwnEntry>
  private readonly madeOf = new Map<string, ReadonlyMap<string, SurfaceEntry>>()

  /** @param wanted what the surface is about to show @param tree name of the tree that this is of */
  constructor(
    layout: Layout,
    root: string,
    before: Ledger,
    wanted: ReadonlyMap<string, SurfaceEntry>,
    tree: string | undefined,
  ) {
    this.layout = layout
    this.root = root
    this.wanted = wanted
    this.entries = new Map(before.entries)
    if (before.makes !== undefined) this.recognize(before.makes)
    this.recognizeEdits(tree)
  }

  /** Copies in which a person has made the very change that is to be shown stay where they are. */
  private recognizeEdits(tree: string | undefined): void {
    for (const [place, entry] of tree === undefined ? [] : this.wanted) {
      const own = this.get(place)
      if (own?.by !== 'copy' || this.state(place) !== 'ours' || this.isCopyOf(entry)) continue
      const { kind, digest } = entry
      const isThere =
        driftOfCopy(this.root, place, own, this.madeFrom(place, own)).length > 0 &&
        driftOfCopy(this.root, place, { by: 'copy', kind, digest }, entry).length === 0
      if (isThere) this.entries.set(place, describeCopy(join(this.root, place), entry, tree ?? ''))
    }
  }

  /** Copies that an interrupted run put in their places before it could note them are ours, too. */
  private recognize(makes: string): void {
    for (const [place, own] of this.all()) {
      const entry = this.entriesMadeOf(makes).get(place)
      if (entry === undefined || (own.stamps !== undefined && this.state(place) === 'ours')) continue
      const { kind, digest } = entry
      if (isOurCopy(this.root, place, { by: 'copy', kind, digest }, entry))
        this.entries.set(place, describeCopy(join(this.root, place), entry, makes))
    }
  }

  /**
   * In a home that was restored from a backup, older than its surfaces, the ledger knows nothing of the copies made since.
   * What tells is a place of ours that holds the very bytes wanted, though not as we made it; alone, equal bytes may be
   * somebody's own.
   * @param lost places that were ours when the surface was moved last
   * @returns the places that are ours again
   */
  takeOver(release: string, lost: ReadonlySet<string>): readonly string[] {
    const equal = [...this.wanted.values()].filter((entry) => this.isEqualUnknown(entry))
    if (!equal.some(({ place }) => this.entries.has(place) || lost.has(place))) return []
    for (const entry of equal)
      this.entries.set(entry.place, describeCopy(join(this.root, entry.place), entry, release))
    return equal.map(({ place }) => place)
  }

  private isEqualUnknown(entry: SurfaceEntry): boolean {
    const { place, kind, digest } = entry
    if (this.state(place) !== 'taken') return false
    return isOurCopy(this.root, place, { by: 'copy', kind, digest }, entry)
  }

  all(): ReadonlyMap<string, OwnEntry> {
    return new Map(this.entries)
  }

  get(place: string): OwnEntry | undefined {
    return this.entries.get(place)
  }

  set(place: string, own: OwnEntry): void {
    this.entries.set(place, own)
  }

  delete(place: string): void {
    this.entries.delete(place)
  }

  state(place: string): PlaceState {
    const path = join(this.root, place)
    const own = this.entries.get(place)
    if (onDiskNow(path, () => lstatSync(path, { throwIfNoEntry: false })) === undefined) return 'free'
    if (own === undefined) return 'taken'
    const isOurs =
      own.by === 'link'
        ? isOurLink(this.layout, path, own.target)
        : isOurCopy(this.root, place, own, this.madeFrom(place, own))
    return isOurs ? 'ours' : 'taken'
  }

  /** Whether a file of the very bytes is in the place of our link: somebody saved it there, and it is to be shown now. */
  isReplacedByEqual(entry: SurfaceEntry): boolean {
    const { place, kind, digest } = entry
    const own = this.entries.get(place)
    if (own === undefined || kind !== 'file' || !isReplacedLink(this.root, place, own)) return false
    return driftOfCopy(this.root, place, { by: 'copy', kind, digest }, entry).length === 0
  }

  /** Whether it is there as it should be: what somebody has edited in it since is not. */
  isCopyOf(entry: SurfaceEntry): boolean {
    const { place, digest } = entry
    const own = this.entries.get(place)
    if (own?.by !== 'copy' || own.digest !== digest || own.stamps === undefined) return false
    return driftOfCopy(this.root, place, own, entry).length === 0
  }

  /** What a copy was made of, as far as that tree is still here. */
  madeFrom(place: string, { release, digest }: OwnEntry): SurfaceEntry | undefined {
    const wanted = this.wanted.get(place)
    if (wanted?.digest === digest) return wanted
    const entry = release === undefined ? undefined : this.entriesMadeOf(release).get(place)
    return entry?.digest === digest ? entry : undefined
  }

  /** Of all folders: the surface may have had others. */
  private entriesMadeOf(release: string): ReadonlyMap<string, SurfaceEntry> {
    const tree = this.madeOf.has(release) ? undefined : readTree(this.layout, release)
    const known = this.madeOf.get(release) ?? (tree && entriesIn(tree, FOLDERS, () => true)) ?? new Map()
    this.madeOf.set(release, known)
    return known
  }
}
