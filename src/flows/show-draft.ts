/** A draft beside what runs: on disk, on the surfaces that try it, and looked at again by every pull. */
import { parseChannel, type ReleaseEntry } from '../core/channel.ts'
import { isError } from '../core/errors.ts'
import { type Steps, steps } from '../core/events.ts'
import { describeTrial, isTriedOn, type SurfaceTrial, trialInForce } from '../core/trial.ts'
import type { Outcome } from '../edits/overlays.ts'
import { inSituation, readSituation } from '../home/activation.ts'
import { findIntact, placeRelease, type Staged } from '../home/place.ts'
import { inStaging, type StagingArea } from '../home/staging.ts'
import { type ReleaseName, updateState } from '../home/state.ts'
import type { ReadableStore } from '../store/store.ts'
import { endTrial } from './end-trial.ts'
import { followCurrent, type Settled } from './follow-surfaces.ts'
import { type Machine, type MachineContext, openMachine, openReader } from './machine.ts'
import { obtain, type Wanted } from './obtain.ts'

export function nameIn({ release, manifest }: ReleaseEntry): ReleaseName {
  return { version: release.version, manifest: manifest.sha256 }
}

/** @returns undefined when it lies on disk already */
export async function fetchUnlessThere(
  { layout }: Machine,
  store: ReadableStore,
  wanted: Wanted,
  area: StagingArea,
  step: Steps,
): Promise<Staged | undefined> {
  const isThere = findIntact(layout, nameIn(wanted.entry)) !== undefined
  return isThere ? undefined : obtain(store, layout, wanted, area, step)
}

export interface ShownBeside {
  readonly surfaces: readonly Settled[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** What became of local edits. */
  readonly edits: readonly Outcome[]
}

/** The caller holds the lock. Placed first: what the state names is on disk. */
export async function showBeside(
  machine: Machine,
  trial: SurfaceTrial,
  staged: Staged | undefined,
): Promise<ShownBeside> {
  if (staged !== undefined) await placeRelease(machine.layout, staged)
  await updateState(machine.layout, { trial })
  const { settled, kept, edits } = await followCurrent(machine, 'session')
  return { surfaces: settled.filter(({ surface }) => isTriedOn(trial, surface)), kept, edits }
}

/** After a pull: what keeps us from looking is worth a word, and surfaces go on showing what they showed. */
export async function lookAtDraftAgain(context: MachineContext, store: ReadableStore): Promise<void> {
  const machine = await openMachine(context)
  const trial = trialInForce(machine.state.trial, machine.now())
  if (trial?.surfaces === undefined) return
  try {
    await followDraft(machine, trial, store)
  } catch (error) {
    if (!isError(error) || error.code === 'locked') throw error
    const message = `could not look at ${trial.channel} again: ${error.message}`
    context.emit({ flow: 'try', step: 'follow', status: 'warning', message })
  }
}

/** The surfaces follow what is published anew, and the trial ends with the draft. */
async function followDraft(machine: Machine, trial: SurfaceTrial, store: ReadableStore): Promise<void> {
  const { layout, state } = machine
  // Nothing at all was published since.
  if (trial.seen !== undefined && trial.seen !== '' && trial.seen === state.probe?.etag) return
  const situation = { ...(await readSituation(layout)), trial: describeTrial(trial) }
  const channel = parseChannel(trial.channel)
  const reader = await openReader(machine, store)
  await reader.refresh()
  const head = await reader.head(channel)
  if (head === undefined) {
    await endTrial(machine, 'gone')
    return
  }
  const { entry } = head
  const next = { ...trial, release: nameIn(entry), seen: reader.etag }
  if (next.release.manifest === trial.release.manifest) {
    await inSituation(layout, situation, () => updateState(layout, { trial: next }))
    return
  }
  const step = steps('try', machine.emit, machine.clock)
  await inStaging(layout, async (area) => {
    const staged = await fetchUnlessThere(machine, store, { channel, entry }, area, step)
    await inSituation(layout, situation, () => showBeside(machine, next, staged))
  })
}
