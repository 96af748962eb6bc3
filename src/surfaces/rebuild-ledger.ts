/** A ledger that cannot be read is written anew from what can only be ours. The caller holds the lock. */
import { mkdirSync, readdirSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { formatInstant } from '../core/parse.ts'
import type { Surface, SurfaceEntry } from '../core/surface.ts'
import { syncDirectory } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { describeCopy, driftOfCopy } from './copy.ts'
import { EMPTY, ledgerPath, type OwnEntry, writeLedger } from './ledger.ts'
import { targetOf } from './link.ts'
import { pointerOf, pointerPath } from './pointer.ts'

/**
 * Ours is what leads below the pointer of this surface, and in copy mode what is byte for byte what we would put there.
 * @param entries of the release that it shows
 * @param release directory of `releases/`
 * @param now milliseconds since the epoch
 */
export async function rebuildLedger(
  layout: Layout,
  surface: Surface & { readonly root: string },
  entries: ReadonlyMap<string, SurfaceEntry>,
  release: string | undefined,
  now: number,
): Promise<void> {
  const path = ledgerPath(layout, surface.name)
  const aside = join(layout.kept, `ledger-${surface.name}-${now.toString(36)}.json`)
  await onDisk(path, async () => {
    mkdirSync(layout.kept, { recursive: true })
    await rename(path, aside)
    await syncDirectory(layout.kept)
  })
  const found = surface.folders.flatMap((folder) =>
    namesIn(join(surface.root, folder)).map((name) => `${folder}/${name}`),
  )
  const own = found.flatMap((place): [string, OwnEntry][] => {
    const entry = entries.get(place)
    const one = linkAt(layout, surface, place, entry) ?? copyAt(surface, place, entry, release)
    return one === undefined ? [] : [[place, one]]
  })
  // What it shows it goes on showing, also under a session that keeps it from moving.
  const shows =
    release === undefined || pointerOf(layout, surface.name) !== release
      ? undefined
      : { release, since: formatInstant(now) }
  await writeLedger(layout, surface.name, { ...EMPTY, entries: new Map(own), shows })
}

function linkAt(
  layout: Layout,
  { name, root }: Surface & { readonly root: string },
  place: string,
  entry: SurfaceEntry | undefined,
): OwnEntry | undefined {
  const target = targetOf(join(root, place))
  if (target?.startsWith(`${pointerPath(layout, name)}/`) !== true) return undefined
  return { by: 'link', kind: entry?.kind ?? 'directory', digest: entry?.digest ?? '', target }
}

function copyAt(
  { by, root }: Surface & { readonly root: string },
  place: string,
  entry: SurfaceEntry | undefined,
  release: string | undefined,
): OwnEntry | undefined {
  if (by !== 'copy' || entry === undefined || release === undefined) return undefined
  const { kind, digest } = entry
  const claimed: OwnEntry = { by, kind, digest }
  if (targetOf(join(root, place)) !== undefined) return undefined
  if (driftOfCopy(root, place, claimed, entry).length > 0) return undefined
  return describeCopy(join(root, place), entry, release)
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // A folder that is gone holds nothing of ours.
    return []
  }
}
