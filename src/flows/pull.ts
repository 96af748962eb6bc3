/** `skillsctl pull`: probe → refresh trust → plan → fetch → verify → unpack → sync → activate → tidy (DESIGN §5). */
import { existsSync } from 'node:fs'
import { isError } from '../core/errors.ts'
import { type Steps, steps } from '../core/events.ts'
import { formatInstant } from '../core/parse.ts'
import type { Reason } from '../core/timeline.ts'
import { inSituation, readSituation, type Situation } from '../home/activation.ts'
import { readHistory } from '../home/history.ts'
import { createHome } from '../home/layout.ts'
import { findIntact } from '../home/place.ts'
import { currentName, type InstalledName } from '../home/releases.ts'
import { inStaging, type StagingArea } from '../home/staging.ts'
import { type MachineState, nameOf, type ReleaseName } from '../home/state.ts'
import { shownAddress } from '../store/address.ts'
import type { ReadableStore } from '../store/store.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import type { HeadHint } from '../trust/metadata.ts'
import { noRepository, probe, type Timestamp } from '../trust/probe.ts'
import type { RepositoryReader } from '../trust/reader.ts'
import { activate, finishInterrupted } from './activate.ts'
import { copyMeanwhile } from './base-copy.ts'
import { fetchCatchup, offeredBy, type Shortcut } from './catch-up.ts'
import { findTarget, isUpToDate, isWanted, type Target } from './find-target.ts'
import { followLate, type Late } from './follow-surfaces.ts'
import { insistOnFresh, withFreshness } from './insist-on-fresh.ts'
import {
  learned,
  type Machine,
  type MachineContext,
  openMachine,
  openMeanwhile,
  openReader,
  remember,
  rememberProblem,
  withStore,
} from './machine.ts'
import { loadUnpacking, obtain, together } from './obtain.ts'
import { type PullOptions, type PullReport, reportOf, withLate } from './pull-report.ts'
import { repairCurrent } from './repair-current.ts'
import { endTrialIfOver } from './trial-over.ts'
import { waitingEdits } from './waiting-edits.ts'

/**
 * Brings this machine to what its channel says. Whatever fails, the installed release keeps running.
 * @throws SkillsctlError `usage` when the machine has not joined, `locked`; all else is in the report
 */
export async function pull(context: MachineContext, options: PullOptions = {}): Promise<PullReport> {
  return { ...(await bringUpToDate(context, options)), waiting: await waitingEdits(context.layout) }
}

async function bringUpToDate(context: MachineContext, options: PullOptions): Promise<PullReport> {
  const step = steps('pull', context.emit, context.clock)
  await endTrialIfOver(context)
  const machine = await openMachine(context)
  await createHome(machine.layout)
  const repaired = await repairCurrent(machine)
  try {
    const report = await withStore(machine, async (store) => {
      const updated = await update(machine, store, options, step)
      if (!asksOnly(options)) await lookBeside(machine, store)
      return updated
    })
    if (report.outcome === 'empty' && isTrying(machine) && !asksOnly(options)) {
      const { endTrial } = await import('./end-trial.ts')
      await endTrial(machine, 'gone')
      return await bringUpToDate(context, options)
    }
    const outcome = repaired && report.outcome === 'current' ? 'repaired' : report.outcome
    const kept = SETTLED.includes(report.outcome) ? await finishInterrupted(machine) : []
    const isLooked = report.surfaces.length > 0 || report.outcome === 'pending'
    const late = isLooked ? undefined : await followLate(machine)
    const whole = withLate({ ...report, outcome, kept: [...report.kept, ...kept] }, late)
    return await withFreshness(
      machine,
      withLate(whole, await restore(machine, report.outcome, step)),
      options,
    )
  } catch (error) {
    if (!isError(error) || error.code === 'locked') throw error
    await rememberProblem(machine, error)
    return { ...withLate(reportOf(machine, 'failed'), await followLate(machine)), problem: error }
  }
}

/** What was edited in the current release is safe by now. */
async function restore(
  machine: Machine,
  outcome: PullReport['outcome'],
  step: Steps,
): Promise<Late | undefined> {
  const { layout, config } = machine
  if (surfacesOf(config).length === 0 || outcome === 'pending') return undefined
  if (existsSync(layout.edits)) {
    const { completeBases } = await import('./complete-bases.ts')
    const completed = await completeBases(machine, step)
    if (completed !== undefined) return completed
  }
  if (!SETTLED.includes(outcome)) return undefined
  const { restoreEdited } = await import('./restore-edited.ts')
  return restoreEdited(machine, step)
}

/** Whether the whole machine follows a draft in the place of its channel. */
function isTrying({ channel, config }: Machine): boolean {
  return channel.name !== config.channel
}

function asksOnly({ check = false, dryRun = false }: PullOptions): boolean {
  return check || dryRun
}

/** A draft that is tried on surfaces is followed as well. */
async function lookBeside(machine: Machine, store: ReadableStore): Promise<void> {
  if (machine.state.trial?.surfaces === undefined) return
  const { lookAtDraftAgain } = await import('./show-draft.ts')
  await lookAtDraftAgain(machine, store)
}

async function update(
  machine: Machine,
  store: ReadableStore,
  options: PullOptions,
  step: Steps,
): Promise<PullReport> {
  const situation = await readSituation(machine.layout)
  const installed = currentName(machine.layout)
  const binding = bindingOf(machine, situation, installed)
  const known =
    installed !== undefined && machine.state.probe?.binding === binding ? machine.state.probe.etag : undefined

  const asked = step('probe', () => probe(store, known))
  // A first pull needs the root anyway, so it asks for both at once.
  const [answer, opened] = await together(
    asked,
    installed === undefined ? openReader(machine, store) : openMeanwhile(machine, store, asked),
  )
  if (answer.kind === 'absent') throw noRepository(store.url)
  if (answer.kind === 'unchanged') return nothingNew(machine)

  const reader = opened ?? (await openReader(machine, store))
  const hint = await reader.peek(answer, machine.channel)
  const probed = { etag: answer.etag, binding }
  if (isUpToDate(machine, hint, installed)) {
    await remember(machine, { ...learned(machine, reader, nameOf(installed)), probe: probed })
    return reportOf(machine, 'current')
  }
  return follow(machine, store, { reader, answer, hint, situation, installed, probed }, options, step)
}

/** What the answer of a store that has something new is held against. */
interface News {
  readonly reader: RepositoryReader
  readonly answer: Timestamp
  readonly hint: HeadHint | undefined
  readonly situation: Situation
  readonly installed: InstalledName | undefined
  readonly probed: MachineState['probe']
}

/** Bundle and next root are asked for at once; while they travel, what is installed is copied. */
async function follow(
  machine: Machine,
  store: ReadableStore,
  { reader, answer, hint, situation, installed, probed }: News,
  options: PullOptions,
  step: Steps,
): Promise<PullReport> {
  const catchup = isWanted(machine, hint) ? fetchCatchup(store, machine.channel, hint, installed) : undefined
  const refreshed = step('refresh', () => reader.refresh(answer, catchup?.then(offeredBy)))
  // Heard below, once there is somewhere to work.
  refreshed.catch(() => {})
  if (installed === undefined) await loadUnpacking()
  return inStaging(machine.layout, async (area) => {
    const onlyAsks = asksOnly(options)
    const copy = onlyAsks ? undefined : copyMeanwhile(machine.layout, installed, area, catchup)
    try {
      await refreshed
      const found = await findTarget(machine, store, reader, installed)
      const note = { ...learned(machine, reader, found.head), probe: probed }
      if (found.target === undefined) {
        // A draft that is gone is one more thing to do.
        const isGone = found.reason === 'empty' && isTrying(machine)
        await remember(machine, isGone ? { ...note, probe: undefined } : note)
        return reportOf(machine, found.reason)
      }
      insistOnFresh(machine, note, options)
      const plan = { target: found.target, situation, installed, note }
      if (onlyAsks) return await pending(machine, plan)
      const [bundle, made] = [await catchup, await copy?.made]
      const shortcut = bundle && { catchup: bundle, base: installed, copy: made }
      return await install(machine, store, plan, shortcut, area, options.why ?? 'update', step)
    } finally {
      await copy?.end()
    }
  })
}

interface Plan {
  readonly target: Target
  readonly situation: Situation
  readonly installed: InstalledName | undefined
  readonly note: Partial<MachineState>
}

async function install(
  machine: Machine,
  store: ReadableStore,
  { target, situation, installed, note }: Plan,
  shortcut: Shortcut | undefined,
  area: StagingArea,
  why: Reason,
  step: Steps,
): Promise<PullReport> {
  const { layout, channel } = machine
  const hasRun = (await readHistory(layout)).length > 0
  const isThere = findIntact(layout, target) !== undefined
  const wanted = { channel, entry: target.entry }
  const staged = isThere ? undefined : await obtain(store, layout, wanted, area, step, shortcut)
  const after = async (): Promise<Partial<MachineState>> => ({
    ...note,
    // The tag of the timestamp is bound to what it was the end of: this release.
    probe: note.probe && {
      ...note.probe,
      binding: bindingOf(machine, await readSituation(layout), currentName(layout)),
    },
  })
  const done = await step('activate', () =>
    inSituation(layout, situation, () => activate(machine, { target, staged, why, after }, area)),
  )
  if (done === 'dropped') return reportOf(machine, 'dropped')
  const outcome = installed === undefined && hasRun ? 'repaired' : 'updated'
  return { ...reportOf(machine, outcome), ...done, changes: target.entry.changes }
}

/** Nothing was installed, and nothing waits for what an interrupted run had fetched. */
const SETTLED: readonly PullReport['outcome'][] = ['current', 'pinned', 'empty']

/** What the tag of the timestamp was the end of: with any of it changed, the store has to be asked again. */
function bindingOf(
  { config, channel }: Machine,
  { current, pin }: Situation,
  installed: ReleaseName | undefined,
): string {
  return [
    shownAddress(config.store),
    channel.name,
    pin ?? '-',
    current ?? '-',
    installed?.manifest ?? '-',
  ].join(' ')
}

async function nothingNew(machine: Machine): Promise<PullReport> {
  await remember(machine, { checkedAt: formatInstant(machine.now()), problem: undefined })
  return reportOf(machine, machine.state.pin === undefined ? 'current' : 'pinned')
}

async function pending(machine: Machine, { target, installed, note }: Plan): Promise<PullReport> {
  const { probe: _notDoneYet, ...rest } = note
  await remember(machine, rest)
  return {
    ...reportOf(machine, 'pending'),
    previous: installed && nameOf(installed),
    next: { version: target.version, manifest: target.manifest },
    changes: target.entry.changes,
  }
}
