/** Removing releases that nothing needs any more. Edits are looked for once more before anything goes. */
import { decideRetention } from '../core/retention.ts'
import { lastRuns } from '../core/timeline.ts'
import { removeTree } from '../disk/remove-tree.ts'
import { findDrift, keepEdits } from './drift.ts'
import { readHistory } from './history.ts'
import type { Layout } from './layout.ts'
import { forgetRecords, takeAway } from './place.ts'
import { ranHere } from './ran.ts'
import { currentDirectory, listNames, readInstalled } from './releases.ts'
import { sweepStaging } from './staging.ts'
import { recordedSize } from './stat-record.ts'
import { readState, updateState } from './state.ts'

export interface Tidied {
  readonly removed: readonly string[]
  /** Directories under `kept/` with edits that were found in what was removed. */
  readonly kept: readonly string[]
}

/**
 * @param area this run's staging directory
 * @param now milliseconds since the epoch
 * @param read directories of releases that somebody may be reading
 */
export async function tidyHome(
  layout: Layout,
  area: string,
  now: number,
  read: ReadonlySet<string> = new Set(),
): Promise<Tidied> {
  await sweepStaging(layout)
  const [activations, state] = await Promise.all([readHistory(layout), readState(layout)])
  const current = currentDirectory(layout)
  const { pin, trial } = state
  // What a trial shows, or goes back to without asking anybody.
  const chosen = [pin, trial?.before, trial?.release].map((name) => name?.manifest)
  const installed = listNames(layout)
  const runs = lastRuns(activations)
  const releases = installed.map(({ directory, manifest }) => ({
    directory,
    size: recordedSize(layout, directory),
    lastUsed: runs.get(directory) ?? 0,
    held: directory === current || chosen.includes(manifest) || read.has(directory),
  }))
  const running = installed.find(({ directory }) => directory === current)?.manifest
  const previous = (await ranHere(layout)).filter(({ manifest }) => manifest !== running).reverse()
  const { remove, crowdedOut } = decideRetention(
    releases,
    previous.map(({ directory }) => directory),
    now,
  )
  const kept: string[] = []
  const removed: string[] = []
  for (const directory of remove) {
    const release = readInstalled(layout, directory)
    // With a damaged manifest nobody can tell what was edited in it: it stays.
    if (release === undefined) continue
    // Before, so that a kill loses nothing; and after, when nobody can reach it by its name any more.
    const before = await keepEdits(layout, release, findDrift(layout, release))
    const away = await takeAway(layout, release.directory, area)
    const after = await keepEdits(layout, release, findDrift(layout, release, { root: away }), away)
    kept.push(...new Set([before, after].filter((edits) => edits !== undefined)))
    await removeTree(away)
    removed.push(directory)
  }
  await forgetRecords(layout)
  const note = crowdedOut.length === 0 ? undefined : crowdedOut.join(', ')
  if (note !== state.crowdedOut) await updateState(layout, { crowdedOut: note })
  return { removed, kept }
}
