/**
 * Entries that are copies, for places where links break. Each is made complete in the workshop and takes its place by
 * rename: a reader sees the old one, the new one or, between two renames, nothing.
 */
import { lstatSync, readFileSync } from 'node:fs'
import { chmod, constants, copyFile, cp, mkdir, rename, symlink } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import type { Entry } from '../core/manifest.ts'
import type { SurfaceEntry } from '../core/surface.ts'
import { syncDirectory } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, onDiskNow } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import { type Drift, driftIn } from '../home/drift.ts'
import { parseStats, recordStats, stampOf } from '../home/stat-record.ts'
import { integrityOf } from '../trust/digest.ts'
import type { OwnEntry } from './ledger.ts'
import { MADE, TAKEN_OUT } from './workshop.ts'

/** What an entry holds, by paths relative to it; of a single file, that file by its name. */
function ownFiles({ kind, source, files }: SurfaceEntry): Entry[] {
  const start = kind === 'file' ? dirname(source).length + 1 : source.length + 1
  return files.map((file) => ({ ...file, path: file.path.slice(start) }))
}

/** Makes a complete copy on a bench. @param release absolute path @returns where it is */
export async function makeCopy(entry: SurfaceEntry, release: string, bench: string): Promise<string> {
  const made = join(bench, MADE, entry.place)
  await onDisk(made, async () => {
    const files = ownFiles(entry)
    const root = entry.kind === 'file' ? dirname(made) : made
    await mkdir(root, { recursive: true })
    for (const [index, file] of files.entries()) {
      const from = join(release, entry.files[index]?.path ?? '')
      const to = join(root, file.path)
      await mkdir(dirname(to), { recursive: true })
      await copyOne(file, from, to)
    }
    const isLink = ({ mode }: Entry): boolean => mode === 'link'
    const paths = (wanted: Entry[]): string[] => wanted.map(({ path }) => path)
    await syncTree(root, paths(files.filter((file) => !isLink(file))), paths(files.filter(isLink)))
  })
  return made
}

async function copyOne(file: Entry, from: string, to: string): Promise<void> {
  if (file.mode !== 'link') {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    await chmod(to, file.mode === '755' ? 0o755 : 0o644)
  } else if (normalize(join(dirname(file.path), file.target)).startsWith('..')) {
    // It leads out of what is copied: nothing would be there.
    await cp(from, to, { recursive: true, dereference: true })
  } else {
    await symlink(file.target, to)
  }
}

/** What we know of a copy once it is in its place. @param release a directory of `releases/` */
export function describeCopy(path: string, entry: SurfaceEntry, release: string): OwnEntry {
  const { kind, digest } = entry
  if (kind === 'file') return { by: 'copy', kind, digest, release, stamps: `${stampOf(path)}` }
  const stamps = onDiskNow(path, () => recordStats(path, ownFiles(entry)))
  return { by: 'copy', kind, digest, release, stamps, inode: lstatSync(path).ino }
}

/**
 * What somebody changed in a copy, by paths below the root of the surface.
 * @param entry what it was made of; undefined when nobody knows any more: then all of it counts as changed
 * @param place relative to `root`
 */
export function driftOfCopy(
  root: string,
  place: string,
  own: OwnEntry,
  entry: SurfaceEntry | undefined,
): Drift[] {
  const path = join(root, place)
  if (own.kind === 'file') {
    return isSameFile(path, own, entry) ? [] : [{ path: place, kind: 'modified' }]
  }
  const drift = driftIn(path, entry === undefined ? [] : ownFiles(entry), parseStats(own.stamps ?? ''))
  return drift.map((found) => ({ ...found, path: `${place}/${found.path}` }))
}

function isSameFile(path: string, own: OwnEntry, entry: SurfaceEntry | undefined): boolean {
  if (stampOf(path) === own.stamps) return true
  const [file] = entry?.files ?? []
  if (file === undefined || file.mode === 'link' || !lstatSync(path).isFile()) return false
  return onDiskNow(path, () => integrityOf(readFileSync(path))) === file.integrity
}

/**
 * Whether what is at this path is the copy that we made. One that is another directory now, as a folder that is
 * synced leaves it, is ours as long as nobody changed anything in it.
 */
export function isOurCopy(
  root: string,
  place: string,
  own: OwnEntry,
  entry: SurfaceEntry | undefined,
): boolean {
  const info = onDiskNow(root, () => lstatSync(join(root, place), { throwIfNoEntry: false }))
  if (info === undefined || info.isSymbolicLink()) return false
  if (own.kind === 'file') return info.isFile()
  if (!info.isDirectory()) return false
  return info.ino === own.inode || driftOfCopy(root, place, own, entry).length === 0
}

/** Puts a copy in its place. @returns false when something is there already */
export async function putInPlace(made: string, path: string): Promise<boolean> {
  return onDisk(path, async () => {
    // rename(2) would replace a file or an empty directory that somebody has just made.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false
    try {
      await rename(made, path)
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error) ?? '')) return false
      throw error
    }
    await syncDirectory(dirname(path))
    return true
  })
}

/** Takes an entry out of its place, to a bench. @returns the root below which it lies now */
export async function takeOut(root: string, place: string, bench: string): Promise<string> {
  const away = join(bench, TAKEN_OUT)
  await onDisk(join(root, place), async () => {
    await mkdir(dirname(join(away, place)), { recursive: true })
    await rename(join(root, place), join(away, place))
  })
  return away
}
