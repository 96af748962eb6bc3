/** Making a release the one that `current` names: one rename(2), under the lock, only if nothing moved meanwhile. */
import { lstat, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatInstant } from '../core/parse.ts'
import type { Reason } from '../core/timeline.ts'
import { describeTrial } from '../core/trial.ts'
import { syncDirectory, temporaryName } from '../disk/atomic-file.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { readConfig } from './config.ts'
import { appendHistory, readHistory } from './history.ts'
import type { Layout } from './layout.ts'
import { currentDirectory } from './releases.ts'
import { readState } from './state.ts'

/** What a plan was made from. When any of it changed, somebody else decided, and the plan is dropped. */
export interface Situation {
  readonly current: string | undefined
  readonly pin: string | undefined
  readonly channel: string | undefined
  /** What is tried in the place of the channel, and until when. */
  readonly trial: string | undefined
}

export async function readSituation(layout: Layout): Promise<Situation> {
  const [state, config] = await Promise.all([readState(layout), readConfig(layout)])
  const { pin, trial } = state
  return {
    current: currentDirectory(layout),
    pin: pin?.manifest,
    channel: config?.channel,
    trial: trial && describeTrial(trial),
  }
}

/**
 * Runs `change` under the lock if the situation is still the one that was planned for.
 * @returns `dropped` when it is not
 */
export async function inSituation<T>(
  layout: Layout,
  planned: Situation,
  change: () => Promise<T>,
): Promise<T | 'dropped'> {
  return withLock(layout.lock, async () => {
    const now = await readSituation(layout)
    const { current, pin, channel, trial } = planned
    const same = now.current === current && now.pin === pin && now.channel === channel && now.trial === trial
    return same ? change() : 'dropped'
  })
}

/** Points `current` at a release and records it. The caller holds the lock. @param now milliseconds since the epoch */
export async function switchCurrent(
  layout: Layout,
  directory: string,
  why: Reason,
  by: string,
  now: number,
): Promise<void> {
  const from = currentDirectory(layout)
  if (from !== directory) await onDisk(layout.current, () => replaceLink(layout, directory))
  await appendHistory(layout, { at: formatInstant(now), from, to: directory, why, by })
}

async function replaceLink(layout: Layout, directory: string): Promise<void> {
  // Whoever placed this release may have been killed between a rename and its sync, and so may who made the home.
  for (const names of [layout.releases, layout.manifests, layout.root]) await syncDirectory(names)
  const link = join(layout.staging, temporaryName('current'))
  try {
    await symlink(`releases/${directory}`, link)
    const there = await unlessAbsent(lstat(layout.current), undefined)
    if (there !== undefined && !there.isSymbolicLink()) {
      // A real directory or file in its place is somebody's copy: nothing of ours, so it is kept.
      await rename(layout.current, join(layout.kept, `current-${Date.now().toString(36)}`))
    }
    await rename(link, layout.current)
    await syncDirectory(layout.root)
  } finally {
    await rm(link, { force: true })
  }
}

/** Whether the history ends with what runs. */
export async function isRecorded(layout: Layout): Promise<boolean> {
  const current = currentDirectory(layout)
  return current === undefined || (await readHistory(layout)).at(-1)?.to === current
}

/**
 * A kill, or a full disk, between the link and its record leaves the history behind: writes what it lacks. The caller
 * holds the lock.
 */
export async function confirmHistory(layout: Layout, by: string, now: number): Promise<void> {
  const current = currentDirectory(layout)
  if (current === undefined) return
  const last = (await readHistory(layout)).at(-1)
  if (last?.to === current) return
  await syncDirectory(layout.root)
  await appendHistory(layout, { at: formatInstant(now), from: last?.to, to: current, why: 'recovered', by })
}
