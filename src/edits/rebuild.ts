/** A record of edits that cannot be read is made anew of what lies in `overlays/` and what surfaces show. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Edits, Overlay } from '../core/edits.ts'
import { formatInstant } from '../core/parse.ts'
import { readIfThere, uniqueHex, writeAndSync } from '../disk/atomic-file.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { type Installed, listNames, readInstalled } from '../home/releases.ts'
import { type Content, contentNames, isIntact, readContent, setAside } from './content.ts'
import { releaseOf } from './edited-release.ts'
import { isSame } from './overlays.ts'
import { writeEdits } from './record.ts'
import { inUnit } from './source.ts'
import { readTree } from './tree.ts'

/** A unit that somebody shows with an overlay. */
interface Shown {
  readonly unit: string
  readonly surface?: string | undefined
  readonly content: string
}

/**
 * What surfaces show stays what they show; of everything else, the newest of a skill counts. Whatever is left over goes to
 * `kept/`, with the record itself. Lost are the reasons of those that were blessed. The caller holds the lock.
 * @param pointers names of the trees that surfaces show
 */
export async function rebuildEdits(
  layout: Layout,
  release: Installed,
  pointers: readonly string[],
): Promise<Edits> {
  const found = contentNames(layout).filter((name) => isIntact(layout, name))
  const shown = shownBy(layout, pointers).filter(({ content }) => found.includes(content))
  const others = newestOfEach(layout, found).filter(({ unit }) => shown.every((one) => one.unit !== unit))
  const overlays = [...shown, ...others].map((one) => overlayOf(layout, one, release))
  const edits = { overlays, taken: new Map() }
  // A copy: without any record, nothing in overlays/ would seem to be of use.
  const damaged = await readIfThere(layout.edits)
  const kept = join(layout.kept, `edits-${uniqueHex()}.json`)
  if (damaged !== undefined) await onDisk(kept, () => writeAndSync(kept, damaged))
  await writeEdits(layout, edits)
  const used = new Set(overlays.map(({ content }) => content))
  for (const name of contentNames(layout)) if (!used.has(name)) await setAside(layout, name)
  return edits
}

function shownBy(layout: Layout, pointers: readonly string[]): Shown[] {
  const overlaid = pointers.flatMap((name) => readTree(layout, name)?.overlaid ?? [])
  return [...new Map(overlaid.map((one) => [`${one.unit}\n${one.surface ?? ''}`, one])).values()]
}

function newestOfEach(layout: Layout, contents: readonly string[]): Shown[] {
  const byAge = contents
    .map((name) => ({ unit: readContent(layout, name).unit, content: name }))
    .sort((left, right) => writtenAt(layout, left.content) - writtenAt(layout, right.content))
  return [...new Map(byAge.map((one) => [one.unit, one])).values()]
}

function overlayOf(layout: Layout, { unit, surface, content }: Shown, release: Installed): Overlay {
  const since = formatInstant(writtenAt(layout, content))
  const base = releaseOf(releaseWith(layout, unit, readContent(layout, content)) ?? release)
  return { unit, surface, content, base, since, changedAt: since }
}

/** A release here from which it can have been made. Where none is, a merge with the one that runs needs no more than its files. */
function releaseWith(layout: Layout, unit: string, { base }: Content): Installed | undefined {
  return listNames(layout)
    .flatMap(({ directory }) => readInstalled(layout, directory) ?? [])
    .find(({ content }) => isSame({ entries: inUnit(content.files, unit) }, base))
}

function writtenAt({ overlays }: Layout, content: string): number {
  const path = join(overlays, content)
  return onDiskNow(path, () => statSync(join(path, 'content.json')).mtimeMs)
}
