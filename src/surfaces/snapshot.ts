/**
 * `kept/before-join-<time>/`: what a person had in the folders of surfaces before anything of ours came there. It is
 * complete in `staging/`, synced, and placed by one rename; never changed or removed by us (SPEC.md, "First contact").
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isError, SkillsctlError } from '../core/errors.ts'
import { formatInstant, instant, list, object, parseJson, string } from '../core/parse.ts'
import { FOLDERS, type Surface } from '../core/surface.ts'
import { syncDirectory, writeAndSync } from '../disk/atomic-file.ts'
import { copyWhole, fingerprint, partsOf, pathsIn } from '../disk/copy-whole.ts'
import { onDisk, onDiskNow, systemError } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { inStaging } from '../home/staging.ts'
import { sha256Hex } from '../trust/digest.ts'
import { isDirectory } from './root.ts'

const FORMAT = 'skillsctl-snapshot/1'
const PREFIX = 'before-join-'
const RECORD = 'snapshot.json'
const FILES = 'files'
/** Of all that one snapshot holds: what does not fit is left out, named, and never touched. */
const MOST_FILES = 20_000
const MOST_BYTES = 512 * 1024 * 1024

export interface SnapshotRoot {
  readonly surface: string
  /** Absolute. */
  readonly root: string
  /** Folders that were links, with what they led to. */
  readonly links: Readonly<Record<string, string>>
  /** What it holds, as `skills/notes` → digest of its names, modes and bytes. */
  readonly places: ReadonlyMap<string, string>
}

export interface LeftOut {
  readonly surface: string
  readonly place: string
  readonly why: string
}

export interface Snapshot {
  /** Of its directory in `kept/`. */
  readonly name: string
  readonly at: string
  readonly roots: readonly SnapshotRoot[]
  readonly leftOut: readonly LeftOut[]
  /** Of everything in it. */
  readonly digest: string
}

/** A surface that is about to be filled. */
export interface Untouched {
  readonly surface: Surface & { readonly root: string }
  /** Whether this is something that we have made. */
  readonly isOurs: (place: string) => boolean
}

/** Where a snapshot holds something. */
export function pathInSnapshot(
  { kept }: Layout,
  { name }: Pick<Snapshot, 'name'>,
  surface: string,
  place = '',
): string {
  return join(kept, name, FILES, surface, place)
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
  const room = { files: MOST_FILES, bytes: MOST_BYTES }
  const leftOut: LeftOut[] = []
  const roots = surfaces.map(({ surface, isOurs }): SnapshotRoot => {
    const { name, root, folders, snapshot } = surface
    const saved = snapshot === undefined ? undefined : rootOf(readSnapshot(layout, snapshot), surface)
    const there = folders.filter((folder) => isDirectory(join(root, folder)))
    const all = there.flatMap((folder) => namesIn(join(root, folder)).map((file) => `${folder}/${file}`))
    const places = new Map<string, string>()
    for (const place of all) {
      if (isOurs(place) || isNothing(join(root, place))) continue
      const print = printOf(join(root, place), room)
      if ('why' in print) leftOut.push({ surface: name, place, ...print })
      else if (saved?.places.get(place) !== print.digest) places.set(place, print.digest)
    }
    const linked = there.filter((folder) => lstatSync(join(root, folder)).isSymbolicLink())
    const links = Object.fromEntries(linked.map((folder) => [folder, readlinkSync(join(root, folder))]))
    return { surface: name, root, links, places }
  })
  const lines = roots.flatMap(({ surface, root, places }) =>
    [...places].map(([place, digest]) => `${surface}\n${root}\n${place}\n${digest}\n`),
  )
  return { roots: roots.filter(({ places }) => places.size > 0), leftOut, digest: sha256Hex(lines.join('')) }
}

function namesIn(folder: string): string[] {
  // What we stage there is not the person's.
  return onDiskNow(folder, () =>
    readdirSync(folder)
      .filter((name) => name !== '.skillsctl')
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
  room: { files: number; bytes: number },
): { readonly digest: string } | { readonly why: string } {
  try {
    let [files, bytes] = [0, 0]
    for (const { info } of partsOf(at)) {
      files += 1
      bytes += info.size
      if (files > room.files || bytes > room.bytes) return { why: 'too large for a snapshot' }
    }
    const digest = sha256Hex(fingerprint(at, sha256Hex))
    room.files -= files
    room.bytes -= bytes
    return { digest }
  } catch (error) {
    return { why: `cannot be read: ${systemError(error, at).message}` }
  }
}

/** Newest first; one that cannot be read is not among them. */
export function snapshots(layout: Layout): Snapshot[] {
  const { kept } = layout
  const names = onDiskNow(kept, () => (existsSync(kept) ? readdirSync(kept) : []))
  return names
    .filter((name) => name.startsWith(PREFIX))
    .flatMap((name) => readSnapshot(layout, name) ?? [])
    .sort((left, right) => (left.at < right.at ? 1 : -1))
}

/** Places of a surface of which there is a snapshot. */
export function placesSaved(layout: Layout, surface: Pick<Surface, 'name' | 'root'>): Set<string> {
  return new Set(
    snapshots(layout).flatMap((snapshot) => [...(rootOf(snapshot, surface)?.places.keys() ?? [])]),
  )
}

/** What a snapshot holds of a surface. */
export function rootOf(
  snapshot: Snapshot | undefined,
  { name, root }: Pick<Surface, 'name' | 'root'>,
): SnapshotRoot | undefined {
  return snapshot?.roots.find((one) => one.surface === name && one.root === root)
}

/** Undefined when there is none of this name, or its record is damaged. */
export function readSnapshot({ kept }: Layout, name: string): Snapshot | undefined {
  const path = join(kept, name, RECORD)
  const text = onDiskNow(path, () => (existsSync(path) ? readFileSync(path, 'utf8') : undefined))
  if (text === undefined) return undefined
  try {
    return { name, ...parseSnapshot(text, path) }
  } catch (error) {
    if (isError(error, 'corrupt')) return undefined
    throw error
  }
}

function parseSnapshot(text: string, path: string): Omit<Snapshot, 'name'> {
  const fields = object(parseJson(text, path), path)
  if (fields['format'] !== FORMAT)
    throw new SkillsctlError('corrupt', 'this is no snapshot that this skillsctl can read', { subject: path })
  return {
    at: instant(fields['at'], path),
    digest: string(fields['digest'], path),
    roots: list(fields['roots'], path).map((value) => {
      const { surface, root, links, places } = object(value, path)
      return {
        surface: string(surface, path, /^[a-z][a-z0-9-]*$/),
        root: string(root, path, /^\//),
        links: Object.fromEntries(
          Object.entries(object(links, path)).map(([folder, target]) => [folder, string(target, path)]),
        ),
        places: new Map(
          Object.entries(object(places, path)).map(([place, digest]) => [
            parsePlace(place, path),
            string(digest, path),
          ]),
        ),
      }
    }),
    leftOut: list(fields['leftOut'], path).map((value) => {
      const { surface, place, why } = object(value, path)
      return { surface: string(surface, path), place: string(place, path), why: string(why, path) }
    }),
  }
}

/** A folder that agents know, and one name in it: nothing that leads elsewhere. */
function parsePlace(place: string, path: string): string {
  const [folder, name = '', ...rest] = place.split('/')
  const isPlace = FOLDERS.some((known) => known === folder) && rest.length === 0 && !/^\.{0,2}$/.test(name)
  if (isPlace) return place
  throw new SkillsctlError('corrupt', 'this is not a place of a surface', { subject: path, found: place })
}
