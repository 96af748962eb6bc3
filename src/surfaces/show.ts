/**
 * Making a surface show a release (SPEC.md, "Switching a surface"): what goes is taken away, the pointer moves, what
 * changed is made anew, what is new is added. At no moment is there an entry that leads nowhere, and whatever was
 * killed is finished by doing it again. The caller holds the lock.
 */
import { lstatSync, statSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { entriesOf, type Surface, type SurfaceEntry } from '../core/surface.ts'
import { syncDirectory } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import { keepEdits } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { type Installed, type InstalledName, readInstalled } from '../home/releases.ts'
import { sha256Hex } from '../trust/digest.ts'
import { describeCopy, driftOfCopy, isOurCopy, makeCopy, putInPlace, takeOut } from './copy.ts'
import { type Former, type Ledger, type OwnEntry, READ_FOR, readLedger, writeLedger } from './ledger.ts'
import { addLink, removeLink, renewLink, targetOf } from './link.ts'
import { matcherOf, type Takes } from './pattern.ts'
import { flipPointer, pointerOf, pointerPath } from './pointer.ts'
import { clearBench, newBench, sweepWorkshop, workshopOf } from './workshop.ts'

export interface Shown {
  /** Entries that an agent sees differently now. */
  readonly changed: readonly string[]
  /** Entries in whose place is something else. */
  readonly shadowed: readonly string[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
}

/**
 * @param release undefined to take everything of ours away
 * @param now milliseconds since the epoch
 * @throws SkillsctlError when the surface cannot be worked on; it shows old entries and new ones until it can
 */
export async function showRelease(
  layout: Layout,
  surface: Surface & { readonly root: string },
  release: Installed | undefined,
  now: number,
): Promise<Shown> {
  insistOnRoot(surface)
  const before = await readLedger(layout, surface.name)
  return new Work(layout, surface, before, release, await matcherOf(surface), now).run()
}

/** A root that has gone is not made again: it may be a disk that is not mounted. */
function insistOnRoot({ root, name }: Surface & { readonly root: string }): void {
  if (isDirectory(root)) return
  throw new SkillsctlError('absent', 'the root of this surface is not there', {
    subject: root,
    hint: `make it again with: skillsctl doctor --fix, or forget it: skillsctl surface remove ${name}`,
  })
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** What a surface shows of a release. */
export async function entriesShown(surface: Surface, release: Installed): Promise<Map<string, SurfaceEntry>> {
  return entriesIn(release, surface, await matcherOf(surface))
}

function entriesIn({ content }: Installed, { folders }: Surface, takes: Takes): Map<string, SurfaceEntry> {
  return entriesOf(content.files, folders, takes, sha256Hex)
}

class Work {
  private readonly layout: Layout
  private readonly surface: Surface & { readonly root: string }
  private readonly before: Ledger
  private readonly release: Installed | undefined
  private readonly now: number
  private readonly wanted: ReadonlyMap<string, SurfaceEntry>
  private readonly own: Map<string, OwnEntry>
  private readonly changed = new Set<string>()
  private readonly shadowed = new Set<string>()
  private readonly kept = new Set<string>()
  /** By workshop. */
  private readonly benches = new Map<string, string>()
  private readonly madeOf = new Map<string, ReadonlyMap<string, SurfaceEntry>>()

  constructor(
    layout: Layout,
    surface: Surface & { readonly root: string },
    before: Ledger,
    release: Installed | undefined,
    takes: Takes,
    now: number,
  ) {
    this.layout = layout
    this.surface = surface
    this.before = before
    this.release = release
    this.now = now
    this.wanted = release === undefined ? new Map() : entriesIn(release, surface, takes)
    this.own = new Map(before.entries)
  }

  async run(): Promise<Shown> {
    const { layout, surface, release } = this
    await this.makeFolders()
    await this.noteIntent()
    for (const [place, own] of this.before.entries) {
      if (this.staysInPlace(place, own)) continue
      await this.takeAway(place, own)
    }
    if (release !== undefined && pointerOf(layout, surface.name) !== release.directory)
      await flipPointer(layout, surface.name, release.directory)
    for (const entry of this.wanted.values()) {
      if (surface.by === 'link') await this.placeLink(entry)
      else await this.placeCopy(entry)
    }
    for (const folder of this.folders()) await this.sync(join(surface.root, folder))
    await this.noteDone()
    await this.sweep()
    return { changed: [...this.changed], shadowed: [...this.shadowed], kept: [...this.kept] }
  }

  /** Agents do not watch a folder that is born later, so each is there from the beginning. */
  private async makeFolders(): Promise<void> {
    if (this.release === undefined) return
    for (const folder of this.surface.folders) {
      const path = join(this.surface.root, folder)
      await onDisk(path, () => mkdir(path, { recursive: true }))
    }
  }

  private folders(): string[] {
    return this.surface.folders.filter((folder) => isDirectory(join(this.surface.root, folder)))
  }

  private async sync(folder: string): Promise<void> {
    await onDisk(folder, () => syncDirectory(folder))
  }

  /** Whatever happens from here on, what was made is known to be ours. */
  private async noteIntent(): Promise<void> {
    const { layout, surface, before } = this
    const entries = new Map(before.entries)
    for (const [place, { kind, digest }] of this.wanted) {
      if (entries.has(place)) continue
      entries.set(place, surface.by === 'link' ? this.linkTo(place) : { by: 'copy', kind, digest })
    }
    const { shows: _notAnyMore, ...rest } = before
    await writeLedger(layout, surface.name, { ...rest, entries, former: this.former() })
  }

  private linkTo(place: string): OwnEntry {
    const { kind = 'directory', digest = '', source = place } = this.wanted.get(place) ?? {}
    const target = join(pointerPath(this.layout, this.surface.name), source)
    return { by: 'link', kind, digest, target }
  }

  /** Of what goes or changes its kind, nothing may be left when the pointer moves: it would lead nowhere. */
  private staysInPlace(place: string, own: OwnEntry): boolean {
    if (!this.wanted.has(place) || own.by !== this.surface.by) return false
    return own.by === 'copy'
      ? own.kind === this.wanted.get(place)?.kind
      : own.target === this.linkTo(place).target
  }

  private async takeAway(place: string, own: OwnEntry): Promise<void> {
    const path = join(this.surface.root, place)
    if (own.by === 'link') await removeLink(path, own.target)
    else if (isOurCopy(this.surface.root, place, own, this.entryBefore(place, own)))
      await this.takeCopyOut(place, own, await this.bench(place))
    this.own.delete(place)
    this.changed.add(place)
  }

  private async placeLink(entry: SurfaceEntry): Promise<void> {
    const { place, digest } = entry
    const { layout } = this
    const path = join(this.surface.root, place)
    const link = this.linkTo(place)
    const target = link.target ?? ''
    const known = this.before.entries.get(place)
    if (targetOf(path) === target) {
      this.own.set(place, link)
      if (known?.digest === digest && this.before.shows !== undefined) return
      await renewLink(layout, path, target)
    } else if (await addLink(path, target)) {
      this.own.set(place, link)
    } else {
      this.own.delete(place)
      this.shadowed.add(place)
      return
    }
    this.changed.add(place)
  }

  private async placeCopy(entry: SurfaceEntry): Promise<void> {
    const { place, digest, kind } = entry
    const { root } = this.surface
    const { release } = this
    if (release === undefined) return
    const path = join(root, place)
    const own = this.own.get(place)
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined
    const isOurs = own !== undefined && isThere && isOurCopy(root, place, own, this.entryBefore(place, own))
    if (isOurs && own.digest === digest && own.stamps !== undefined) {
      // The same bytes: nobody needs the release any more that they came from.
      this.own.set(place, { ...own, release: release.directory })
      return
    }
    if (isThere && !isOurs) {
      this.own.delete(place)
      this.shadowed.add(place)
      return
    }
    const bench = await this.bench(place)
    const made = await makeCopy(entry, join(this.layout.releases, release.directory), bench)
    if (isOurs && kind === 'file') await this.replaceFile(place, own, made)
    else {
      if (isOurs) await this.takeCopyOut(place, own, bench)
      if (!(await putInPlace(made, path))) {
        this.shadowed.add(place)
        this.own.delete(place)
        return
      }
    }
    this.own.set(place, describeCopy(path, entry, release.directory))
    this.changed.add(place)
  }

  private async replaceFile(place: string, own: OwnEntry, made: string): Promise<void> {
    const { root } = this.surface
    await this.keep(driftOfCopy(root, place, own, this.entryBefore(place, own)), own, root)
    await onDisk(place, () => rename(made, join(root, place)))
  }

  /** Edits are looked for before, so that a kill loses nothing, and when nobody can reach it by its name any more. */
  private async takeCopyOut(place: string, own: OwnEntry, bench: string): Promise<void> {
    const { root } = this.surface
    const entry = this.entryBefore(place, own)
    await this.keep(driftOfCopy(root, place, own, entry), own, root)
    const away = await takeOut(root, place, bench)
    await this.keep(driftOfCopy(away, place, own, entry), own, away)
  }

  private async keep(drift: ReturnType<typeof driftOfCopy>, own: OwnEntry, root: string): Promise<void> {
    const kept = await keepEdits(this.layout, this.nameFor(own), drift, root)
    if (kept !== undefined) this.kept.add(kept)
  }

  /** Under which edits of a copy are kept. */
  private nameFor({ release = 'unknown' }: OwnEntry): InstalledName {
    const installed = readInstalled(this.layout, release)
    const { version = release, manifest = '' } = installed ?? {}
    return { directory: `${release}-${this.surface.name}`, version, manifest }
  }

  /** What a copy was made of, as far as that release is still here. */
  private entryBefore(place: string, { release, digest }: OwnEntry): SurfaceEntry | undefined {
    const wanted = this.wanted.get(place)
    if (wanted?.digest === digest) return wanted
    if (release === undefined) return undefined
    const known = this.madeOf.get(release) ?? this.readEntries(release)
    this.madeOf.set(release, known)
    const entry = known.get(place)
    return entry?.digest === digest ? entry : undefined
  }

  private readEntries(release: string): ReadonlyMap<string, SurfaceEntry> {
    const installed = readInstalled(this.layout, release)
    return installed === undefined ? new Map() : entriesIn(installed, this.surface, () => true)
  }

  private async bench(place: string): Promise<string> {
    const workshop = workshopOf(this.surface.root, dirname(place))
    const bench = this.benches.get(workshop) ?? (await newBench(workshop, this.now))
    this.benches.set(workshop, bench)
    return bench
  }

  private former(): readonly Former[] {
    const { shows, former } = this.before
    const left =
      shows === undefined || shows.release === this.release?.directory
        ? former
        : [...former, { release: shows.release, until: formatInstant(this.now) }]
    return left.filter(({ until }) => this.now - Date.parse(until) < READ_FOR)
  }

  private async noteDone(): Promise<void> {
    const { release, before, layout, surface } = this
    const { shows: _before, waitsSince: _noMore, ...rest } = before
    const isSame = before.shows !== undefined && before.shows.release === release?.directory
    const shows = release && {
      release: release.directory,
      since: isSame && before.shows !== undefined ? before.shows.since : formatInstant(this.now),
    }
    await writeLedger(layout, surface.name, {
      ...rest,
      entries: this.own,
      shadowed: [...this.shadowed],
      former: this.former(),
      ...(shows === undefined ? {} : { shows }),
    })
  }

  private async sweep(): Promise<void> {
    for (const bench of this.benches.values()) await clearBench(bench)
    const workshops = new Set(this.folders().map((folder) => workshopOf(this.surface.root, folder)))
    for (const workshop of workshops) await sweepWorkshop(workshop, this.now)
  }
}
