/** Making this machine run one particular release of its channel, fetched and verified like any other. */
import type { ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import type { Reason } from '../core/timeline.ts'
import { type Candidate, resolveVersion } from '../core/version.ts'
import { withLock } from '../disk/lock.ts'
import { inSituation, readSituation } from '../home/activation.ts'
import { inStaging } from '../home/staging.ts'
import type { MachineState, ReleaseName } from '../home/state.ts'
import type { ReadableStore } from '../store/store.ts'
import { activate } from './activate.ts'
import { channelHistory, findInChannel } from './channel-history.ts'
import { headName, learned, type Machine, openReader, remember, withStore } from './machine.ts'
import { obtain } from './obtain.ts'
import { overtaken, type SwitchReport } from './switch-release.ts'

/** The release in the channel's verified history that a person means. @throws SkillsctlError `absent` with near misses */
export async function findInHistory(
  machine: Machine,
  store: ReadableStore,
  wanted: string,
): Promise<ReleaseEntry> {
  const reader = await openReader(machine, store)
  await reader.refresh()
  const head = await reader.head(machine.channel)
  await remember(machine, learned(machine, reader, headName(head)))
  const candidates: (Candidate & { entry: ReleaseEntry })[] = []
  for await (const entry of channelHistory(store, machine.channel, head)) {
    const { version, commit } = entry.release
    candidates.push({ version, commit, manifest: entry.manifest.sha256, entry })
    if (version === wanted || entry.manifest.sha256 === wanted) break
  }
  return resolveVersion(wanted, candidates).entry
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

/** Fetches a release with full verification and switches to it. */
export async function switchByFetching(
  machine: Machine,
  entryOf: (store: ReadableStore) => Promise<ReleaseEntry>,
  why: Reason,
  changeOf: (entry: ReleaseEntry) => Partial<MachineState>,
  step: Steps,
): Promise<SwitchReport> {
  const { layout, channel } = machine
  const situation = await readSituation(layout)
  return withStore(machine, async (store) => {
    const entry = await step('refresh', () => entryOf(store))
    return inStaging(layout, async (area) => {
      const staged = await obtain(store, layout, { channel, entry }, area, step)
      const target = { version: entry.release.version, manifest: entry.manifest.sha256 }
      const request = { target, staged, why, before: { ...changeOf(entry), probe: undefined } }
      const report = await step('activate', () =>
        // A person's own choice wins; a repair gives way to whatever was chosen while it fetched.
        why === 'repair'
          ? inSituation(layout, situation, () => activate(machine, request, area))
          : withLock(layout.lock, () => activate(machine, request, area)),
      )
      if (report === 'dropped') throw overtaken(machine)
      return { ...report, fetched: true }
    })
  })
}
