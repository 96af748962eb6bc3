/**
 * `kept/before-join-<time>/`: what a person had in the folders of surfaces before anything of ours came there. Never changed
 * or removed by us (SPEC.md, "First contact").
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isError, SkillsctlError } from '../core/errors.ts'
import { instant, list, object, parseJson, string } from '../core/parse.ts'
import { FOLDERS, type Surface } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

export const FORMAT = 'skillsctl-snapshot/1'
export const PREFIX = 'before-join-'
export const RECORD = 'snapshot.json'
export const FILES = 'files'
export interface SnapshotRoot<Places = ReadonlyMap<string, string>> {
  readonly surface: string
  /** Absolute. */
  readonly root: string
  /** Folders that were links, with what they led to. */
  readonly links: Readonly<Record<string, string>>
  /** What it holds, as `skills/notes` → digest of its names, modes and bytes. */
  readonly places: Places
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

/** Where a snapshot holds something. */
export function pathInSnapshot(
  { kept }: Layout,
  { name }: Pick<Snapshot, 'name'>,
  surface: string,
  place = '',
): string {
  return join(kept, name, FILES, surface, place)
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
export function rootOf<Root extends SnapshotRoot>(
  snapshot: { readonly roots: readonly Root[] } | undefined,
  { name, root }: Pick<Surface, 'name' | 'root'>,
): Root | undefined {
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
