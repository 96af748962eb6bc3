/**
 * A directory beside the folders of a surface, on the same disk, where copies are made complete before they take their
 * place, and where those that were replaced stay as long as somebody may still be reading them.
 */

import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs'
import { readdir, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makePath, uniqueHex } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, onDiskNow, unlessAbsent } from '../disk/fault.ts'
import { mountOf } from '../disk/mount.ts'
import { removeTree } from '../disk/remove-tree.ts'

export const STAGING_AREA = '.skillsctl'
/** On a stage: what is being made, and what was taken out. */
export const MADE = 'new'
export const TAKEN_OUT = 'old'
/** How long a reader may take. Milliseconds. */
const READING = 10 * 60 * 1000

/**
 * Where the work on a folder is done: where a rename reaches the folder, and beside it as long as that is possible, because
 * some agents look into whatever lies in it.
 * @param folder an existing directory below the root of a surface
 */
export function stagingAreaOf(root: string, folder: string): string {
  const path = join(root, folder)
  const mount = mountOf(path)
  const beside = [root, besideTarget(path)].find((above) => mountOf(above) === mount && mayMake(above))
  return join(beside ?? path, STAGING_AREA)
}

/** The directory in which a folder really lies: elsewhere, when it is a link. */
function besideTarget(folder: string): string {
  return dirname(realpathSync(folder))
}

function mayMake(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return true
  } catch {
    // Somebody else's, or read-only.
    return false
  }
}

/** A new directory for one piece of work. @param now milliseconds since the epoch; says when it may be swept */
export function newStage(stagingArea: string, now: number): string {
  const path = join(stagingArea, `${now}-${uniqueHex()}`)
  onDiskNow(path, () => makePath(path))
  return path
}

/** Removes a stage, unless something lies on it that somebody may still be reading. */
export async function clearStage(stage: string): Promise<void> {
  await removeTree(join(stage, MADE))
  await onDisk(stage, async () => {
    await rmdir(stage).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
    })
  })
}

/**
 * Removes what no reader can still be at, and the staging area when it is empty.
 * @param reading how long somebody may read what was taken out. Milliseconds
 */
export async function sweepStagingArea(stagingArea: string, now: number, reading = READING): Promise<void> {
  // Most surfaces have none.
  if (!existsSync(stagingArea)) return
  await onDisk(stagingArea, async () => {
    const names = await unlessAbsent(readdir(stagingArea), [])
    for (const name of names) if (isOld(name, now, reading)) await removeTree(join(stagingArea, name))
    await unlessAbsent(rmdir(stagingArea), undefined).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
    })
  })
}

function isOld(name: string, now: number, reading = READING): boolean {
  const [, made] = /^(\d+)-[0-9a-f]{12}$/.exec(name) ?? []
  // A time far in the future was noted while a clock was wrong.
  return made !== undefined && Math.abs(now - Number(made)) >= reading
}

/** Whether a sweep would find something. */
export function hasOldStages(stagingArea: string, now: number): boolean {
  try {
    return readdirSync(stagingArea).some((name) => isOld(name, now))
  } catch {
    // Most surfaces have no staging area.
    return false
  }
}

/** Wherever the work on any of these folders may have been done: a mount may have come or gone since. */
export function stagingAreasOf(root: string, folders: readonly string[]): string[] {
  const paths = folders.map((folder) => join(root, folder))
  // On the disk of the root it is the staging area of somebody else.
  const targets = paths
    .filter((path) => existsSync(path) && mountOf(path) !== mountOf(root))
    .map(besideTarget)
  return [...new Set([root, ...paths, ...targets])].map((directory) => join(directory, STAGING_AREA))
}
