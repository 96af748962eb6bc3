/** `skillsctl try`: a draft runs on this machine for a while, or is shown on some of its surfaces (SPEC.md, "Trials"). */
import { type Channel, channelOfTarget, isDraft, parseChannel, type ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { formatAge } from '../core/freshness.ts'
import { nearMisses } from '../core/near-misses.ts'
import { formatInstant } from '../core/parse.ts'
import { LONGEST_TRIAL, type Trial, trialInForce } from '../core/trial.ts'
import type { Outcome } from '../edits/overlays.ts'
import { inSituation, readSituation } from '../home/activation.ts'
import { createHome } from '../home/layout.ts'
import { currentName } from '../home/releases.ts'
import { inStaging } from '../home/staging.ts'
import { nameOf, type ReleaseName } from '../home/state.ts'
import type { ReadableStore } from '../store/store.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import type { RepositoryReader } from '../trust/reader.ts'
import { activate } from './activate.ts'
import { endTrial, type TrialEnded } from './end-trial.ts'
import type { Settled } from './follow-surfaces.ts'
import { learned, type Machine, type MachineContext, openMachine, openReader, withStore } from './machine.ts'
import { pull } from './pull.ts'
import type { PullReport } from './pull-report.ts'
import { fetchUnlessThere, nameIn, showBeside } from './show-draft.ts'
import { overtaken } from './switch-release.ts'
import { endTrialIfOver } from './trial-over.ts'

export interface TryOptions {
  /** Milliseconds. */
  readonly for: number
  /** Only these show it; the whole machine follows it when there are none. */
  readonly surfaces: readonly string[]
}

export interface TryReport {
  readonly trial: Trial
  /** The machine's own channel, which it goes back to. */
  readonly after: string
  /** Of the draft. */
  readonly release: ReleaseName
  readonly current: ReleaseName
  readonly changes: ReleaseEntry['changes']
  readonly surfaces: readonly Settled[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** What became of local edits, on a machine that has surfaces. */
  readonly edits: readonly Outcome[]
}

/**
 * @throws SkillsctlError `usage` for what is no draft, or too long; `refused` for a machine that is pinned, or tries
 *   something in another way; `absent` for a draft that is not there, with those that are; and what fetching throws
 */
export async function tryDraft(
  context: MachineContext,
  name: string,
  options: TryOptions,
): Promise<TryReport> {
  const step = steps('try', context.emit, context.clock)
  const channel = draftNamed(name)
  insistOnLength(options.for)
  await endTrialIfOver(context)
  const situation = await readSituation(context.layout)
  const machine = await openMachine(context)
  const before = leavingBehind(machine, channel, options)
  await createHome(machine.layout)
  return withStore(machine, async (store) => {
    const { entry, reader } = await step('refresh', () => findDraft(machine, store, channel))
    const release = nameIn(entry)
    const until = formatInstant(machine.now() + options.for)
    const terms = { channel: channel.name, until }
    const { surfaces } = options
    const trial: Trial =
      surfaces.length === 0 ? { ...terms, before } : { ...terms, release, surfaces, seen: reader.etag }
    return inStaging(machine.layout, async (area) => {
      const staged = await fetchUnlessThere(machine, store, { channel, entry }, area, step)
      const begun = await step('activate', () =>
        inSituation(machine.layout, situation, async () => {
          if (trial.surfaces !== undefined) return showBeside(machine, trial, staged)
          const note = { ...learned(machine, reader, release), trial, probe: undefined }
          // Whoever tries something wants to see it: what nobody reads moves at once.
          const request = { target: release, staged, why: 'try', moment: 'session', before: note } as const
          const { kept, surfaces, edits } = await activate(machine, request, area)
          return { kept, surfaces, edits }
        }),
      )
      if (begun === 'dropped') throw overtaken(machine)
      const current = currentName(machine.layout) ?? release
      const { changes } = entry
      return { trial, after: machine.config.channel, release, current: nameOf(current), changes, ...begun }
    })
  })
}

function draftNamed(name: string): Channel {
  const channel = parseChannel(name)
  if (isDraft(channel)) return channel
  throw new SkillsctlError('usage', 'only drafts are tried', {
    subject: name,
    expected: 'drafts/<name>',
    hint: `skillsctl try drafts/${name}; to follow another channel: skillsctl channel ${name}`,
  })
}

function insistOnLength(length: number): void {
  if (length > 0 && length <= LONGEST_TRIAL) return
  throw new SkillsctlError('usage', 'a trial lasts no longer than two weeks', {
    subject: formatAge(length),
    expected: `more than nothing, and at most ${formatAge(LONGEST_TRIAL)}`,
    hint: 'give less with --for; to follow a draft for good: skillsctl channel drafts/<name>',
  })
}

/** @returns what runs before the trial. @throws SkillsctlError `refused`, `absent`, `usage` */
function leavingBehind(machine: Machine, channel: Channel, { surfaces }: TryOptions): ReleaseName {
  const { config, layout, now, state } = machine
  for (const name of surfaces) {
    if (requireSurface(config, name).root === undefined)
      throw new SkillsctlError('usage', 'nothing is shown on this surface from here', { subject: name })
  }
  if (config.channel === channel.name) {
    throw new SkillsctlError('refused', 'this machine follows this draft already', {
      subject: channel.name,
      hint: 'run: skillsctl pull',
    })
  }
  if (state.pin !== undefined) {
    throw new SkillsctlError('refused', 'this machine is pinned, and stays where it is', {
      subject: state.pin.version,
      hint: `first: skillsctl unpin, then: skillsctl try ${channel.name}`,
    })
  }
  const tried = trialInForce(state.trial, now())
  if (tried !== undefined && (tried.surfaces === undefined) !== (surfaces.length === 0)) {
    throw new SkillsctlError('refused', 'this machine tries something already', {
      subject: tried.channel,
      found: tried.surfaces === undefined ? 'on the whole machine' : `on ${tried.surfaces.join(', ')}`,
      hint: 'first: skillsctl try --stop',
    })
  }
  const current = currentName(layout)
  const before = tried?.before ?? (current && nameOf(current))
  if (before !== undefined) return before
  throw new SkillsctlError('absent', 'nothing is installed here yet that could be gone back to', {
    subject: layout.current,
    hint: 'first: skillsctl pull',
  })
}

async function findDraft(
  machine: Machine,
  store: ReadableStore,
  channel: Channel,
): Promise<{ entry: ReleaseEntry; reader: RepositoryReader }> {
  const reader = await openReader(machine, store)
  await reader.refresh()
  const head = await reader.head(channel)
  if (head !== undefined) return { entry: head.entry, reader }
  const { targets } = await reader.role(channel.role)
  const drafts = Object.keys(targets).flatMap((target) => channelOfTarget(target)?.name ?? [])
  const near = nearMisses(channel.name, drafts)
  throw new SkillsctlError('absent', 'there is no such draft', {
    subject: channel.name,
    found: drafts.slice(0, MOST_NAMED).join(', ') || 'no draft at all',
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `its author runs: skillsctl publish --working-tree --channel ${channel.name}`,
  })
}

const MOST_NAMED = 10

export interface StopReport {
  /** Undefined when nothing was tried. */
  readonly ended: TrialEnded | undefined
  readonly pull: PullReport | undefined
}

/** Back at once to what ran before, and from there to what the machine's own channel says. */
export async function stopTrial(context: MachineContext): Promise<StopReport> {
  await openMachine(context)
  const ended = await endTrial(context, 'stopped')
  return { ended, pull: ended && (await pull(context)) }
}
