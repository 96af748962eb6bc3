/**
 * The overlays of a machine while something becomes of them: an edit is taken over, a release is followed. Contents are
 * written as it goes; what is to count is in `edits` at the end, for one write of `edits.json`. The caller holds the lock.
 */
import { join } from 'node:path'
import { type EditPolicy, type PolicyRule, policyFor } from '../core/edit-policy.ts'
import type { EditedRelease, Edits, Overlay, Waiting } from '../core/edits.ts'
import { isError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { changesBetween, isInUnit, linesOf, renamed } from '../core/unit.ts'
import { keepEdits } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { Originals } from '../home/originals.ts'
import { type Installed, listNames, readInstalled } from '../home/releases.ts'
import { type Content, readContent, readIntact, setAside, storeContent } from './content.ts'
import { digestOf } from './edited.ts'
import { releaseOf } from './edited-release.ts'
import { mergeUnit } from './merge-unit.ts'
import { pristine } from './pristine.ts'
import { findRenamedUnit } from './renamed-unit.ts'
import { shownStill } from './shown-still.ts'
import { inUnit, type Placed, type Source, sourceIn } from './source.ts'

/** Something that a person has made of a unit. */
export interface Edit {
  readonly unit: string
  /** Whose edit it is, absent for all. */
  readonly surface?: string | undefined
  /** The release that it started from. */
  readonly base: EditedRelease
  readonly before: Source
  readonly after: Placed
}

export interface Outcome {
  readonly unit: string
  readonly surface?: string | undefined
  /**
   * `kept`: an edit is an overlay now. `merged`: with what a newer release changed. `waits`: a newer release changed the
   * same. `removed`: a newer release has it no more. `renamed`: it follows. `ended`: the release is what the person
   * wanted. `aside`: the release wins, the edit is in `kept/`. `damaged`: its files are not what the person wrote.
   * `unreadable`: it could not be taken over, and stays where it is.
   */
  readonly became:
    | 'kept'
    | 'merged'
    | 'waits'
    | 'removed'
    | 'renamed'
    | 'ended'
    | 'aside'
    | 'damaged'
    | 'unreadable'
  readonly paths?: readonly string[] | undefined
  /** Directory of `kept/` with what was replaced. */
  readonly kept?: string | undefined
  /** Of a unit that follows a rename. */
  readonly formerly?: string | undefined
}

export class Overlays {
  readonly outcomes: Outcome[] = []
  private readonly layout: Layout
  private readonly rules: readonly PolicyRule[]
  private readonly now: string
  private readonly overlays: Overlay[]
  private readonly releases = new Map<string, Installed | undefined>()
  private readonly originals: Originals

  /** @param now milliseconds since the epoch */
  constructor(layout: Layout, { overlays }: Edits, rules: readonly PolicyRule[], now: number) {
    this.layout = layout
    this.rules = rules
    this.now = formatInstant(now)
    this.overlays = [...overlays]
    this.originals = new Originals(layout)
  }

  all(): readonly Overlay[] {
    return this.overlays
  }

  find(unit: string, surface: string | undefined): Overlay | undefined {
    return this.overlays.find((one) => one.unit === unit && one.surface === surface)
  }

  /** Takes an edit over, however it was made. */
  async take(edit: Edit): Promise<void> {
    const { unit, surface, base, before, after } = edit
    const known = this.find(unit, surface)
    if (isSame(before, after) || this.policy(unit, surface, known) === 'take') {
      if (!isSame(before, after))
        this.outcome('aside', edit, { kept: await this.keep(edit.base, before, after) })
      return
    }
    if (known === undefined) {
      const { name } = await storeContent(this.layout, unit, this.startOf(edit), after)
      this.overlays.push({ unit, surface, content: name, base, since: this.now, changedAt: this.now })
      return this.outcome('kept', edit)
    }
    const content = this.intact(known)
    if (content === undefined) return this.takeAgain(known, edit)
    if (isSame(after, content.mine)) return
    if (isSame(before, content.mine)) return this.change(known, content, after)
    // Meanwhile it was changed elsewhere, too: another surface, a merge.
    const { merged } = mergeUnit(before, after, content.mine)
    if (merged !== undefined) await this.keep(base, before, after)
    if (merged !== undefined && isSame(merged, content.mine)) return
    const kept = await this.keepWritten(known, content)
    if (merged !== undefined) return this.change(known, content, merged, kept, true)
    // What newer releases changed is not in it: as if it had waited since the one that it was made of.
    if (base.manifest !== known.base.manifest) return this.takeAgain(known, edit, kept)
    await this.change(known, content, after, kept)
  }

  /** In the place of what was known, which is damaged or made of another release. */
  private async takeAgain(known: Overlay, edit: Edit, kept?: string): Promise<void> {
    const { base } = edit
    const { name } = await storeContent(this.layout, edit.unit, this.startOf(edit), edit.after)
    const { isMerged: _, ...written } = known
    this.replace(known, { ...written, content: name, base, waits: undefined, changedAt: this.now })
    this.outcome('kept', known, { kept })
  }

  /** What an edit started from may have been an overlay that is no more, or another one by now. */
  private startOf({ unit, base, before }: Edit): Source {
    return this.releasedAt(base, unit) ?? before
  }

  private async change(
    known: Overlay,
    { base }: Content,
    mine: Source,
    kept?: string,
    isMerged?: boolean,
  ): Promise<void> {
    if (isSame(base, mine)) {
      this.remove(known)
      return this.outcome('ended', known, { kept })
    }
    const { name } = await storeContent(this.layout, known.unit, base, mine)
    this.replace(known, { ...known, content: name, changedAt: this.now, isMerged })
    this.outcome('kept', known, { kept })
  }

  /** Brings every overlay to a release that is on this machine, as far as nobody has to be asked. */
  async follow(release: Installed): Promise<void> {
    for (const known of [...this.overlays]) {
      const overlay = await this.mended(known)
      const content = this.intact(overlay)
      // One that is damaged holds up nobody else, and stays as it is: it may come back from a backup.
      if (content === undefined) this.outcome('damaged', overlay)
      else await this.followOne(overlay, content, release)
    }
  }

  /** With its files from where they are shown still, should they be damaged. */
  private async mended(overlay: Overlay): Promise<Overlay> {
    const mine = this.intact(overlay) === undefined ? shownStill(this.layout, overlay) : undefined
    const base = mine && this.releasedAt(overlay.base, overlay.unit)
    if (mine === undefined || base === undefined) return overlay
    const { name } = await storeContent(this.layout, overlay.unit, base, mine)
    const mended = { ...overlay, content: name }
    this.replace(overlay, mended)
    return mended
  }

  /** The unit as it was in a release, if that is here still. */
  private releasedAt({ manifest }: EditedRelease, unit: string): Source | undefined {
    const release = this.installed(manifest)
    return release && pristine(this.layout, inUnit(release.content.files, unit), [], this.originals)
  }

  /** Of many edits most have started from the same. */
  private installed(manifest: string): Installed | undefined {
    if (!this.releases.has(manifest)) {
      const name = listNames(this.layout).find((one) => one.manifest === manifest)
      this.releases.set(manifest, name && readInstalled(this.layout, name.directory))
    }
    return this.releases.get(manifest)
  }

  private intact({ content }: Overlay): Content | undefined {
    try {
      return readIntact(this.layout, content)
    } catch (error) {
      if (isError(error, 'corrupt')) return undefined
      throw error
    }
  }

  private async followOne(overlay: Overlay, content: Content, release: Installed): Promise<void> {
    const { unit, surface } = overlay
    const theirs = this.unitOf(release, unit)
    const base = releaseOf(release)
    if (theirs.entries.length === 0 && content.base.entries.length > 0) {
      const to = findRenamedUnit(content.base, unit, this.wholeOf(release), this.isNewSince(overlay.base))
      if (
        to !== undefined &&
        this.find(to, surface) === undefined &&
        (await this.followRename(overlay, content, to, release))
      )
        return
      return this.wait(overlay, 'removed', release, theirs, [unit])
    }
    if (isSame(theirs, content.mine)) {
      this.remove(overlay)
      return this.outcome('ended', overlay)
    }
    if (isSame(theirs, content.base)) {
      const settled = { ...overlay, base, waits: undefined }
      this.replace(overlay, settled)
      return this.completeOne(settled, content, this.wholeOf(release))
    }
    if (this.policy(unit, surface, overlay) === 'take') {
      await this.giveUp(overlay)
      return
    }
    const { merged, conflicts = [] } = mergeUnit(content.base, content.mine, theirs)
    if (merged === undefined) return this.wait(overlay, 'conflict', release, theirs, conflicts)
    await this.becomeMerged(overlay, content, unit, theirs, merged, release)
  }

  /** @param unit what it is called in the release */
  private async becomeMerged(
    overlay: Overlay,
    content: Content,
    unit: string,
    theirs: Source,
    merged: Source,
    release: Installed,
  ): Promise<void> {
    const kept = await this.keepWritten(overlay, content)
    const formerly = unit === overlay.unit ? undefined : overlay.unit
    if (isSame(merged, theirs)) {
      this.remove(overlay)
      return this.outcome('ended', { ...overlay, unit }, { kept, formerly })
    }
    const { name } = await storeContent(this.layout, unit, theirs, merged)
    const follower = { ...overlay, unit, content: name, base: releaseOf(release), waits: undefined }
    this.replace(overlay, { ...follower, changedAt: this.now, isMerged: true })
    const paths = changesBetween(content.mine.entries, merged.entries).map(({ path }) => path)
    this.outcome(formerly === undefined ? 'merged' : 'renamed', follower, { kept, paths, formerly })
  }

  /** @returns false when both have changed the same */
  private async followRename(
    overlay: Overlay,
    content: Content,
    to: string,
    release: Installed,
  ): Promise<boolean> {
    const { unit } = overlay
    const theirs = this.unitOf(release, to)
    const mine = moved(content.mine, unit, to)
    const { merged } = mergeUnit(moved(content.base, unit, to), mine, theirs)
    if (merged !== undefined) await this.becomeMerged(overlay, content, to, theirs, merged, release)
    return merged !== undefined
  }

  /** What the person wrote themselves. What we have merged before is made of that, and can be given up. */
  private async keepWritten(
    { base, isMerged }: Overlay,
    content: Pick<Content, 'base' | 'mine'>,
  ): Promise<string | undefined> {
    return isMerged === true ? undefined : this.keep(base, content.base, content.mine)
  }

  /** Until the release changes this unit again, nobody is told twice. */
  private wait(
    overlay: Overlay,
    because: Waiting['because'],
    release: Installed,
    theirs: Source,
    paths: readonly string[],
  ): void {
    const digest = digestOf(theirs.entries)
    if (overlay.waits?.because === because && overlay.waits.digest === digest) return
    this.replace(overlay, { ...overlay, waits: { because, release: releaseOf(release), paths, digest } })
    this.outcome(because === 'conflict' ? 'waits' : 'removed', overlay, { paths })
  }

  /** Back to the release; what the person made is in `kept/`. @returns its directory there */
  async giveUp(overlay: Overlay): Promise<string | undefined> {
    const kept = await this.keepAll(overlay)
    this.remove(overlay)
    this.outcome('aside', overlay, { kept })
    return kept
  }

  /** Of one that is damaged, whatever is left of it. */
  private async keepAll(overlay: Overlay): Promise<string | undefined> {
    const content = this.intact(overlay)
    return content === undefined
      ? setAside(this.layout, overlay.content)
      : this.keep(overlay.base, content.base, content.mine)
  }

  /** What the person made counts from here on as made from this release. @param mine undefined: as it is */
  async settle(overlay: Overlay, release: Installed, mine?: Source): Promise<void> {
    const content = readContent(this.layout, overlay.content)
    const theirs = this.unitOf(release, overlay.unit)
    const kept = mine && (await this.keep(overlay.base, content.base, content.mine))
    const settled = mine ?? content.mine
    if (isSame(settled, theirs)) this.remove(overlay)
    else {
      const { name } = await storeContent(this.layout, overlay.unit, theirs, settled)
      const settledFrom = { ...overlay, content: name, base: releaseOf(release), waits: undefined }
      // What a person gives is what they wrote, whatever we had merged before.
      const written = mine === undefined ? {} : { changedAt: this.now, isMerged: undefined }
      this.replace(overlay, { ...settledFrom, ...written })
    }
    this.outcome(isSame(settled, theirs) ? 'ended' : 'kept', overlay, { kept })
  }

  /** Gives the edits of a release the bytes that it had, as far as nobody had them when the edits were found. */
  async complete({ manifest }: Pick<EditedRelease, 'manifest'>, release: Source): Promise<void> {
    for (const overlay of this.overlays.filter((one) => one.base.manifest === manifest)) {
      const content = this.intact(overlay)
      if (content !== undefined) await this.completeOne(overlay, content, release)
    }
  }

  private async completeOne(overlay: Overlay, content: Content, release: Source): Promise<void> {
    const { base, mine, lacking } = content
    if (lacking.length === 0) return
    const whole = { ...release, entries: base.entries }
    const { name } = await storeContent(this.layout, overlay.unit, whole, mine)
    this.replace(overlay, { ...overlay, content: name })
  }

  replace(overlay: Overlay, by: Overlay): void {
    this.overlays.splice(this.overlays.indexOf(overlay), 1, by)
  }

  private remove(overlay: Overlay): void {
    this.overlays.splice(this.overlays.indexOf(overlay), 1)
  }

  private policy(unit: string, surface: string | undefined, known: Overlay | undefined): EditPolicy {
    return known?.blessed !== undefined ? 'keep' : policyFor(this.rules, unit, surface)
  }

  private unitOf({ directory, content }: Installed, unit: string): Placed {
    return sourceIn(join(this.layout.releases, directory), inUnit(content.files, unit))
  }

  private wholeOf({ directory, content }: Installed): Placed {
    return sourceIn(join(this.layout.releases, directory), content.files)
  }

  /** Where the release that an edit started from is gone, nobody can tell. */
  private isNewSince({ manifest }: EditedRelease): (unit: string) => boolean {
    const files = this.installed(manifest)?.content.files ?? []
    return (unit) => !files.some(({ path }) => isInUnit(path, unit))
  }

  private async keep(release: EditedRelease, before: Source, mine: Placed): Promise<string | undefined> {
    const name = { ...release, directory: release.version }
    return keepEdits(this.layout, name, changesBetween(before.entries, mine.entries), mine.locate)
  }

  private outcome(
    became: Outcome['became'],
    { unit, surface }: Pick<Outcome, 'unit' | 'surface'>,
    more: Partial<Outcome> = {},
  ): void {
    this.outcomes.push({ unit, surface, became, ...more })
  }
}

export function isSame(one: Pick<Source, 'entries'>, other: Pick<Source, 'entries'>): boolean {
  return linesOf(one.entries) === linesOf(other.entries)
}

/** The same files under the name of another unit. */
function moved(source: Source, from: string, to: string): Source {
  const before = (path: string): string => `${from}${path.slice(to.length)}`
  return {
    entries: renamed(source.entries, from, to),
    read: (file) => source.read({ ...file, path: before(file.path) }),
  }
}
