/**
 * Entries that are copies, for places where links break. Each is made complete in the staging area and takes its place by
 * rename: a reader sees the old one, the new one or, between two renames, nothing.
 */
import { type BigIntStats, lstatSync, readFileSync } from 'node:fs'
import { chmod, constants, copyFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import type { FileEntry } from '../core/manifest.ts'
import type { SurfaceEntry } from '../core/surface.ts'
import { makePath } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, onDiskNow, unlessAbsent } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Tree } from '../edits/tree.ts'
import { type Drift, driftIn } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { Originals, readOriginal } from '../home/originals.ts'
import { parseStats, recordStats, stampOf } from '../home/stat-record.ts'
import { integrityOf } from '../trust/digest.ts'
import type { OwnEntry } from './ledger.ts'
import { MADE, TAKEN_OUT } from './staging-area.ts'

/** A complete copy on a stage, or in its place. */
export interface Copy {
  readonly path: string
  readonly own: OwnEntry
}

/**
 * Makes a complete copy on a stage; `syncCopies` has to follow.
 * @throws SkillsctlError `drift` when somebody has edited the release, and its own bytes are nowhere else
 */
export async function makeCopy(
  layout: Layout,
  entry: SurfaceEntry,
  tree: Pick<Tree, 'name' | 'path'>,
  stage: string,
): Promise<Copy> {
  const path = join(stage, MADE, entry.place)
  return onDisk(path, async () => {
    for (const file of entry.parts) {
      const to = join(path, file.path)
      makePath(dirname(to))
      if (file.mode === 'link') await symlink(file.target, to)
      else {
        await copyReleased(layout, join(tree.path, file.from), to, { ...file, path: file.from })
        await chmod(to, file.mode === '755' ? 0o755 : 0o644)
      }
    }
    return { path, own: describeCopy(path, entry, tree.name) }
  })
}

/** What a person has edited in the release is in an overlay, or set aside: as part of the release it is shown nowhere else. */
async function copyReleased(layout: Layout, from: string, to: string, file: FileEntry): Promise<void> {
  await unlessAbsent(copyFile(from, to, constants.COPYFILE_FICLONE), undefined)
  if (readOriginal(to, file) !== undefined) return
  const content = new Originals(layout).read(file)
  if (content === undefined) {
    throw new SkillsctlError('drift', 'the release was edited, and its own bytes are not on this machine', {
      subject: from,
      hint: 'run: skillsctl pull, which fetches them',
    })
  }
  await rm(to, { force: true })
  await writeFile(to, content, { flag: 'wx' })
}

/** Waits until everything on a stage is on disk. @param entries those that were copied */
export async function syncCopies(stage: string, entries: readonly SurfaceEntry[]): Promise<void> {
  const paths = (links: boolean): string[] =>
    entries.flatMap(({ place, parts }) =>
      parts.filter(({ mode }) => (mode === 'link') === links).map(({ path }) => join(place, path)),
    )
  const root = join(stage, MADE)
  await onDisk(root, () => syncTree(root, paths(false), paths(true)))
}

/** What we know of a complete copy. @param release name of the tree that it was made of */
export function describeCopy(path: string, entry: SurfaceEntry, release: string): OwnEntry {
  const { kind, digest, parts } = entry
  return onDiskNow(path, () => {
    if (kind === 'file') return { by: 'copy', kind, digest, release, stamps: `${stampOf(path)}` }
    return { by: 'copy', kind, digest, release, stamps: recordStats(path, parts), identity: identityOf(path) }
  })
}

/** What stays the same of a directory that is moved or worked in. Inodes alone are used again. */
function identityOf(path: string): string {
  const { ino, birthtimeNs }: BigIntStats = lstatSync(path, { bigint: true })
  return `${ino} ${birthtimeNs}`
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
  const drift = driftIn(path, entry?.parts ?? [], parseStats(own.stamps ?? ''))
  return drift.map((found) => ({ ...found, path: `${place}/${found.path}` }))
}

function isSameFile(path: string, own: OwnEntry, entry: SurfaceEntry | undefined): boolean {
  return onDiskNow(path, () => {
    if (stampOf(path) === own.stamps) return true
    const [file] = entry?.parts ?? []
    if (file === undefined || file.mode === 'link' || !lstatSync(path).isFile()) return false
    return integrityOf(readFileSync(path)) === file.integrity
  })
}

/**
 * Whether what is at this path is a copy that we made. One that is another directory now, as a folder that is
 * synced leaves it, is ours as long as nobody changed anything in it; so is one of which we only know that we were about
 * to make it.
 */
export function isOurCopy(
  root: string,
  place: string,
  own: OwnEntry,
  entry: SurfaceEntry | undefined,
): boolean {
  const path = join(root, place)
  return onDiskNow(path, () => {
    const info = lstatSync(path, { throwIfNoEntry: false })
    const isOfKind = own.kind === 'file' ? info?.isFile() : info?.isDirectory()
    if (own.by !== 'copy' || isOfKind !== true) return false
    if (own.stamps !== undefined && (own.kind === 'file' || own.identity === identityOf(path))) return true
    return entry !== undefined && driftOfCopy(root, place, own, entry).length === 0
  })
}

/** Puts a copy in its place. @returns false when something is there already */
export async function putInPlace(made: string, path: string): Promise<boolean> {
  return onDisk(path, async () => {
    // rename(2) would replace a file or an empty directory that somebody has just made.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false
    try {
      await rename(made, path)
      return true
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error) ?? '')) return false
      throw error
    }
  })
}

/** Takes an entry out of its place, to a stage. @returns the root below which it lies now */
export async function takeOut(root: string, place: string, stage: string): Promise<string> {
  const away = join(stage, TAKEN_OUT)
  await onDisk(join(root, place), async () => {
    makePath(dirname(join(away, place)))
    await rename(join(root, place), join(away, place))
  })
  return away
}
