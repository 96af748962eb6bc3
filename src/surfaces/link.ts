/** Entries that are links. A name that is taken is never touched: symlink(2) makes a new one or fails. */
import { existsSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryName } from '../disk/atomic-file.ts'
import { errnoOf, onDiskNow, systemError } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import type { OwnEntry } from './ledger.ts'

/** Where a link leads, or undefined when there is none. @throws SkillsctlError `failed` */
export function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined
    throw systemError(error, path)
  }
}

/**
 * Whether what is at this path is the link that we made. One into another home is ours when that was this one before it
 * was moved; a home that was copied needs it still.
 */
export function isOurLink({ surfaces }: Layout, path: string, target = ''): boolean {
  return targetOf(path) === target && (target.startsWith(`${surfaces}/`) || !existsSync(target))
}

/** @returns false when something is there already */
export function addLink(path: string, target: string): boolean {
  return onDiskNow(path, () => {
    try {
      symlinkSync(target, path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    }
  })
}

/**
 * Makes one of our links anew, so that whoever watches its directory notices: no watcher sees a link further up move.
 * @param stage gives a directory on the disk of the surface, for a home that lies on another
 */
export function renewLink(layout: Layout, path: string, target: string, stage: () => string): void {
  onDiskNow(path, () => {
    if (!isRenamedFrom(layout.staging, path, target)) isRenamedFrom(stage(), path, target)
  })
}

/** @returns false when the two are on different disks */
function isRenamedFrom(directory: string, path: string, target: string): boolean {
  const temporary = join(directory, temporaryName('entry'))
  try {
    symlinkSync(target, temporary)
    renameSync(temporary, path)
    return true
  } catch (error) {
    rmSync(temporary, { force: true })
    if (errnoOf(error) === 'EXDEV') return false
    throw error
  }
}

/** Removes a link if it still leads where ours did. */
export function removeLink(path: string, target: string | undefined): void {
  if (targetOf(path) !== target || target === undefined) return
  onDiskNow(path, () => rmSync(path, { force: true }))
}

/** Many editors save by putting a new file in the place of the old one, and take a link for the file. */
export function isReplacedLink(
  root: string,
  place: string,
  { by, kind }: Pick<OwnEntry, 'by' | 'kind'>,
): boolean {
  const path = join(root, place)
  if (by !== 'link' || kind !== 'file') return false
  return onDiskNow(path, () => lstatSync(path, { throwIfNoEntry: false }))?.isFile() === true
}
