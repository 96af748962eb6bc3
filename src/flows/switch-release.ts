/** Making this machine run one particular release: from disk at once when it is there, else from the channel. */
import type { ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import type { Reason } from '../core/timeline.ts'
import { type Candidate, resolveVersion } from '../core/version.ts'
import { withLock } from '../disk/lock.ts'
import { inSituation, readSituation } from '../home/activation.ts'
import type { Layout } from '../home/layout.ts'
import { type InstalledName, listNames, readInstalled } from '../home/releases.ts'
import { inStaging } from '../home/staging.ts'
import type { MachineState, ReleaseName } from '../home/state.ts'
import type { ReadableStore } from '../store/store.ts'
import { type ActivationReport, activate } from './activate.ts'
import { channelHistory, findInChannel } from './channel-history.ts'
import { headName, learned, type Machine, openReader, remember, withStore } from './machine.ts'
import { obtain } from './obtain.ts'

export interface SwitchReport extends ActivationReport {
  /** Whether the store was needed. */
  readonly fetched: boolean
}

/** The release on disk that a person means, or undefined when none fits; ambiguity is an error. */
export function findOnDisk({ layout }: Machine, wanted: string): InstalledName | undefined {
  const candidates = listNames(layout).map((name) => ({ ...name, commit: commitOf(layout, name, wanted) }))
  try {
    return resolveVersion(wanted, candidates)
  } catch (error) {
    if (error instanceof SkillsctlError && error.code === 'absent') return undefined
    throw error
  }
}

/** The commit of a release. Its version tells the first seven digits; only where those fit is its manifest read. */
function commitOf(layout: Layout, { directory, version }: InstalledName, wanted: string): string {
  const short = version.slice(version.indexOf('-') + 1)
  if (!short.startsWith(wanted.slice(0, 7))) return short
  return readInstalled(layout, directory)?.content.source.commit ?? short
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
  await remember(machine, learned(machine, reader, headName(head)))
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
  target: ReleaseName,
  why: Reason,
  change: Partial<MachineState>,
): Promise<SwitchReport> {
  const request = { target, staged: undefined, why, before: { ...change, probe: undefined } }
  const report = await inStaging(machine.layout, (area) =>
    withLock(machine.layout.lock, () => activate(machine, request, area)),
  )
  return { ...report, fetched: false }
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

/** Of a plan that was dropped. */
export function overtaken({ layout }: Machine): SkillsctlError {
  return new SkillsctlError('refused', 'another command changed what runs here meanwhile', {
    subject: layout.root,
    hint: 'look at skillsctl status, and run this again if it is still needed',
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
