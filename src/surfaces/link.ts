/** Entries that are links. A name that is taken is never touched: symlink(2) makes a new one or fails. */
import { readlinkSync } from 'node:fs'
import { rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { temporaryName } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, systemError } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

/** Where a link leads, or undefined when there is none. @throws SkillsctlError `failed` */
export function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined
    throw systemError(error, path)
  }
}

/** @returns false when something is there already */
export async function addLink(path: string, target: string): Promise<boolean> {
  return onDisk(path, async () => {
    try {
      await symlink(target, path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    }
  })
}

/**
 * Makes one of our links anew, so that whoever watches its directory notices: no watcher sees a link further up move.
 */
export async function renewLink(layout: Layout, path: string, target: string): Promise<void> {
  await onDisk(path, async () => {
    if (await renamedFrom(join(layout.staging, temporaryName('entry')), path, target)) return
    // The home lies on another disk.
    await renamedFrom(join(dirname(path), temporaryName(basename(path))), path, target)
  })
}

/** @returns false when the two are on different disks */
async function renamedFrom(temporary: string, path: string, target: string): Promise<boolean> {
  try {
    await symlink(target, temporary)
    await rename(temporary, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Removes a link if it still leads where ours did. */
export async function removeLink(path: string, target: string | undefined): Promise<void> {
  if (targetOf(path) !== target || target === undefined) return
  await onDisk(path, () => rm(path, { force: true }))
}
