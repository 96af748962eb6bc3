/** `skillsctl status` and `history`: what this machine runs and knows. Reads the home only. */
import { existsSync } from 'node:fs'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Freshness } from '../core/freshness.ts'
import type { Surface } from '../core/surface.ts'
import type { Activation } from '../core/timeline.ts'
import { describeTrial, isOver, type Trial, trialInForce } from '../core/trial.ts'
import { requireConfig } from '../home/config.ts'
import { type Drift, findDrift } from '../home/drift.ts'
import { readWholeHistory } from '../home/history.ts'
import type { Layout } from '../home/layout.ts'
import { ranHere } from '../home/ran.ts'
import { currentRelease, type Installed, listNames } from '../home/releases.ts'
import { recordedSize } from '../home/stat-record.ts'
import { type MachineState, nameOf, type ReleaseName } from '../home/state.ts'
import { shownAddress } from '../store/address.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import type { EditCounts } from './count-edits.ts'
import { freshnessOf, type Machine, type MachineContext, openMachine } from './machine.ts'
import { type WaitingEdit, waitingEdits } from './waiting-edits.ts'

export interface StatusReport {
  readonly home: string
  readonly store: string
  readonly channel: string
  readonly machine: string
  readonly current: (ReleaseName & { readonly commit: string; readonly path: string }) | undefined
  readonly previous: ReleaseName | undefined
  readonly head: MachineState['head']
  readonly pin: ReleaseName | undefined
  /** A draft that is tried here, and the channel that is followed after it. */
  readonly trial: (Trial & { readonly after: string }) | undefined
  readonly freshness: Freshness
  readonly drift: readonly Drift[]
  /** Of a machine that has surfaces; undefined where nobody has edited anything. */
  readonly edits: EditCounts | undefined
  /** Edits that a newer release cannot be brought to without the person. */
  readonly waiting: readonly WaitingEdit[]
  /** Bytes of all installed releases. */
  readonly disk: number
  readonly releases: number
  /** Why all is not well, a line each; empty when it is. */
  readonly reasons: readonly string[]
}

/** @throws SkillsctlError `usage` when the machine has not joined */
export async function status(context: MachineContext): Promise<StatusReport> {
  const machine = await openMachine(context)
  const { layout, config, state } = machine
  const installed = listNames(layout)
  const current = currentRelease(layout)
  const drift = current === undefined ? [] : findDrift(layout, current)
  const freshness = freshnessOf(machine)
  const trial = trialInForce(state.trial, machine.now())
  const [edits, problem] = await editsHere(machine, current, drift)
  const waiting = await waitingEdits(layout)
  const previous = (await ranHere(layout)).reverse().find(({ manifest }) => manifest !== current?.manifest)
  return {
    home: layout.root,
    store: shownAddress(config.store),
    channel: machine.channel.name,
    machine: config.machine,
    current: current && { ...nameOf(current), commit: current.content.source.commit, path: layout.current },
    previous: previous && nameOf(previous),
    head: state.head,
    pin: state.pin,
    trial: trial && { ...trial, after: config.channel },
    freshness,
    drift,
    edits,
    waiting,
    disk: installed.reduce((sum, { directory }) => sum + recordedSize(layout, directory), 0),
    releases: installed.length,
    reasons: [
      ...trialReasons(machine),
      ...reasons(state, current, freshness),
      ...editReasons(drift, edits, waiting, problem),
      ...(await surfaceReasons(machine)),
    ],
  }
}

function trialReasons({ state: { trial }, config, now }: Machine): readonly string[] {
  if (trial === undefined) return []
  if (isOver(trial, now()))
    return [`the trial of ${trial.channel} is over: the next skillsctl pull goes back to ${config.channel}`]
  return [`trying ${describeTrial(trial)}, then ${config.channel} again: skillsctl try --stop ends it`]
}

function reasons(
  { pin, head, problem, crowdedOut, checkedAt }: MachineState,
  current: Installed | undefined,
  { warnings }: Freshness,
): string[] {
  const lines: string[] = []
  if (current === undefined) {
    lines.push(
      head === undefined && problem === undefined && checkedAt !== undefined
        ? 'nothing was published on this channel yet'
        : 'nothing is installed, or `current` is damaged: run skillsctl pull',
    )
  }
  if (pin !== undefined) lines.push(`pinned to ${pin.version}: updates wait until skillsctl unpin`)
  else if (head !== undefined && current !== undefined && head.manifest !== current.manifest) {
    lines.push(`${head.version} is available: run skillsctl pull`)
  }
  if (current !== undefined && head === undefined && pin === undefined && checkedAt !== undefined) {
    lines.push('this channel has no release any more: choose another with skillsctl channel')
  }
  if (problem !== undefined)
    lines.push(`the last check failed at ${problem.at}: ${problem.code}, ${problem.message}`)
  lines.push(...warnings)
  if (crowdedOut !== undefined)
    lines.push(`recent releases had to go, together they exceed 2 GB: ${crowdedOut}`)
  return lines
}

/** On a machine that nobody has edited, nothing is read for it but that there is no record of edits. */
async function editsHere(
  { layout, config }: Machine,
  current: Installed | undefined,
  drift: readonly Drift[],
): Promise<[EditCounts | undefined, SkillsctlError?]> {
  const surfaces = surfacesOf(config).filter(({ root }) => root !== undefined)
  const isLikely = existsSync(layout.edits) || (surfaces.length > 0 && drift.length > 0)
  if (!isLikely && !(await showElsewhere(layout, surfaces, current))) return [undefined]
  try {
    const { countEdits } = await import('./count-edits.ts')
    const counts = await countEdits(layout, config)
    return [counts.new + counts.kept === 0 ? undefined : counts]
  } catch (error) {
    if (isError(error)) return [undefined, error]
    throw error
  }
}

/** Whether agents read anything but the release itself, and through links. */
async function showElsewhere(
  layout: Layout,
  surfaces: readonly Surface[],
  current: Installed | undefined,
): Promise<boolean> {
  if (surfaces.length === 0) return false
  const { pointerOf } = await import('../surfaces/pointer.ts')
  return surfaces.some(({ name, by }) => by === 'copy' || pointerOf(layout, name) !== current?.directory)
}

function editReasons(
  drift: readonly Drift[],
  edits: EditCounts | undefined,
  waiting: readonly WaitingEdit[],
  problem: SkillsctlError | undefined,
): string[] {
  if (problem !== undefined) return [`edits cannot be looked at: ${problem.message}: see skillsctl doctor`]
  const names = waiting.map(({ unit, surface }) => (surface === undefined ? unit : `${unit} on ${surface}`))
  if (waiting.length > 0)
    return [
      `${waiting.length} ${waiting.length === 1 ? 'edit waits' : 'edits wait'} for you to resolve: ${names.join(', ')}: see skillsctl edits`,
    ]
  if (drift.length === 0 || edits !== undefined) return []
  return [`${drift.length} local ${drift.length === 1 ? 'edit' : 'edits'}: see skillsctl verify`]
}

/** Of surfaces that do not show what runs. */
async function surfaceReasons({ config, layout, now }: Machine): Promise<readonly string[]> {
  try {
    const surfaces = surfacesOf(config)
    if (surfaces.length === 0) return []
    const { surfacesBehind } = await import('../surfaces/behind.ts')
    return await surfacesBehind(layout, surfaces, now())
  } catch (error) {
    if (!isError(error)) throw error
    return [`surfaces cannot be looked at: ${error.message}: see skillsctl doctor`]
  }
}

/** What ran here, newest first. */
export async function history(context: MachineContext): Promise<Activation[]> {
  await requireConfig(context.layout)
  return (await readWholeHistory(context.layout)).reverse()
}
