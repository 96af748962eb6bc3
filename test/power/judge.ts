/** What a power loss would do to a home or to a store, at one moment of a replay. */
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Directory, type Disk, File, type Inode, Link } from './disk.ts'

/** A tree as `<mode> <size>` or `link <target>` by path; its content was compared with git's when it was there. */
export type Shape = ReadonlyMap<string, string>

/** The releases of a home, each with its shape, by the name of its directory. */
export async function shapesIn(home: string): Promise<Map<string, Shape>> {
  const names = await readdir(join(home, 'releases')).catch(() => [])
  return new Map(await Promise.all(names.map(async (name) => [name, await shapeOf(home, name)] as const)))
}

async function shapeOf(home: string, name: string): Promise<Shape> {
  const root = join(home, 'releases', name)
  const shape = new Map<string, string>()
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const { mode, size } = await lstat(path)
    const is = entry.isSymbolicLink()
      ? `link ${await readlink(path)}`
      : entry.isDirectory()
        ? `${(mode & 0o777).toString(8)} directory`
        : `${(mode & 0o777).toString(8)} ${size}`
    shape.set(path.slice(root.length + 1), is)
  }
  return shape
}

/** Local work, wherever it is. */
export interface EditedFile {
  /** Directory of its release. */
  readonly release: string
  readonly path: string
  readonly size: number
}

/**
 * Promises 1 and 5 for whoever switches this machine on again: `current` names a complete release, what is replaced as
 * one is there as one, and local work is somewhere.
 * @returns what is wrong, in words
 */
export function faultsOfHome(
  disk: Disk,
  home: string,
  shapes: ReadonlyMap<string, Shape>,
  edits: readonly EditedFile[] = [],
): string[] {
  const directory = disk.find(home)
  // Not joined yet.
  if (!(directory instanceof Directory)) return []
  return [
    ...directory.at('current').possible.flatMap((link) => faultsOfCurrent(disk, home, link, shapes)),
    ...[directory, ...['manifests', 'trust'].map((name) => directory.at(name).latest)].flatMap(faultsOfFiles),
    ...edits.filter((edit) => !isKept(disk, home, edit)).map(({ path }) => `the edit of ${path} may be lost`),
  ]
}

function faultsOfCurrent(
  disk: Disk,
  home: string,
  link: Inode | undefined,
  shapes: ReadonlyMap<string, Shape>,
): string[] {
  if (link === undefined) return []
  if (!(link instanceof Link)) return ['current may be no link']
  const name = link.target.replace(/^releases\//, '')
  const expected = shapes.get(name)
  const tree = disk.certain(join(home, 'releases', name))
  if (expected === undefined) return [`current may name ${link.target}, which nobody knows`]
  if (!(tree instanceof Directory)) return [`current may name ${name}, which may be missing`]
  const found = new Map<string, string>()
  const faults = [...walk(tree, '', found)]
  const wrong = [...expected].filter(([path, is]) => found.get(path) !== is).map(([path]) => path)
  const strange = [...found.keys()].filter((path) => !expected.has(path))
  const manifest = disk.certain(join(home, 'manifests', `${name}.json`))
  return [
    ...faults.map((fault) => `current may name ${name}, where ${fault}`),
    ...[...wrong, ...strange].map((path) => `current may name ${name}, where ${path} is not as published`),
    ...(manifest instanceof File && manifest.isSafe ? [] : [`the manifest of ${name} may be missing`]),
  ]
}

/** Fills `found` with what is certain, and tells what is not. */
function* walk(directory: Directory, prefix: string, found: Map<string, string>): Generator<string> {
  for (const [name, cell] of directory.names) {
    const path = `${prefix}${name}`
    if (cell.possible.length > 1) yield `${path} may be missing`
    const inode = cell.latest
    if (inode instanceof Link) found.set(path, `link ${inode.target}`)
    if (inode instanceof File) {
      if (!inode.isSafe) yield `the content or mode of ${path} may be lost`
      found.set(path, `${inode.mode.latest.toString(8)} ${inode.size.latest}`)
    }
    if (inode instanceof Directory) {
      if (inode.mode.possible.length > 1) yield `the mode of ${path} may be lost`
      found.set(path, `${inode.mode.latest.toString(8)} directory`)
      yield* walk(inode, `${path}/`, found)
    }
  }
}

/** Readers pass over a torn line of the history, and a torn lock is an abandoned one. */
const MAY_BE_TORN = ['history.jsonl', 'lock', 'lock.clearing']

/** Old or new or not there yet, but whole. */
function faultsOfFiles(directory: Inode | undefined): string[] {
  if (!(directory instanceof Directory)) return []
  return [...directory.names].flatMap(([name, { possible }]) =>
    MAY_BE_TORN.includes(name) || possible.every((inode) => !(inode instanceof File) || inode.isSafe)
      ? []
      : [`${name} may be torn`],
  )
}

function isKept(disk: Disk, home: string, { release, path, size }: EditedFile): boolean {
  const kept = disk.certain(join(home, 'kept'))
  const names = kept instanceof Directory ? [...kept.names.keys()] : []
  const places = [
    join(home, 'releases', release, path),
    ...names
      .filter((name) => name.startsWith(`${release}-`))
      .map((name) => join(home, 'kept', name, 'files', path)),
  ]
  return places.some((place) => {
    const file = disk.certain(place)
    return file instanceof File && file.isSafe && file.size.latest === size
  })
}

/**
 * For whoever opens an agent after the power came back: what a surface shows is there, and complete.
 * @param copies directories whose entries are copies
 */
export function faultsOfSurfaces(disk: Disk, home: string, copies: readonly string[]): string[] {
  const pointers = disk.find(join(home, 'surfaces'))
  const links = pointers instanceof Directory ? [...pointers.names] : []
  const trees = links.flatMap(([name, { possible }]) =>
    possible
      .flatMap((link) => (link instanceof Link ? join(home, 'surfaces', link.target) : []))
      .map((path) => ({ name, path })),
  )
  const roots = copies.map((path) => disk.find(path)).filter((root) => root instanceof Directory)
  const entries = roots.flatMap((root) =>
    [...root.names].flatMap(([name, { possible }]) => possible.map((inode) => ({ name, inode }))),
  )
  return [
    ...trees.flatMap(({ name, path }) => {
      const tree = disk.certain(path)
      const where = `surface ${name} may show ${relative(home, path)}`
      if (!(tree instanceof Directory)) return [`${where}, which may be missing`]
      return [...walk(tree, '', new Map())].map((fault) => `${where}, where ${fault}`)
    }),
    ...entries.flatMap(({ name, inode }) =>
      inode instanceof Directory
        ? [...walk(inode, '', new Map())].map((fault) => `in the copy of ${name}, ${fault}`)
        : [],
    ),
  ]
}

/**
 * What a command that said "done" may not lose any more of what a person has made, and of what agents are shown.
 * @param rooms directories of the home
 */
export function faultsOfSurfacesAtEnd(disk: Disk, home: string, rooms: readonly string[]): string[] {
  return rooms.flatMap((room) => {
    const directory = disk.find(join(home, room))
    const names = directory instanceof Directory ? [...directory.names] : []
    // What is there no more may come back: nobody looks for it.
    const there = names.filter(([, { latest }]) => latest !== undefined)
    return there.flatMap(([name, { latest, possible }]) => {
      // An older ledger is what a kill leaves: the next run goes on from there.
      const isOlder = latest instanceof Link && possible.length > 1
      if (isOlder || possible.includes(undefined))
        return [`done, and yet ${room}/${name} may be missing, or older`]
      const faults = latest instanceof Directory ? walk(latest, `${room}/${name}/`, new Map()) : []
      return [...faults].map((fault) => `done, and yet ${fault}`)
    })
  })
}

/** Whether a file of this many bytes is surely somewhere below. */
export function isSomewhere(disk: Disk, top: string, size: number): boolean {
  const open = [disk.certain(top)]
  for (let inode = open.pop(); inode !== undefined; inode = open.pop()) {
    if (inode instanceof File && inode.isSafe && inode.size.latest === size) return true
    if (inode instanceof Directory)
      open.push(...[...inode.names.values()].flatMap(({ certain }) => certain ?? []))
  }
  return false
}

/** What a command that said "done" may not lose any more. */
export function faultsAtEnd(disk: Disk, home: string, running: string): string[] {
  const current = disk.certain(join(home, 'current'))
  const isNew = current instanceof Link && current.target === `releases/${running}`
  const names = ['config.json', 'state.json', 'history.jsonl', `manifests/${running}.stat`]
  return [
    ...(isNew ? [] : [`done, and yet current may not name ${running}`]),
    ...names
      .filter((name) => !isSafe(disk, join(home, name)))
      .map((name) => `done, and yet ${name} may be lost`),
  ]
}

/**
 * Promise 6: once a power loss may leave a new timestamp, everything that was written before is safe.
 * @param timestamp what was there before
 * @param keys files with the keys that sign for it
 */
export function faultsOfStore(
  disk: Disk,
  store: string,
  timestamp: Inode | undefined,
  keys: readonly string[],
): string[] {
  const metadata = disk.find(join(store, 'metadata'))
  const moved =
    metadata instanceof Directory &&
    metadata.at('timestamp.json').possible.some((inode) => inode !== timestamp)
  if (!moved) return []
  const objects = objectsIn(disk, store).filter((path) => !path.endsWith('/timestamp.json'))
  return [...objects.map((path) => join(store, path)), ...keys]
    .filter((path) => !isSafe(disk, path))
    .map((path) => `there may be a new timestamp, but no ${relative(store, path)}`)
}

function objectsIn(disk: Disk, store: string): string[] {
  const found = new Map<string, string>()
  const root = disk.find(store)
  if (root instanceof Directory) Array.from(walk(root, '', found))
  return [...found]
    .filter(([path, is]) => !path.startsWith('.work') && !is.endsWith('directory'))
    .map(([path]) => path)
}

export function isSafe(disk: Disk, path: string): boolean {
  const inode = disk.certain(path)
  return inode instanceof File && inode.isSafe
}
