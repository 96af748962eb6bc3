/**
 * A directory tree as a power loss may leave it, at its most pessimistic: whatever was not synced since it changed may
 * have its old value or any later one, each thing by itself. A file's content is safe once the file was synced, a
 * name once its directory was. Only two things are taken for granted: a name changes from one file to another as
 * one (rename(2)), and a symbolic link is never without its target.
 */
import { lstat, readdir, readlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

/** One thing on disk that changes as one. */
export class Cell<T> {
  #values: { readonly value: T; readonly done: number }[]

  constructor(value: T, done = -1) {
    this.#values = [{ value, done }]
  }

  get latest(): T {
    return this.#values[this.#values.length - 1]?.value as T
  }

  /** Every value that a power loss may leave. */
  get possible(): readonly T[] {
    return [...new Set(this.#values.map(({ value }) => value))]
  }

  /** The one value that a power loss leaves; undefined when there are several. */
  get certain(): T | undefined {
    const [value, ...others] = this.possible
    return others.length === 0 ? value : undefined
  }

  /** @param done when the change was complete: a sync that began before does not cover it */
  set(value: T, done: number): void {
    this.#values.push({ value, done })
  }

  /** What was complete when a sync began is safe once the sync has ended. */
  sync(began: number): void {
    const safe = this.#values.findLastIndex(({ done }) => done < began)
    if (safe > 0) this.#values = this.#values.slice(safe)
  }
}

export class File {
  /** Bytes; -1 for a file that exists by name only. */
  readonly size: Cell<number>
  readonly mode: Cell<number>
  /** Counts writes: the same size again is another content. */
  readonly writes: Cell<number>

  constructor(size: number, mode: number, done?: number) {
    this.size = new Cell(size, done)
    this.mode = new Cell(mode, done)
    this.writes = new Cell(0, done)
  }

  write(size: number, done: number): void {
    this.size.set(size, done)
    this.writes.set(this.writes.latest + 1, done)
  }

  /** Whether a power loss can take nothing of it. */
  get isSafe(): boolean {
    return [this.size, this.mode, this.writes].every(({ possible }) => possible.length === 1)
  }

  sync(began: number): void {
    for (const cell of [this.size, this.mode, this.writes]) cell.sync(began)
  }
}

export class Link {
  readonly target: string

  constructor(target: string) {
    this.target = target
  }

  sync(): void {}
}

export class Directory {
  readonly mode: Cell<number>
  readonly #names = new Map<string, Cell<Inode | undefined>>()

  constructor(mode: number, done?: number) {
    this.mode = new Cell(mode, done)
  }

  /** What a name may stand for. */
  at(name: string): Cell<Inode | undefined> {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    const cell = new Cell<Inode | undefined>(undefined)
    this.#names.set(name, cell)
    return cell
  }

  get names(): ReadonlyMap<string, Cell<Inode | undefined>> {
    return this.#names
  }

  sync(began: number): void {
    this.mode.sync(began)
    for (const cell of this.#names.values()) cell.sync(began)
  }
}

export type Inode = File | Link | Directory

export class Disk {
  readonly root: string
  readonly #top: Directory
  /** Also those that have no name any more. */
  readonly #inodes = new Set<Inode>()

  /** What was there, all of it long on disk. */
  constructor({ root, inodes }: Snapshot) {
    this.root = root
    this.#top = this.add(new Directory(0o700))
    for (const [path, make] of inodes) {
      const name = this.nameAt(path)
      name.set(this.add(make()), -1)
      name.sync(0)
    }
  }

  add<I extends Inode>(inode: I): I {
    this.#inodes.add(inode)
    return inode
  }

  covers(path: string): boolean {
    return path === this.root || path.startsWith(`${this.root}/`)
  }

  /** What is at a path right now, power on. */
  find(path: string): Inode | undefined {
    return this.#walk(path, (cell) => cell.latest)
  }

  /** Whether a directory holds anything, power on. */
  holdsAny(path: string): boolean {
    const inode = this.covers(path) ? this.find(path) : undefined
    return inode instanceof Directory && [...inode.names.values()].some(({ latest }) => latest !== undefined)
  }

  /** What a path surely is after a power loss; undefined when there is any doubt. */
  certain(path: string): Inode | undefined {
    return this.#walk(path, (cell) => cell.certain)
  }

  /** The last name of a path, in its directory. */
  nameAt(path: string): Cell<Inode | undefined> {
    const directory = this.find(dirname(path))
    if (!(directory instanceof Directory)) throw new Error(`${path} is in no directory`)
    return directory.at(basename(path))
  }

  /** sync(2) and syncfs(2). */
  syncAll(began: number): void {
    for (const inode of this.#inodes) inode.sync(began)
  }

  #walk(path: string, choose: (cell: Cell<Inode | undefined>) => Inode | undefined): Inode | undefined {
    if (!this.covers(path)) throw new Error(`${path} is elsewhere`)
    const names = relative(this.root, path).split('/')
    let inode: Inode | undefined = this.#top
    for (const name of names.filter((part) => part !== '')) {
      if (!(inode instanceof Directory)) return undefined
      inode = choose(inode.at(name))
    }
    return inode
  }
}

/** Makes a new one each time, because replaying changes it. */
type Make = () => Inode

/** What is on a disk, each directory before what it holds. */
export interface Snapshot {
  readonly root: string
  readonly inodes: readonly (readonly [path: string, make: Make])[]
}

/** @param root real path, without links */
export async function snapshot(root: string): Promise<Snapshot> {
  // With types: without them, Node follows links.
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return { root, inodes: await Promise.all(paths.map(async (path) => [path, await inodeAt(path)] as const)) }
}

async function inodeAt(path: string): Promise<Make> {
  const info = await lstat(path)
  if (info.isSymbolicLink()) {
    const target = await readlink(path)
    return () => new Link(target)
  }
  const mode = info.mode & 0o777
  return info.isDirectory() ? () => new Directory(mode) : () => new File(info.size, mode)
}
