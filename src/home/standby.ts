/**
 * `standby/`: a complete copy of the current release, made when there was nothing else to do. The next update only has
 * to change what changed (SPEC.md, "Standby"). Losing it costs time, nothing else.
 */
import { lstat, mkdir, readFile, rename, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'
import { treeSize } from '../core/manifest.ts'
import { errnoOf, onDisk, unlessAbsent } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { makeWritable, removeTree } from '../disk/remove-tree.ts'
import { isExactly } from './exact-tree.ts'
import type { Layout } from './layout.ts'
import type { Installed } from './releases.ts'
import type { StagingArea } from './staging.ts'
import { parseStats, recordStats, type StatRecord } from './stat-record.ts'

/** What stays free for others. Bytes. */
export const TO_SPARE = 1024 ** 3

/** Whether there is one of this release. One that cannot be read is none. */
export async function hasStandby(
  { standby }: Layout,
  { manifest }: Pick<Installed, 'manifest'>,
): Promise<boolean> {
  try {
    return (await textIn(standby, 'base')) === manifest
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** A disk that is nearly full has better uses. @param toSpare bytes */
export async function hasRoomForStandby(
  { root }: Layout,
  { content: { files } }: Installed,
  toSpare: number,
): Promise<boolean> {
  return onDisk(root, async () => {
    const { bavail, bsize } = await statfs(root)
    return bavail * bsize > toSpare + 2 * treeSize(files)
  })
}

/** Makes the copy that lies in the staging area, complete and synced, the standby of this release. */
export async function placeStandby(
  layout: Layout,
  { manifest, content }: Installed,
  area: StagingArea,
): Promise<void> {
  const place = join(area.directory, 'standby')
  await onDisk(layout.standby, async () => {
    await mkdir(place)
    await writeFile(join(place, 'stat'), recordStats(area.tree, content.files))
    await writeFile(join(place, 'base'), manifest)
    await rename(area.tree, join(place, 'tree'))
    await withLock(layout.lock, async () => {
      await moveAway(layout, join(area.directory, 'former'))
      await rename(place, layout.standby)
    })
  })
}

/**
 * Moves the standby into the staging area, where its tree is as good as one that was just copied. Of two runs that want
 * it, rename(2) decides.
 * @returns its stat record; undefined when there is none of this release, or it is not as it was made: it is gone then
 */
export async function takeStandby(
  layout: Layout,
  { manifest, content: { files } }: Installed,
  area: StagingArea,
): Promise<StatRecord | undefined> {
  const taken = join(area.directory, 'standby')
  return onDisk(layout.standby, async () => {
    if (!(await moveAway(layout, taken))) return undefined
    try {
      if ((await textIn(taken, 'base')) !== manifest) return undefined
      const [tree, record] = [join(taken, 'tree'), parseStats((await textIn(taken, 'stat')) ?? '')]
      if (!isExactly(tree, files, record)) return undefined
      await rename(tree, area.tree)
      return record
    } finally {
      // Another copy may need the room.
      await removeTree(taken)
    }
  })
}

/** Before what leaves no use for it, and may need its room. One that cannot be removed is in nobody's way. */
export async function dropStandby(layout: Layout, area: StagingArea): Promise<void> {
  const unwanted = join(area.directory, 'unwanted')
  try {
    if (await moveAway(layout, unwanted)) await removeTree(unwanted)
  } catch (error) {
    if (!isError(error) && errnoOf(error) === undefined) throw error
  }
}

/** @returns false when there is none */
async function moveAway({ standby }: Layout, to: string): Promise<boolean> {
  try {
    await rename(standby, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw error
    // Only what may be written to can be moved to another parent.
    makeWritable(standby)
    await rename(standby, to)
    return true
  }
}

/** Content of a file in a standby. A link is not followed, and of a pipe nobody would ever see the end. */
async function textIn(standby: string, name: string): Promise<string | undefined> {
  const path = join(standby, name)
  const [directory, file] = await unlessAbsent(Promise.all([lstat(standby), lstat(path)]), [])
  if (directory?.isDirectory() !== true || file?.isFile() !== true) return undefined
  return readFile(path, 'utf8')
}
