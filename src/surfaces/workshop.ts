/**
 * A directory beside the folders of a surface, on the same disk, where copies are made complete before they take their
 * place, and where those that were replaced stay as long as somebody may still be reading them.
 */

import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makePath } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, unlessAbsent } from '../disk/fault.ts'
import { mountOf } from '../disk/mount.ts'
import { removeTree } from '../disk/remove-tree.ts'

const NAME = '.skillsctl'
/** On a bench: what is being made, and what was taken out. */
export const MADE = 'new'
export const TAKEN_OUT = 'old'
/** How long a reader may take. Milliseconds. */
const READING = 10 * 60 * 1000

/** Where the work on a folder is done. @param folder an existing directory below the root of a surface */
export function workshopOf(root: string, folder: string): string {
  // A link or a mount in the folder's place: a rename works only on what is behind it.
  return mountOf(join(root, folder)) === mountOf(root) ? join(root, NAME) : join(root, folder, NAME)
}

/** A new directory for one piece of work. @param now milliseconds since the epoch; says when it may be swept */
export async function newBench(workshop: string, now: number): Promise<string> {
  const path = join(workshop, `${now}-${randomBytes(6).toString('hex')}`)
  await onDisk(path, () => makePath(path))
  return path
}

/** Removes a bench, unless something lies on it that somebody may still be reading. */
export async function clearBench(bench: string): Promise<void> {
  await removeTree(join(bench, MADE))
  await onDisk(bench, async () => {
    await rmdir(bench).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
    })
  })
}

/**
 * Removes what no reader can still be at, and the workshop when it is empty.
 * @param reading how long somebody may read what was taken out. Milliseconds
 */
export async function sweepWorkshop(workshop: string, now: number, reading = READING): Promise<void> {
  await onDisk(workshop, async () => {
    const names = await unlessAbsent(readdir(workshop), [])
    for (const name of names) if (isOld(name, now, reading)) await removeTree(join(workshop, name))
    await unlessAbsent(rmdir(workshop), undefined).catch((error: unknown) => {
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
export function hasOldBenches(workshop: string, now: number): boolean {
  try {
    return readdirSync(workshop).some((name) => isOld(name, now))
  } catch {
    // Most surfaces have no workshop.
    return false
  }
}

/** Where the work on any of these folders is done, as far as they are there. */
export function workshopsOf(root: string, folders: readonly string[]): string[] {
  const there = folders.filter((folder) => existsSync(join(root, folder)))
  return [...new Set(there.map((folder) => workshopOf(root, folder)))]
}
