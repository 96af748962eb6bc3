/**
 * Making a surface show a tree (SPEC.md, "Switching a surface"): what goes is taken away, the pointer moves, what
 * changed is made anew, what is new is added. At no moment is there an entry that leads nowhere, and whatever was
 * killed is finished by doing it again. The caller holds the lock.
 */
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatInstant } from '../core/parse.ts'
import type { Surface, SurfaceEntry } from '../core/surface.ts'
import { makePath, syncDirectoryNow } from '../disk/atomic-file.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import type { Tree } from '../edits/tree.ts'
import { isView, releaseIn } from '../edits/tree-name.ts'
import { keepEdits } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { type InstalledName, readInstalled } from '../home/releases.ts'
import { setAside } from './adopt.ts'
import { type Copy, driftOfCopy, makeCopy, putInPlace, syncCopies, takeOut } from './copy.ts'
import {
  type Former,
  type Ledger,
  MOST_FORMER_VIEWS,
  type OwnEntry,
  READ_FOR,
  writeLedger,
} from './ledger.ts'
import { addLink, removeLink, renewLink, targetOf } from './link.ts'
import { entriesIn, insistOnRoot, OwnEntries } from './own-entries.ts'
import { matcherOf, type Takes } from './pattern.ts'
import { flipPointer, pointerOf, pointerPath } from './pointer.ts'
import { foundLedger } from './rebuild-ledger.ts'
import { isDirectory } from './root.ts'
import { clearStage, newStage, stagingAreaOf, stagingAreasOf, sweepStagingArea } from './staging-area.ts'

export interface Shown {
  /** Entries that an agent sees differently now. */
  readonly changed: readonly string[]
  /** Entries in whose place is something else. */
  readonly shadowed: readonly string[]
  /** Copies of this release that were there already, though nothing here says so: this home is older than they are. */
  readonly recovered?: readonly string[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** Directories with what a person had in places that are the release's now. */
  readonly aside?: readonly string[] | undefined
}

/**
 * @param tree undefined to take everything of ours away
 * @param now milliseconds since the epoch
 * @param yielded places of the person that are the release's from now on: what lies there goes to `kept/`
 * @throws SkillsctlError when the surface cannot be worked on; it shows old entries and new ones until it can
 */
export async function showTree(
  layout: Layout,
  surface: Surface & { readonly root: string },
  tree: Tree | undefined,
  now: number,
  yielded: ReadonlySet<string> = new Set(),
): Promise<Shown> {
  const takes = await matcherOf(surface)
  return onDisk(surface.root, async () => {
    insistOnRoot(surface)
    const before = await foundLedger(layout, surface, now)
    return new Work(layout, surface, before, tree, takes, now, yielded).run()
  })
}

/** What a surface shows of a tree. */
export async function entriesShown(surface: Surface, tree: Tree): Promise<Map<string, SurfaceEntry>> {
  return entriesIn(tree, surface.folders, await matcherOf(surface))
}

class Work {
  private readonly layout: Layout
  private readonly surface: Surface & { readonly root: string }
  private readonly before: Ledger
  private readonly tree: Tree | undefined
  private readonly now: number
  private readonly yielded: ReadonlySet<string>
  /** Absolute path of what entries lead to. */
  private readonly pointer: string
  private readonly wanted: ReadonlyMap<string, SurfaceEntry>
  private readonly own: OwnEntries
  private readonly former: readonly Former[]
  /** Whether everything was of the release that the pointer named: otherwise a run before this one was interrupted. */
  private readonly wasWhole: boolean
  private readonly changed = new Set<string>()
  private readonly shadowed = new Set<string>()
  private readonly lost: Set<string>
  private readonly recovered: readonly string[]
  private readonly kept = new Set<string>()
  private readonly aside = new Set<string>()
  /** By staging area. */
  private readonly stages = new Map<string, string>()

  constructor(
    layout: Layout,
    surface: Surface & { readonly root: string },
    before: Ledger,
    tree: Tree | undefined,
    takes: Takes,
    now: number,
    yielded: ReadonlySet<string>,
  ) {
    this.layout = layout
    this.surface = surface
    this.before = before
    this.tree = tree
    this.now = now
    this.yielded = yielded
    this.pointer = pointerPath(layout, surface.name)
    this.wanted = tree === undefined ? new Map() : entriesIn(tree, surface.folders, takes)
    this.own = new OwnEntries(layout, surface.root, before, this.wanted, tree?.name)
    const pointer = pointerOf(layout, surface.name)
    this.wasWhole = before.shows !== undefined && before.shows.release === pointer
    this.former = formerBy([before.shows?.release, pointer], tree?.name, before.former, now)
    this.lost = new Set(before.lost)
    const isCopied = surface.by === 'copy' && tree !== undefined
    this.recovered = isCopied ? this.own.takeOver(tree.name, this.lost) : []
  }

  async run(): Promise<Shown> {
    const { layout, surface, tree } = this
    try {
      this.makeFolders()
      // Complete before anything moves: on a full disk everything stays as it is.
      const copies = await this.makeCopies()
      const onlyTurns = this.onlyTurnsLinks()
      if (!onlyTurns) this.noteIntent()
      for (const [place, own] of this.own.all())
        if (!this.staysInPlace(place, own)) await this.takeAway(place, own)
      if (tree !== undefined) flipPointer(layout, surface.name, tree.name)
      for (const entry of this.wanted.values()) {
        if (surface.by === 'link') await this.placeLink(entry)
        else await this.placeCopy(entry, copies.get(entry.place))
      }
      // A link that was made anew leads where it led before.
      if (!onlyTurns) this.syncFolders()
      this.noteDone()
    } finally {
      for (const stage of this.stages.values()) await clearStage(stage)
    }
    await this.sweep()
    const { changed, shadowed, recovered, kept, aside } = this
    return {
      changed: [...changed],
      shadowed: [...shadowed],
      kept: [...kept],
      ...(recovered.length === 0 ? {} : { recovered }),
      ...(aside.size === 0 ? {} : { aside: [...aside] }),
    }
  }

  /** Agents do not watch a folder that is born later, so each is there from the beginning. */
  private makeFolders(): void {
    if (this.tree === undefined) return
    for (const folder of this.surface.folders) {
      const path = this.pathOf(folder)
      onDiskNow(path, () => makePath(path))
    }
  }

  private pathOf(place: string): string {
    return `${this.surface.root}/${place}`
  }

  private async makeCopies(): Promise<ReadonlyMap<string, Copy>> {
    const copies = new Map<string, Copy>()
    const { surface, tree } = this
    if (surface.by !== 'copy' || tree === undefined) return copies
    const onStages = new Map<string, SurfaceEntry[]>()
    for (const entry of this.wanted.values()) {
      const state = this.own.state(entry.place)
      if (state === 'taken' && !this.yielded.has(entry.place)) continue
      if (state === 'ours' && this.own.isCopyOf(entry)) continue
      const stage = this.stage(entry.place)
      copies.set(entry.place, await makeCopy(this.layout, entry, tree, stage))
      onStages.set(stage, [...(onStages.get(stage) ?? []), entry])
    }
    for (const [stage, entries] of onStages) await syncCopies(stage, entries)
    return copies
  }

  /**
   * Whether every link stays and the pointer alone decides where they lead. Then nothing has to be noted before: a run that
   * is interrupted leaves a pointer that is not of the release in the ledger, or nothing at all.
   */
  private onlyTurnsLinks(): boolean {
    const { own, wanted, surface, wasWhole } = this
    return (
      wasWhole &&
      surface.by === 'link' &&
      [...own.all()].every(([place, one]) => this.staysInPlace(place, one)) &&
      [...wanted.keys()].every((place) => own.state(place) !== 'free' && !this.yielded.has(place))
    )
  }

  private syncFolders(): void {
    for (const folder of this.surface.folders.map((name) => this.pathOf(name)))
      if (isDirectory(folder)) syncDirectoryNow(folder)
  }

  /** Whatever happens from here on, what was made is known to be ours. */
  private noteIntent(): void {
    const { layout, surface, before, tree, former } = this
    const entries = new Map(this.own.all())
    for (const [place, { kind, digest }] of this.wanted) {
      if (entries.has(place) || this.own.state(place) !== 'free') continue
      const copy: OwnEntry = { by: 'copy', kind, digest, release: tree?.name }
      entries.set(place, surface.by === 'link' ? this.linkTo(place) : copy)
    }
    const makes = surface.by === 'copy' ? tree?.name : undefined
    writeLedger(layout, surface.name, { ...before, shows: undefined, makes, entries, former })
  }

  private linkTo(place: string): OwnEntry & { readonly target: string } {
    const { kind = 'directory', digest = '', source = place } = this.wanted.get(place) ?? {}
    const target = `${this.pointer}/${source}`
    return { by: 'link', kind, digest, target }
  }

  /** Of what goes or changes its kind, nothing may be left when the pointer moves: it would lead nowhere. */
  private staysInPlace(place: string, own: OwnEntry): boolean {
    const wanted = this.wanted.get(place)
    if (wanted === undefined || own.by !== this.surface.by) return false
    return own.by === 'copy' ? own.kind === wanted.kind : own.target === this.linkTo(place).target
  }

  private async takeAway(place: string, own: OwnEntry): Promise<void> {
    if (this.own.state(place) === 'ours') {
      if (own.by === 'link') removeLink(this.pathOf(place), own.target)
      else await this.takeCopyOut(place, own)
      this.changed.add(place)
    }
    this.own.delete(place)
  }

  private async placeLink(entry: SurfaceEntry): Promise<void> {
    const { place, digest } = entry
    const path = this.pathOf(place)
    const link = this.linkTo(place)
    await this.yieldPlace(place)
    if (this.own.isReplacedByEqual(entry)) {
      this.own.set(place, link)
      renewLink(this.layout, path, link.target, () => this.stage(place))
    } else if (targetOf(path) === link.target) {
      this.own.set(place, link)
      if (this.before.entries.get(place)?.digest === digest && this.wasWhole) return
      renewLink(this.layout, path, link.target, () => this.stage(place))
    } else if (addLink(path, link.target)) {
      this.own.set(place, link)
    } else {
      this.leave(place)
      return
    }
    this.changed.add(place)
  }

  private async placeCopy(entry: SurfaceEntry, copy: Copy | undefined): Promise<void> {
    const { place } = entry
    if (copy !== undefined) await this.yieldPlace(place)
    const own = this.own.get(place)
    const state = this.own.state(place)
    if (state === 'ours' && own !== undefined && this.own.isCopyOf(entry)) {
      // The same bytes: nobody needs the release any more that they came from.
      this.own.set(place, { ...own, release: this.tree?.name })
      return
    }
    if (state === 'taken' || copy === undefined) return this.leave(place)
    if (state === 'ours' && own?.kind === 'file') await this.replaceFile(place, own, copy)
    else {
      if (state === 'ours' && own !== undefined) await this.takeCopyOut(place, own)
      if (!(await putInPlace(copy.path, this.pathOf(place)))) return this.leave(place)
    }
    this.own.set(place, copy.own)
    this.changed.add(place)
  }

  /** At the last moment: what takes its place is ready. */
  private async yieldPlace(place: string): Promise<void> {
    if (!this.yielded.has(place) || this.own.state(place) !== 'taken') return
    const { layout, surface, now } = this
    this.aside.add(await setAside(layout, surface.name, surface.root, place, now))
  }

  /** To whoever has put something there. */
  private leave(place: string): void {
    const own = this.own.get(place)
    if (own?.by === 'copy' && own.stamps !== undefined) this.lost.add(place)
    this.own.delete(place)
    this.shadowed.add(place)
  }

  private async replaceFile(place: string, own: OwnEntry, { path }: Copy): Promise<void> {
    const { root } = this.surface
    await this.keep(driftOfCopy(root, place, own, this.own.madeFrom(place, own)), own, root)
    await onDisk(place, () => rename(path, this.pathOf(place)))
  }

  /** Edits are looked for before, so that a kill loses nothing, and when nobody can reach it by its name any more. */
  private async takeCopyOut(place: string, own: OwnEntry): Promise<void> {
    const { root } = this.surface
    const entry = this.own.madeFrom(place, own)
    await this.keep(driftOfCopy(root, place, own, entry), own, root)
    const away = await takeOut(root, place, this.stage(place))
    await this.keep(driftOfCopy(away, place, own, entry), own, away)
  }

  private async keep(drift: ReturnType<typeof driftOfCopy>, own: OwnEntry, root: string): Promise<void> {
    const kept = await keepEdits(this.layout, this.nameFor(own), drift, root)
    if (kept !== undefined) this.kept.add(kept)
  }

  /** Under which edits of a copy are kept. */
  private nameFor({ release = 'unknown' }: OwnEntry): InstalledName {
    const installed = readInstalled(this.layout, releaseIn(release))
    const { version = release, manifest = '' } = installed ?? {}
    return { directory: `${release}-${this.surface.name}`, version, manifest }
  }

  private stage(place: string): string {
    const stagingArea = stagingAreaOf(this.surface.root, dirname(place))
    const stage = this.stages.get(stagingArea) ?? newStage(stagingArea, this.now)
    this.stages.set(stagingArea, stage)
    return stage
  }

  private noteDone(): void {
    const { tree, before, layout, surface, former } = this
    const isSame = tree !== undefined && before.shows?.release === tree.name
    const since = (isSame && before.shows?.since) || formatInstant(this.now)
    writeLedger(layout, surface.name, {
      ...before,
      entries: this.own.all(),
      shows: tree && { release: tree.name, since },
      makes: undefined,
      former,
      shadowed: [...this.shadowed],
      lost: this.lostStill(),
      waitsSince: undefined,
    })
  }

  private lostStill(): readonly string[] | undefined {
    const places = [...this.lost].filter((place) => this.shadowed.has(place))
    return places.length === 0 ? undefined : places
  }

  /** Of a surface that is taken away nothing is left. */
  private async sweep(): Promise<void> {
    const { root, folders } = this.surface
    const reading = this.tree === undefined ? 0 : undefined
    for (const stagingArea of stagingAreasOf(root, folders))
      await sweepStagingArea(stagingArea, this.now, reading)
  }
}

/**
 * Releases that a surface has shown lately, from now on those that it leaves as well.
 * @param now milliseconds since the epoch
 */
function formerBy(
  shown: readonly (string | undefined)[],
  next: string | undefined,
  before: readonly Former[],
  now: number,
): readonly Former[] {
  const recent = before.filter(({ until }) => now - Date.parse(until) < READ_FOR)
  const left = new Set(
    shown.flatMap((release) => (release === undefined || release === next ? [] : [release])),
  )
  const until = formatInstant(now)
  const former = [
    ...recent.filter(({ release }) => !left.has(release)),
    ...[...left].map((release) => ({ release, until })),
  ]
  const views = former.filter(({ release }) => isView(release)).slice(0, -MOST_FORMER_VIEWS)
  return former.filter((one) => !views.includes(one))
}
