/** Making this machine run one particular release: from disk at once when it is there, else from the channel. */
import type { ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import type { Reason } from '../core/timeline.ts'
import { type Candidate, resolveVersion } from '../core/version.ts'
import { withLock } from '../disk/lock.ts'
import { confirmHistory, switchCurrent } from '../home/activation.ts'
import { findDrift, keepEdits } from '../home/drift.ts'
import { currentRelease, findIntact, type Installed, listInstalled, placeRelease } from '../home/releases.ts'
import { openStaging } from '../home/staging.ts'
import { type MachineState, type ReleaseName, updateState } from '../home/state.ts'
import { tidyHome } from '../home/tidy.ts'
import type { ReadableStore } from '../store/store.ts'
import { channelHistory, findInChannel } from './channel-history.ts'
import { learned, type Machine, openReader, remember, withStore } from './machine.ts'
import { obtain } from './obtain.ts'

export interface SwitchReport {
  readonly current: ReleaseName
  readonly previous: ReleaseName | undefined
  /** Whether the store was needed. */
  readonly fetched: boolean
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
}

/** The release on disk that a person means, or undefined when none fits; ambiguity is an error. */
export function findOnDisk(machine: Machine, wanted: string): Installed | undefined {
  const installed = listInstalled(machine.layout)
  const candidates = installed.map((release) => ({ ...release, commit: release.content.source.commit }))
  try {
    return resolveVersion(wanted, candidates)
  } catch (error) {
    if (error instanceof SkillsctlError && error.code === 'absent') return undefined
    throw error
  }
}

/** The release in the channel's verified history that a person means. @throws SkillsctlError `absent` with near misses */
export async function findInHistory(
  machine: Machine,
  store: ReadableStore,
  wanted: string,
): Promise<ReleaseEntry> {
  const reader = await openReader(machine, store)
  await reader.refresh()
  const head = await reader.head(machine.channel)
  await remember(machine, learned(machine, reader, head))
  const candidates: (Candidate & { entry: ReleaseEntry })[] = []
  for await (const entry of channelHistory(store, machine.channel, head)) {
    const { version, commit } = entry.release
    candidates.push({ version, commit, manifest: entry.manifest.sha256, entry })
    if (version === wanted || entry.manifest.sha256 === wanted) break
  }
  return resolveVersion(wanted, candidates).entry
}

/** Switches to a release that lies on disk. No network. */
export async function switchOnDisk(
  machine: Machine,
  target: Installed,
  why: Reason,
  change: Partial<MachineState>,
): Promise<SwitchReport> {
  const { layout } = machine
  const area = await openStaging(layout)
  try {
    return await withLock(layout.lock, () => activate(machine, target, why, change, area.directory, false))
  } finally {
    await area.discard()
  }
}

/** Fetches a release with full verification and switches to it. */
export async function switchByFetching(
  machine: Machine,
  entryOf: (store: ReadableStore) => Promise<ReleaseEntry>,
  why: Reason,
  changeOf: (entry: ReleaseEntry) => Partial<MachineState>,
  step: Steps,
): Promise<SwitchReport> {
  const { layout, channel } = machine
  return withStore(machine, async (store) => {
    const entry = await step('refresh', () => entryOf(store))
    const area = await openStaging(layout)
    try {
      const staged = await obtain(store, { channel, entry }, area, step)
      return await step('activate', () =>
        withLock(layout.lock, async () => {
          const placed = await placeRelease(layout, staged)
          return activate(machine, placed, why, changeOf(entry), area.directory, true)
        }),
      )
    } finally {
      await area.discard()
    }
  })
}

/** The entry of one exact release. */
export function entryOfRelease(machine: Machine, { manifest, version }: ReleaseName) {
  return async (store: ReadableStore): Promise<ReleaseEntry> => {
    const reader = await openReader(machine, store)
    await reader.refresh()
    const head = await reader.head(machine.channel)
    const entry = await findInChannel(
      store,
      machine.channel,
      head,
      (candidate) => candidate.manifest.sha256 === manifest,
    )
    if (entry !== undefined) return entry
    throw new SkillsctlError('absent', 'this release is not in the history of the channel', {
      subject: version,
      hint: `see what is: skillsctl releases, or try another channel`,
    })
  }
}

/** Under the lock. The state goes first: killed between the two, the next pull finishes what it says. */
async function activate(
  machine: Machine,
  target: Installed,
  why: Reason,
  change: Partial<MachineState>,
  area: string,
  fetched: boolean,
): Promise<SwitchReport> {
  const { layout, by, now } = machine
  await confirmHistory(layout, by, now())
  const previous = currentRelease(layout)
  const leaving = previous !== undefined && previous.directory !== target.directory
  const edits = leaving ? await keepEdits(layout, previous, findDrift(layout, previous)) : undefined
  if (findIntact(layout, target) === undefined) {
    throw new SkillsctlError('drift', 'this release was edited on disk', {
      subject: target.version,
      hint: 'run the command again: it will be fetched anew',
    })
  }
  await updateState(layout, { ...change, probe: undefined })
  if (leaving || previous === undefined) await switchCurrent(layout, target.directory, why, by, now())
  const tidied = await tidyHome(layout, area, now())
  return {
    current: { version: target.version, manifest: target.manifest },
    previous: previous && { version: previous.version, manifest: previous.manifest },
    fetched,
    kept: [...(edits === undefined ? [] : [edits]), ...tidied.kept],
  }
}
