/** What a machine should run, by signed metadata: the plan of a pull (DESIGN §5). */
import type { ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { type InstalledName, listNames } from '../home/releases.ts'
import type { ReleaseName } from '../home/state.ts'
import type { ReadableStore } from '../store/store.ts'
import type { HeadHint } from '../trust/metadata.ts'
import type { RepositoryReader } from '../trust/reader.ts'
import { findInChannel } from './channel-history.ts'
import { headName, type Machine } from './machine.ts'

/** Milliseconds. */
const ROOT_DUE = 24 * 60 * 60 * 1000

/** A release that this machine should run, and where its bytes are. */
export interface Target extends ReleaseName {
  readonly entry: ReleaseEntry
}

export type Found =
  | { readonly head: ReleaseName | undefined; readonly target: Target }
  | {
      readonly head: ReleaseName | undefined
      readonly target?: undefined
      readonly reason: 'current' | 'pinned' | 'empty'
    }

/** Whether the pull ends here, because the signed hint equals the installed release. */
export function isUpToDate(
  machine: Machine,
  hint: HeadHint | undefined,
  installed: InstalledName | undefined,
): installed is InstalledName {
  if (machine.state.pin !== undefined || installed === undefined) return false
  return hint?.release === installed.manifest && !isRootDue(machine)
}

/** Whether contents will be needed: what lies on disk needs none, and a pinned machine none of the head. */
export function isWanted({ layout, state }: Machine, hint: HeadHint | undefined): hint is HeadHint {
  if (hint === undefined || state.pin !== undefined) return false
  return !listNames(layout).some(({ manifest }) => manifest === hint.release)
}

/** @param reader has been refreshed */
export async function findTarget(
  machine: Machine,
  store: ReadableStore,
  reader: RepositoryReader,
  installed: InstalledName | undefined,
): Promise<Found> {
  const { pin } = machine.state
  const channelHead = await reader.head(machine.channel)
  const head = headName(channelHead)
  if (pin !== undefined) {
    if (installed?.manifest === pin.manifest) return { head, reason: 'pinned' }
    const entry = await findInChannel(
      store,
      machine.channel,
      channelHead,
      ({ manifest }) => manifest.sha256 === pin.manifest,
    )
    if (entry === undefined) throw pinIsGone(pin)
    return { head, target: { ...pin, entry } }
  }
  if (channelHead === undefined || head === undefined) return { head, reason: 'empty' }
  if (head.manifest === installed?.manifest) return { head, reason: 'current' }
  return { head, target: { ...head, entry: channelHead.entry } }
}

/** A hint may come from a key that a newer root has revoked, so a newer root is asked for at least once a day. */
function isRootDue({ state, now }: Machine): boolean {
  const age = state.rootCheckedAt === undefined ? Number.NaN : now() - Date.parse(state.rootCheckedAt)
  // A time in the future was noted while this clock was wrong: it says nothing.
  return !(age >= 0 && age <= ROOT_DUE)
}

function pinIsGone({ version }: ReleaseName): SkillsctlError {
  return new SkillsctlError('absent', 'the pinned release is no longer in the history of this channel', {
    subject: version,
    hint: 'choose another with: skillsctl pin <version>, or follow the channel with: skillsctl unpin',
  })
}
