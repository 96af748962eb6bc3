/** Making a snapshot (see snapshot.ts): complete in `staging/`, synced, then placed by one rename. */
import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { formatInstant } from '../core/parse.ts'
import type { Surface } from '../core/surface.ts'
import { syncDirectory, writeAndSync } from '../disk/atomic-file.ts'
import { copyWhole, fingerprint, partsOf, pathsIn } from '../disk/copy-whole.ts'
import { onDisk, onDiskNow, systemError } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { inStaging } from '../home/staging.ts'
import { sha256Hex } from '../trust/digest.ts'
import { isDirectory } from './root.ts'
import {
  FILES,
  FORMAT,
  type LeftOut,
  PREFIX,
  RECORD,
  readSnapshot,
  rootOf,
  type Snapshot,
  type SnapshotRoot,
  snapshots,
} from './snapshot.ts'
import { STAGING_AREA } from './staging-area.ts'

/** Of all that one snapshot holds: what does not fit is left out, named, and never touched. */
const MOST_FILES = 20_000
const MOST_BYTES = 512 * 1024 * 1024

type Rooted = Surface & { readonly root: string }

/** A surface that is about to be filled. */
export interface Untouched {
  readonly surface: Rooted
  /** Whether this is something that we have made. */
  readonly isOurs: (place: string) => boolean
}

export interface TakenSnapshot {
  /** Undefined when there is nothing of the person. */
  readonly snapshot: Snapshot | undefined
  readonly leftOut: readonly LeftOut[]
}

/**
 * Changes nothing but `kept/`, and needs no lock. What is there already is not kept twice.
 * @param now milliseconds since the epoch
 * @throws SkillsctlError `no-space`
 */
export async function takeSnapshot(
  layout: Layout,
  surfaces: readonly Untouched[],
  now: number,
): Promise<TakenSnapshot> {
  const { roots, leftOut, digest } = look(layout, surfaces)
  if (roots.length === 0) return { snapshot: undefined, leftOut }
  const known = snapshots(layout).find((one) => one.digest === digest)
  if (known !== undefined) return { snapshot: known, leftOut }
  const at = formatInstant(now)
  const record = {
    format: FORMAT,
    at,
    digest,
    roots: roots.map((one) => ({ ...one, places: Object.fromEntries(one.places) })),
    leftOut,
  }
  const name = await inStaging(layout, async ({ directory }) => {
    const tree = join(directory, 'snapshot')
    return onDisk(layout.kept, async () => {
      for (const { surface, root, places } of roots) {
        for (const place of places.keys()) {
          const to = join(tree, FILES, surface, place)
          await mkdir(dirname(to), { recursive: true })
          await copyWhole(join(root, place), to)
        }
      }
      await writeAndSync(join(tree, RECORD), `${JSON.stringify(record, null, 1)}\n`, 0o600)
      await syncTree(tree, ...pathsIn(tree))
      return placeIn(layout, tree, at)
    })
  })
  return { snapshot: { name, at, digest, roots, leftOut }, leftOut }
}

async function placeIn({ kept }: Layout, tree: string, at: string): Promise<string> {
  const wanted = `${PREFIX}${at.replaceAll(/[-:]/g, '')}`
  for (let count = 0; ; count++) {
    const name = count === 0 ? wanted : `${wanted}.${count}`
    if (existsSync(join(kept, name))) continue
    await rename(tree, join(kept, name))
    await syncDirectory(kept)
    return name
  }
}

function look(
  layout: Layout,
  surfaces: readonly Untouched[],
): Pick<Snapshot, 'roots' | 'leftOut' | 'digest'> {
  const leftOut: LeftOut[] = []
  const roots = surfaces.map(({ surface: { name, root, folders } }): SnapshotRoot<Map<string, string>> => {
    const linked = folders.filter((folder) => isLink(join(root, folder)))
    const links = Object.fromEntries(linked.map((folder) => [folder, readlinkSync(join(root, folder))]))
    return { surface: name, root, links, places: new Map() }
  })
  const saved = new Map(surfaces.map(({ surface }) => [surface.name, savedOf(layout, surface)]))
  const room = { files: MOST_FILES, bytes: MOST_BYTES }
  for (const { place, surface, size } of measured(surfaces)) {
    const at = join(surface.root, place)
    const print = typeof size === 'string' ? { why: size } : printOf(at, size, room)
    if ('why' in print) leftOut.push({ surface: surface.name, place, ...print })
    else if (saved.get(surface.name)?.places.get(place) !== print.digest)
      rootOf({ roots }, surface)?.places.set(place, print.digest)
  }
  const filled = roots.filter(({ places }) => places.size > 0)
  const lines = filled.flatMap(({ surface, root, places }) =>
    [...places].sort().map(([place, digest]) => `${surface}\n${root}\n${place}\n${digest}\n`),
  )
  return { roots: filled, leftOut, digest: sha256Hex(lines.join('')) }
}

/** What there is a snapshot of already, when it is filled once more. */
function savedOf(layout: Layout, surface: Rooted): SnapshotRoot | undefined {
  const { snapshot } = surface
  return snapshot === undefined ? undefined : rootOf(readSnapshot(layout, snapshot), surface)
}

interface Size {
  readonly files: number
  readonly bytes: number
}

interface Candidate {
  readonly surface: Rooted
  readonly place: string
  /** Or why it cannot be told. */
  readonly size: Size | string
}

/** Everything of the person; what is small first, so that one thing that is large leaves no other out. */
function measured(surfaces: readonly Untouched[]): Candidate[] {
  const all = surfaces.flatMap(({ surface, isOurs }) =>
    surface.folders
      .filter((folder) => isDirectory(join(surface.root, folder)))
      .flatMap((folder) => namesIn(join(surface.root, folder)).map((name) => `${folder}/${name}`))
      .filter((place) => !isOurs(place) && !isNothing(join(surface.root, place)))
      .map((place) => ({ surface, place, size: sizeOf(join(surface.root, place)) })),
  )
  const bytes = ({ size }: Candidate): number => (typeof size === 'string' ? 0 : size.bytes)
  return all.sort((left, right) => bytes(left) - bytes(right))
}

const TOO_LARGE = 'too large for a snapshot'

function sizeOf(at: string): Size | string {
  let [files, bytes] = [0, 0]
  try {
    for (const { info } of partsOf(at)) {
      files += 1
      bytes += info.size
      if (files > MOST_FILES || bytes > MOST_BYTES) return TOO_LARGE
    }
    return { files, bytes }
  } catch (error) {
    return `cannot be read: ${systemError(error, at).message}`
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}

function namesIn(folder: string): string[] {
  // What we stage there is not the person's.
  return onDiskNow(folder, () =>
    readdirSync(folder)
      .filter((name) => name !== STAGING_AREA)
      .sort(),
  )
}

/** A socket, a pipe, a device. */
function isNothing(at: string): boolean {
  const info = lstatSync(at)
  return !info.isDirectory() && !info.isFile() && !info.isSymbolicLink()
}

/** Takes the room that something needs, if there is so much left. */
function printOf(
  at: string,
  { files, bytes }: Size,
  room: { files: number; bytes: number },
): { readonly digest: string } | { readonly why: string } {
  if (files > room.files || bytes > room.bytes) return { why: TOO_LARGE }
  try {
    const digest = sha256Hex(fingerprint(at, sha256Hex))
    room.files -= files
    room.bytes -= bytes
    return { digest }
  } catch (error) {
    return { why: `cannot be read: ${systemError(error, at).message}` }
  }
}
