/**
 * `standby/`: a complete copy of the current release, made when there was nothing else to do. The next update only has
 * to change what changed (SPEC.md, "Standby"). Losing it costs time, nothing else.
 */
import { mkdir, readFile, rename, rmdir, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { treeSize } from '../core/manifest.ts'
import { errnoOf, onDisk, unlessAbsent } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { findDrift } from './drift.ts'
import type { Layout } from './layout.ts'
import type { Installed } from './releases.ts'
import type { StagingArea } from './staging.ts'
import { parseStats, recordStats, type StatRecord } from './stat-record.ts'

/** What stays free for others. Bytes. */
const TO_SPARE = 1024 ** 3

/** Whether there is one of this release. */
export async function hasStandby(
  { standby }: Layout,
  { manifest }: Pick<Installed, 'manifest'>,
): Promise<boolean> {
  return (await baseOf(standby)) === manifest
}

/** A disk that is nearly full has better uses. */
export async function hasRoomForStandby(
  { root }: Layout,
  { content: { files } }: Installed,
): Promise<boolean> {
  return onDisk(root, async () => {
    const { bavail, bsize } = await statfs(root)
    return bavail * bsize > TO_SPARE + 2 * treeSize(files)
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
      await unlessAbsent(rename(layout.standby, join(area.directory, 'former')), undefined)
      await rename(place, layout.standby)
    })
  })
}

/**
 * Moves the standby into the staging area, where its tree is as good as one that was just copied. Of two runs that want
 * it, rename(2) decides.
 * @returns its stat record; undefined when there is none of this release, or it is not as it was made
 */
export async function takeStandby(
  layout: Layout,
  installed: Installed,
  area: StagingArea,
): Promise<StatRecord | undefined> {
  const taken = join(area.directory, 'standby')
  return onDisk(layout.standby, async () => {
    try {
      await rename(layout.standby, taken)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
    if ((await baseOf(taken)) !== installed.manifest) return undefined
    const [root, record] = [join(taken, 'tree'), parseStats(await readFile(join(taken, 'stat'), 'utf8'))]
    if (findDrift(layout, installed, { root, record }).length > 0) return undefined
    await rmdir(area.tree)
    await rename(root, area.tree)
    return record
  })
}

/** SHA-256 of the manifest of the release that a standby is a copy of. */
async function baseOf(standby: string): Promise<string | undefined> {
  return onDisk(standby, () => unlessAbsent(readFile(join(standby, 'base'), 'utf8'), undefined))
}
