/** Overlays and a newer release: what becomes of each by itself, and what a person settles (SPEC.md, "Local edits"). */
import { join } from 'node:path'
import type { EditedRelease, Overlay, Waiting } from '../core/edits.ts'
import { changesBetween, isInUnit, renamed } from '../core/unit.ts'
import type { Installed } from '../home/releases.ts'
import { type Content, readContent, storeContent } from './content.ts'
import { digestOf } from './edited.ts'
import { releaseOf } from './edited-release.ts'
import { mergeUnit } from './merge-unit.ts'
import { isSame, type Overlays } from './overlays.ts'
import { findRenamedUnit } from './renamed-unit.ts'
import { shownStill } from './shown-still.ts'
import { inUnit, type Placed, type Source, sourceIn } from './source.ts'

/** Brings every overlay to a release that is on this machine, as far as nobody has to be asked. */
export async function followRelease(overlays: Overlays, release: Installed): Promise<void> {
  for (const known of [...overlays.all()]) {
    const overlay = await mended(overlays, known)
    const content = overlays.intact(overlay)
    // One that is damaged holds up nobody else, and stays as it is: it may come back from a backup.
    if (content === undefined) overlays.outcome('damaged', overlay)
    else await followOne(overlays, overlay, content, release)
  }
}

/** With its files from where they are shown still, should they be damaged. */
async function mended(overlays: Overlays, overlay: Overlay): Promise<Overlay> {
  const mine = overlays.intact(overlay) === undefined ? shownStill(overlays.layout, overlay) : undefined
  const base = mine && overlays.releasedAt(overlay.base, overlay.unit)
  if (mine === undefined || base === undefined) return overlay
  const { name } = await storeContent(overlays.layout, overlay.unit, base, mine)
  const mended = { ...overlay, content: name }
  overlays.replace(overlay, mended)
  return mended
}

async function followOne(
  overlays: Overlays,
  overlay: Overlay,
  content: Content,
  release: Installed,
): Promise<void> {
  const { unit, surface } = overlay
  const theirs = unitOf(overlays, release, unit)
  const base = releaseOf(release)
  if (theirs.entries.length === 0 && content.base.entries.length > 0) {
    const to = findRenamedUnit(
      content.base,
      unit,
      wholeOf(overlays, release),
      isNewSince(overlays, overlay.base),
    )
    if (
      to !== undefined &&
      overlays.find(to, surface) === undefined &&
      (await followRename(overlays, overlay, content, to, release))
    )
      return
    return wait(overlays, overlay, 'removed', release, theirs, [unit])
  }
  if (isSame(theirs, content.mine)) {
    overlays.remove(overlay)
    return overlays.outcome('ended', overlay)
  }
  if (isSame(theirs, content.base)) {
    const settled = { ...overlay, base, waits: undefined }
    overlays.replace(overlay, settled)
    return completeOne(overlays, settled, content, wholeOf(overlays, release))
  }
  if (overlays.policy(unit, surface, overlay) === 'take') {
    await overlays.giveUp(overlay)
    return
  }
  const { merged, conflicts = [] } = mergeUnit(content.base, content.mine, theirs)
  if (merged === undefined) return wait(overlays, overlay, 'conflict', release, theirs, conflicts)
  await becomeMerged(overlays, overlay, content, unit, theirs, merged, release)
}

/** @param unit what it is called in the release */
async function becomeMerged(
  overlays: Overlays,
  overlay: Overlay,
  content: Content,
  unit: string,
  theirs: Source,
  merged: Source,
  release: Installed,
): Promise<void> {
  const kept = await overlays.keepWritten(overlay, content)
  const formerly = unit === overlay.unit ? undefined : overlay.unit
  if (isSame(merged, theirs)) {
    overlays.remove(overlay)
    return overlays.outcome('ended', { ...overlay, unit }, { kept, formerly })
  }
  const { name } = await storeContent(overlays.layout, unit, theirs, merged)
  const follower = { ...overlay, unit, content: name, base: releaseOf(release), waits: undefined }
  overlays.replace(overlay, { ...follower, changedAt: overlays.now, isMerged: true })
  const paths = changesBetween(content.mine.entries, merged.entries).map(({ path }) => path)
  overlays.outcome(formerly === undefined ? 'merged' : 'renamed', follower, { kept, paths, formerly })
}

/** @returns false when both have changed the same */
async function followRename(
  overlays: Overlays,
  overlay: Overlay,
  content: Content,
  to: string,
  release: Installed,
): Promise<boolean> {
  const { unit } = overlay
  const theirs = unitOf(overlays, release, to)
  const mine = moved(content.mine, unit, to)
  const { merged } = mergeUnit(moved(content.base, unit, to), mine, theirs)
  if (merged !== undefined) await becomeMerged(overlays, overlay, content, to, theirs, merged, release)
  return merged !== undefined
}

/** Until the release changes this unit again, nobody is told twice. */
function wait(
  overlays: Overlays,
  overlay: Overlay,
  because: Waiting['because'],
  release: Installed,
  theirs: Source,
  paths: readonly string[],
): void {
  const digest = digestOf(theirs.entries)
  if (overlay.waits?.because === because && overlay.waits.digest === digest) return
  overlays.replace(overlay, { ...overlay, waits: { because, release: releaseOf(release), paths, digest } })
  overlays.outcome(because === 'conflict' ? 'waits' : 'removed', overlay, { paths })
}

/** What the person made counts from here on as made from this release. @param mine undefined: as it is */
export async function settleEdit(
  overlays: Overlays,
  overlay: Overlay,
  release: Installed,
  mine?: Source,
): Promise<void> {
  const content = readContent(overlays.layout, overlay.content)
  const theirs = unitOf(overlays, release, overlay.unit)
  const kept = mine && (await overlays.keep(overlay.base, content.base, content.mine))
  const settled = mine ?? content.mine
  if (isSame(settled, theirs)) overlays.remove(overlay)
  else {
    const { name } = await storeContent(overlays.layout, overlay.unit, theirs, settled)
    const settledFrom = { ...overlay, content: name, base: releaseOf(release), waits: undefined }
    // What a person gives is what they wrote, whatever we had merged before.
    const written = mine === undefined ? {} : { changedAt: overlays.now, isMerged: undefined }
    overlays.replace(overlay, { ...settledFrom, ...written })
  }
  overlays.outcome(isSame(settled, theirs) ? 'ended' : 'kept', overlay, { kept })
}

/** Gives the edits of a release the bytes that it had, as far as nobody had them when the edits were found. */
export async function completeFrom(
  overlays: Overlays,
  { manifest }: Pick<EditedRelease, 'manifest'>,
  release: Source,
): Promise<void> {
  for (const overlay of overlays.all().filter((one) => one.base.manifest === manifest)) {
    const content = overlays.intact(overlay)
    if (content !== undefined) await completeOne(overlays, overlay, content, release)
  }
}

async function completeOne(
  overlays: Overlays,
  overlay: Overlay,
  content: Content,
  release: Source,
): Promise<void> {
  const { base, mine, lacking } = content
  if (lacking.length === 0) return
  const whole = { ...release, entries: base.entries }
  const { name } = await storeContent(overlays.layout, overlay.unit, whole, mine)
  overlays.replace(overlay, { ...overlay, content: name })
}

function unitOf(overlays: Overlays, { directory, content }: Installed, unit: string): Placed {
  return sourceIn(join(overlays.layout.releases, directory), inUnit(content.files, unit))
}

function wholeOf(overlays: Overlays, { directory, content }: Installed): Placed {
  return sourceIn(join(overlays.layout.releases, directory), content.files)
}

/** Where the release that an edit started from is gone, nobody can tell. */
function isNewSince(overlays: Overlays, { manifest }: EditedRelease): (unit: string) => boolean {
  const files = overlays.installed(manifest)?.content.files ?? []
  return (unit) => !files.some(({ path }) => isInUnit(path, unit))
}

/** The same files under the name of another unit. */
function moved(source: Source, from: string, to: string): Source {
  const before = (path: string): string => `${from}${path.slice(to.length)}`
  return {
    entries: renamed(source.entries, from, to),
    read: (file) => source.read({ ...file, path: before(file.path) }),
  }
}
