/** Putting back what a person had before a surface was filled. Nothing that is there now is ever put over. */
import { chmodSync, lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { makePath, syncDirectory } from '../disk/atomic-file.ts'
import { copyWhole, fingerprint, pathsIn } from '../disk/copy-whole.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { sha256Hex } from '../trust/digest.ts'
import { putInPlace } from './copy.ts'
import { targetOf } from './link.ts'
import { isDirectory } from './root.ts'
import { pathInSnapshot, type Snapshot, type SnapshotRoot } from './snapshot.ts'
import { clearStage, MADE, newStage, stagingAreaOf, sweepStagingArea } from './staging-area.ts'

export interface RestoredPlace {
  readonly surface: string
  /** Absolute. */
  readonly path: string
  /** `same`: it was there as it is in the snapshot. `ours`: the release is shown there. `taken`: something else is there. */
  readonly outcome: 'restored' | 'same' | 'ours' | 'taken'
}

/**
 * The caller holds the lock.
 * @param now milliseconds since the epoch
 * @throws SkillsctlError `absent` for a root that is gone; `no-space`
 */
export async function restoreRoot(
  layout: Layout,
  snapshot: Snapshot,
  { surface, root, places }: SnapshotRoot,
  now: number,
): Promise<RestoredPlace[]> {
  if (!isDirectory(root)) {
    throw new SkillsctlError('absent', 'the place that this was taken from is not there', {
      subject: root,
      hint: `mount its disk again, or: skillsctl kept restore ${snapshot.name} --to <directory>`,
    })
  }
  const restored: RestoredPlace[] = []
  for (const place of places.keys()) {
    const path = join(root, place)
    const from = pathInSnapshot(layout, snapshot, surface, place)
    restored.push({ surface, path, outcome: await restorePlace(layout, from, root, place, now) })
  }
  return restored
}

async function restorePlace(
  layout: Layout,
  from: string,
  root: string,
  place: string,
  now: number,
): Promise<RestoredPlace['outcome']> {
  const path = join(root, place)
  const folder = dirname(place)
  return onDisk(path, async () => {
    makePath(join(root, folder))
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
      const area = stagingAreaOf(root, folder)
      const stage = newStage(area, now)
      try {
        return (await putCopy(from, stage, path)) ? 'restored' : 'taken'
      } finally {
        await clearStage(stage)
        await sweepStagingArea(area, now)
      }
    }
    if (isSame(from, path)) return 'same'
    return targetOf(path)?.startsWith(join(layout.surfaces, '/')) === true ? 'ours' : 'taken'
  })
}

/** Complete before it takes its place. @returns false when something came there meanwhile */
async function putCopy(from: string, stage: string, path: string): Promise<boolean> {
  const copy = join(stage, MADE, 'copy')
  makePath(dirname(copy))
  await copyWhole(from, copy)
  if (lstatSync(copy).isDirectory()) await syncTree(copy, ...pathsIn(copy))
  else await syncDirectory(dirname(copy))
  const { mode } = lstatSync(copy)
  const isDirectory = lstatSync(copy).isDirectory()
  // A directory that nobody may write to cannot be moved.
  if (isDirectory) chmodSync(copy, 0o700)
  if (!(await putInPlace(copy, path))) return false
  if (isDirectory) chmodSync(path, mode & 0o7777)
  await syncDirectory(dirname(path))
  return true
}

function isSame(one: string, other: string): boolean {
  return onDiskNow(other, () => fingerprint(one, sha256Hex) === fingerprint(other, sha256Hex))
}
