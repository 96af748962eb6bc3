/** Moving what lies in the place of an entry to `kept/`, because a person said so. */
import { chmodSync, existsSync, lstatSync, readdirSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDirectory, syncDirectory } from '../disk/atomic-file.ts'
import { copyWhole, pathsIn } from '../disk/copy-whole.ts'
import { errnoOf, onDisk } from '../disk/fault.ts'
import { removeTree } from '../disk/remove-tree.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { newStage, stagingAreaOf } from './staging-area.ts'

/**
 * Nothing of it is lost whatever happens: it is moved, or copied whole before it goes. The caller holds the lock.
 * @param place relative to `root`
 * @param now milliseconds since the epoch
 * @returns the directory in `kept/` that holds it
 */
export async function setAside(
  layout: Layout,
  surface: string,
  root: string,
  place: string,
  now: number,
): Promise<string> {
  const kept = freeDirectory(join(layout.kept, `${surface}-${now.toString(36)}`), place)
  const [from, to] = [join(root, place), join(kept, place)]
  await onDisk(from, async () => {
    await makeDirectory(dirname(to))
    try {
      await move(from, to)
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error
      await copyWhole(from, to)
      await syncCopy(to)
      // Out of the way in one step; removed when nobody can reach it by its name.
      const stage = await newStage(stagingAreaOf(root, dirname(place)), now)
      await move(from, join(stage, 'aside'))
      await removeTree(stage)
    }
    await syncDirectory(dirname(to))
    await syncDirectory(layout.kept)
  })
  return kept
}

/** Something that `setAside` has moved. */
export interface Aside {
  /** The directory in `kept/` that holds it. */
  readonly kept: string
  readonly place: string
}

/** What was moved for a surface at one moment. @param now milliseconds since the epoch */
export function placesAside({ kept }: Layout, surface: string, now: number): Aside[] {
  const wanted = join(kept, `${surface}-${now.toString(36)}`)
  const all: Aside[] = []
  for (let count = 0; ; count++) {
    const directory = count === 0 ? wanted : `${wanted}.${count}`
    if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return all
    for (const folder of readdirSync(directory))
      for (const name of readdirSync(join(directory, folder)))
        all.push({ kept: directory, place: `${folder}/${name}` })
  }
}

/** Puts it back where its place is free again. */
export async function putBack({ kept, place }: Aside, root: string): Promise<void> {
  const [from, to] = [join(kept, place), join(root, place)]
  await onDisk(to, async () => {
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) return
    try {
      await move(from, to)
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error
      await copyWhole(from, to)
    }
  })
}

/** A directory in which this place is free: nothing in `kept/` is ever put over. */
function freeDirectory(wanted: string, place: string): string {
  for (let count = 0; ; count++) {
    const directory = count === 0 ? wanted : `${wanted}.${count}`
    if (lstatSync(join(directory, place), { throwIfNoEntry: false }) === undefined) return directory
  }
}

async function syncCopy(path: string): Promise<void> {
  if (lstatSync(path).isDirectory()) await syncTree(path, ...pathsIn(path))
  else await syncDirectory(dirname(path))
}

/** A directory that nobody may write to cannot be moved to another one. */
async function move(from: string, to: string): Promise<void> {
  const info = lstatSync(from)
  const isLocked = info.isDirectory() && (info.mode & 0o200) === 0
  if (isLocked) chmodSync(from, info.mode | 0o200)
  try {
    await rename(from, to)
  } finally {
    if (isLocked) chmodSync(existsSync(from) ? from : to, info.mode)
  }
}
