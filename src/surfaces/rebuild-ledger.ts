/**
 * A ledger that is lost or cannot be read is written anew from what can only be ours: what leads below the pointer of its
 * surface, and in copy mode what is byte for byte of a release on disk. The caller holds the lock.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatInstant } from '../core/parse.ts'
import type { Surface, SurfaceEntry } from '../core/surface.ts'
import { makeDirectory, readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import { readTree, type Tree } from '../edits/tree.ts'
import { readHistory } from '../home/history.ts'
import type { Layout } from '../home/layout.ts'
import { directories } from '../home/releases.ts'
import { describeCopy, driftOfCopy } from './copy.ts'
import {
  EMPTY,
  type Former,
  isLost,
  type Ledger,
  ledgerPath,
  type OwnEntry,
  READ_FOR,
  readLedger,
  writeLedger,
} from './ledger.ts'
import { targetOf } from './link.ts'
import { entriesIn, insistOnRoot } from './own-entries.ts'
import { matcherOf, type Takes } from './pattern.ts'
import { pointerOf, pointerPath } from './pointer.ts'
import { isDirectory } from './root.ts'

type Rooted = Surface & { readonly root: string }

/**
 * The ledger of a surface that is about to be worked on.
 * @param now milliseconds since the epoch
 * @throws SkillsctlError `corrupt`: what is damaged is rebuilt only when a person asks; `absent` for its root
 */
export async function foundLedger(layout: Layout, surface: Rooted, now: number): Promise<Ledger> {
  const { name, root } = surface
  if (isLost(layout, name)) return rebuildLedger(layout, surface, now)
  const ledger = await readLedger(layout, name)
  if (ledger !== EMPTY) return ledger
  // Of a home that was deleted, and of which this one has taken the place, the links are left.
  const { links } = await onDisk(root, async () => findLinks(layout, surface, new Map()))
  return { ...EMPTY, entries: links }
}

/** @throws SkillsctlError `absent`: as long as the root is away, what is ours there cannot be told */
export async function rebuildLedger(layout: Layout, surface: Rooted, now: number): Promise<Ledger> {
  return replaceLedger(layout, surface.name, await findOurs(layout, surface, now), now)
}

/** Changes nothing. @throws SkillsctlError `absent` as long as the root is away */
export async function findOurs(layout: Layout, surface: Rooted, now: number): Promise<Ledger> {
  return onDisk(surface.root, () => findIn(layout, surface, now))
}

async function findIn(layout: Layout, surface: Rooted, now: number): Promise<Ledger> {
  insistOnRoot(surface)
  const pointer = pointerOf(layout, surface.name)
  const tree = pointer === undefined ? undefined : readTree(layout, pointer)
  const takes = await matcherOf(surface)
  const wanted = tree === undefined ? new Map() : entriesIn(tree, surface.folders, takes)
  const entries = findOwn(layout, surface, wanted, madeFrom(layout, surface, tree, takes))
  // What it shows it goes on showing, also under a session that keeps it from moving.
  const isOfTree = [...entries].every(([place, { digest }]) => wanted.get(place)?.digest === digest)
  const shows = tree && isOfTree && { release: tree.name, since: formatInstant(now) }
  // Also places that are free: whoever looks for what is missing finds them.
  const shadowed = [...wanted.keys()].filter((place) => !entries.has(place))
  return { ...EMPTY, entries, shows: shows || undefined, shadowed }
}

/** Of a surface that is there no more, or that no file reaches: nothing on this machine is ours there. */
export async function resetLedger(layout: Layout, name: string, now: number): Promise<Ledger> {
  return replaceLedger(layout, name, EMPTY, now)
}

/** At every moment there is the one or the other: none at all would say that nothing is ours. */
async function replaceLedger(layout: Layout, name: string, ledger: Ledger, now: number): Promise<Ledger> {
  const damaged = await readIfThere(ledgerPath(layout, name))
  if (damaged !== undefined) {
    await onDisk(layout.kept, () => makeDirectory(layout.kept))
    const aside = join(layout.kept, `ledger-${name}-${now.toString(36)}.json`)
    await writeFileAtomic(aside, damaged, { mode: 0o600, via: layout.staging })
  }
  const rebuilt = { ...ledger, former: await mayHaveShown(layout, name, now) }
  writeLedger(layout, name, rebuilt)
  return rebuilt
}

/** What ran lately may have been shown, and may still be read. */
async function mayHaveShown(layout: Layout, name: string, now: number): Promise<Former[]> {
  const recent = (await readHistory(layout)).filter(({ at }) => now - Date.parse(at) < READ_FOR)
  const ran = new Set(recent.flatMap(({ from, to }) => [from, to]))
  ran.delete(pointerOf(layout, name))
  const until = formatInstant(now)
  return directories(layout).flatMap((release) => (ran.has(release) ? [{ release, until }] : []))
}

/** What copies may have been made of, the release that is shown first. */
function* madeFrom(
  layout: Layout,
  { by, folders }: Surface,
  shown: Tree | undefined,
  takes: Takes,
): Generator<[string, ReadonlyMap<string, SurfaceEntry>]> {
  if (by !== 'copy') return
  const others = directories(layout).filter((name) => name !== shown?.name)
  for (const tree of [shown, ...others.map((name) => readTree(layout, name))])
    if (tree !== undefined) yield [tree.name, entriesIn(tree, folders, takes)]
}

function findOwn(
  layout: Layout,
  surface: Rooted,
  wanted: ReadonlyMap<string, SurfaceEntry>,
  releases: Iterable<[string, ReadonlyMap<string, SurfaceEntry>]>,
): Map<string, OwnEntry> {
  const { root } = surface
  const { links: own, others } = findLinks(layout, surface, wanted)
  if (others.size === 0) return own
  for (const [release, entries] of releases) {
    for (const place of others) {
      const entry = entries.get(place)
      if (entry === undefined || !isCopyOf(root, place, entry)) continue
      own.set(place, describeCopy(join(root, place), entry, release))
      others.delete(place)
    }
    if (others.size === 0) break
  }
  return own
}

/** What leads below the pointer of the surface, and the places of everything that is no link. */
function findLinks(
  layout: Layout,
  { name, root, folders }: Rooted,
  wanted: ReadonlyMap<string, SurfaceEntry>,
): { links: Map<string, OwnEntry>; others: Set<string> } {
  const links = new Map<string, OwnEntry>()
  const others = new Set<string>()
  for (const place of folders.flatMap((folder) => placesIn(root, folder))) {
    const target = targetOf(join(root, place))
    const { kind = 'directory', digest = '' } = wanted.get(place) ?? {}
    if (target === undefined) others.add(place)
    else if (target.startsWith(`${pointerPath(layout, name)}/`))
      links.set(place, { by: 'link', kind, digest, target })
  }
  return { links, others }
}

function isCopyOf(root: string, place: string, entry: SurfaceEntry): boolean {
  const { kind, digest } = entry
  return driftOfCopy(root, place, { by: 'copy', kind, digest }, entry).length === 0
}

function placesIn(root: string, folder: string): string[] {
  const path = join(root, folder)
  return isDirectory(path) ? readdirSync(path).map((name) => `${folder}/${name}`) : []
}
