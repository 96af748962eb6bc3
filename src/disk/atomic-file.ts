/** Files that are there whole or not at all: temporary sibling, fsync, rename, fsync of the directory. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errnoOf, onDisk, onDiskNow } from './fault.ts'

export interface AtomicOptions {
  readonly mode?: number
  /** Where the temporary file lies; on the same file system. Default: beside the file. */
  readonly via?: string
}

/** Twelve digits that no two moments share. Loading random ones would take longer than anything that is written. */
export function uniqueHex(): string {
  return process.hrtime.bigint().toString(16).padStart(12, '0').slice(-12)
}

/** Names of temporary files carry the process that writes them, so that those of dead ones can be swept. */
export function temporaryName(hint: string): string {
  return `.${hint}.${process.pid}.${uniqueHex()}.tmp`
}

/**
 * Replaces `path` by `content` in one rename; after it returns the content survives a power failure.
 * @throws SkillsctlError `no-space`, `failed`, `absent` (no such directory)
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: AtomicOptions = {},
): Promise<void> {
  await onDisk(path, async () => {
    const temporary = join(options.via ?? dirname(path), temporaryName(basename(path)))
    try {
      await writeAndSync(temporary, content, options.mode)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await syncDirectory(dirname(path))
  })
}

/** As `writeFileAtomic`, for whoever has nothing else to do meanwhile: a turn of the event loop takes longer than a call. */
export function writeFileAtomicNow(
  path: string,
  content: string | Uint8Array,
  { mode = 0o644, via = dirname(path) }: AtomicOptions = {},
): void {
  onDiskNow(path, () => {
    const temporary = join(via, temporaryName(basename(path)))
    try {
      withFile(openSync(temporary, 'wx', mode), (file) => {
        writeFileSync(file, content)
        fsyncSync(file)
      })
      renameSync(temporary, path)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
    syncDirectoryNow(dirname(path))
  })
}

function withFile(file: number, work: (file: number) => void): void {
  try {
    work(file)
  } finally {
    closeSync(file)
  }
}

/** Writes a new file and waits until it is on disk. @throws the system's error, EEXIST when it is there */
export async function writeAndSync(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the entries of a directory durable. A platform that cannot sync directories needs no telling. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    if (!knowsNoSync(error)) throw error
  } finally {
    await directory.close()
  }
}

export function syncDirectoryNow(path: string): void {
  withFile(openSync(path, 'r'), (directory) => {
    try {
      fsyncSync(directory)
    } catch (error) {
      if (!knowsNoSync(error)) throw error
    }
  })
}

function knowsNoSync(error: unknown): boolean {
  return errnoOf(error) === 'EINVAL' || errnoOf(error) === 'ENOTSUP'
}

/**
 * Makes a directory and those above it that are missing; their names survive a power failure.
 * @returns whether it is new
 */
export async function makeDirectory(path: string): Promise<boolean> {
  const first = makePath(resolve(path))
  if (first === undefined) return false
  for (let made = resolve(path); ; made = dirname(made)) {
    await syncDirectory(dirname(made))
    if (made === first) return true
  }
}

/**
 * Makes a directory and those above it that are missing. One by one: where a directory takes no new ones, as /proc, Node's
 * own recursion never ends, and on a full disk it says that there is no such directory.
 * @returns the topmost that is new, if any
 * @throws the system's error
 */
export function makePath(path: string): string | undefined {
  try {
    return makeOne(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    const [above, own] = [makePath(dirname(path)), makeOne(path)]
    return above ?? own
  }
}

/** @returns the path, when it is new */
function makeOne(path: string): string | undefined {
  try {
    mkdirSync(path)
    return path
  } catch (error) {
    // What kept it from being made says more than what is there instead.
    if (isDirectory(path)) return undefined
    throw error
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    // Whatever it is, it is none.
    return false
  }
}

/** Content of a file, or undefined when it is not there. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  return onDiskNow(path, () => {
    try {
      return readFileSync(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
      throw error
    }
  })
}
