/**
 * `skillsctl run`: what a command finds that reads the release. It is fresh, as far as a short wait can tell, and stays
 * as it is until the command has ended (SPEC.md, "Running a command").
 */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isError, SkillsctlError } from '../core/errors.ts'
import { heldFor, withLock } from '../disk/lock.ts'
import { ownIdentity } from '../disk/process-identity.ts'
import { type MachineConfig, requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory, versionIn } from '../home/releases.ts'
import { type MachineState, type Problem, readState } from '../home/state.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { EVERY, endLease, type Lease, takeLease } from '../surfaces/lease.ts'
import { followCurrent, needsAttention } from './follow-surfaces.ts'
import type { MachineContext } from './machine.ts'
import { endTrialIfOver } from './trial-over.ts'

export interface RefreshOptions {
  /** Ask the store when it last answered longer ago than this. Milliseconds. */
  readonly ifOlderThan: number
  /** Longest wait. Milliseconds. */
  readonly timeout: number
}

export interface Refreshed {
  /** `underway`: it takes longer than anybody waits for it. `failed`: see `problem`. */
  readonly outcome: 'fresh' | 'underway' | 'failed'
  readonly problem?: Pick<Problem, 'code' | 'message'>
}

/** A store that could not be asked is left alone for so long, unless it is to be asked more often. Milliseconds. */
const RETRY_AFTER = 60_000
const POLL = 25

/**
 * Asks the store, if it is time to. A refresh that is under way already is waited for as if it were ours, and by nobody
 * once it has taken longer than the timeout.
 * @param start starts a pull that holds `layout.refreshing` and may outlive us; resolves when it has ended
 * @throws SkillsctlError `usage` when this machine has not joined
 */
export async function refreshFirst(
  { layout, now, clock }: MachineContext,
  { ifOlderThan, timeout }: RefreshOptions,
  start: () => Promise<unknown>,
): Promise<Refreshed> {
  await requireConfig(layout)
  const [began, until] = [now(), clock() + timeout]
  const state = await readState(layout)
  if (!isDue(state, ifOlderThan, began)) return outcomeOf(state)
  let hasBegun = heldFor(layout.refreshing) !== undefined || (await within(timeout, start()))
  for (;;) {
    const age = heldFor(layout.refreshing)
    if (age === undefined) break
    if (age >= timeout || clock() >= until) return { outcome: 'underway' }
    hasBegun = true
    await delay(POLL)
  }
  // On a busy machine starting a process takes longer than anybody waits.
  if (!hasBegun) return { outcome: 'underway' }
  const after = await readState(layout)
  if (after.problem !== undefined || isNewer(after.checkedAt, began)) return outcomeOf(after)
  return { outcome: 'failed', problem: { code: 'failed', message: 'the refresh ended without a word' } }
}

function isDue({ checkedAt, problem }: MachineState, ifOlderThan: number, now: number): boolean {
  if (isWithin(ifOlderThan, checkedAt, now)) return false
  return !isWithin(Math.min(RETRY_AFTER, ifOlderThan), problem?.at, now)
}

/** What lies in the future was noted by a wrong clock. */
function isWithin(age: number, instant: string | undefined, now: number): boolean {
  if (instant === undefined) return false
  const since = now - Date.parse(instant)
  return since >= 0 && since < age
}

/** Instants are whole seconds, cut. */
function isNewer(instant: string | undefined, time: number): boolean {
  return instant !== undefined && Date.parse(instant) > time - 1000
}

function outcomeOf({ problem }: MachineState): Refreshed {
  return problem === undefined ? { outcome: 'fresh' } : { outcome: 'failed', problem }
}

/** @returns whether it has ended */
async function within(timeout: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController()
  const over = delay(timeout, false, { signal: timer.signal }).catch(() => false)
  const hasEnded = await Promise.race([work.then(() => true), over])
  timer.abort()
  return hasEnded
}

export interface RunningRelease {
  /** Absolute; what lies there never changes. */
  readonly path: string
  readonly version: string
}

/** @throws SkillsctlError `absent` when nothing is installed */
export function releaseToRun(layout: Layout): RunningRelease {
  return describe(layout, requireCurrent(layout))
}

function describe(layout: Layout, directory: string): RunningRelease {
  return { path: resolve(layout.releases, directory), version: versionIn(directory) ?? directory }
}

function requireCurrent(layout: Layout): string {
  const directory = currentDirectory(layout)
  if (directory !== undefined) return directory
  throw new SkillsctlError('absent', 'nothing is installed here, so the command was not run', {
    subject: layout.current,
    hint: 'run: skillsctl pull, on a machine that has joined: skillsctl join <token>',
  })
}

/** A command is not kept waiting long by whoever is at work here. Milliseconds. */
const PATIENCE = 1000

export interface Reading {
  readonly release: RunningRelease
  /** Why the surfaces may move under the command. */
  readonly problem?: SkillsctlError
  /** Gives the lease back, and moves the surfaces that waited for it. */
  end(): Promise<void>
}

/**
 * The current release stays on disk until this process ends, and so does on surfaces what they show, but for those that
 * switch at once.
 * @throws SkillsctlError `absent` when nothing is installed, and what keeps the lease from being taken
 */
export async function beginReading(context: MachineContext): Promise<Reading> {
  const { layout } = context
  try {
    const config = await requireConfig(layout)
    await endTrialIfOver(context, PATIENCE)
    if (surfacesOf(config).length === 0) return lease(context)
    // Whoever moves a surface looks for leases first, under this lock.
    return await withLock(layout.lock, () => begin(context, config), PATIENCE)
  } catch (error) {
    if (!isError(error) || error.code === 'absent') throw error
    return { ...lease(context), problem: error }
  }
}

async function begin(context: MachineContext, config: MachineConfig): Promise<Reading> {
  if (await needsAttention({ ...context, config })) await followCurrent(context, 'session')
  return lease(context)
}

/** More switches than anybody makes while this process looks twice. */
const MOST_LOOKS = 100

function lease(context: MachineContext): Reading {
  const { layout, now } = context
  const ours = { id: `run-${randomUUID()}`, surface: EVERY, since: now(), holder: ownIdentity() }
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const release = requireCurrent(layout)
    takeLease(layout, { ...ours, release })
    // Whoever tidies spares `current`, and reads the leases, in one holding of the lock: what is current while the lease
    // lies there was not chosen to go before, and will not be afterwards.
    if (currentDirectory(layout) === release)
      return { release: describe(layout, release), end: () => end(context, ours) }
  }
  endLease(layout, ours)
  throw new SkillsctlError('failed', 'the current release changes all the time', { subject: layout.current })
}

async function end(context: MachineContext, ours: Pick<Lease, 'id' | 'surface'>): Promise<void> {
  const { layout } = context
  endLease(layout, ours)
  if (!(await needsAttention({ ...context, config: await requireConfig(layout) }))) return
  await withLock(layout.lock, () => followCurrent(context, 'session'), PATIENCE)
}
