/**
 * `skillsctl session begin`, `end`, `list`, and the hook of an agent: a session reads one release from its start to its
 * end (SPEC.md, "Sessions"). What is switched here has been fetched and verified before: nothing asks the network.
 */
import { isError, SkillsctlError } from '../core/errors.ts'
import type { Surface } from '../core/surface.ts'
import { withLock } from '../disk/lock.ts'
import { isSameProcess, type ProcessIdentity, startTimeOf } from '../disk/process-identity.ts'
import { requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import { endLease, findLease, type Lease, liveLeases, SESSION_ID, takeLease } from '../surfaces/lease.ts'
import { readLedger } from '../surfaces/ledger.ts'
import { pointerOf } from '../surfaces/pointer.ts'
import type { Settled } from '../surfaces/settle.ts'
import { isSettled } from '../surfaces/settled.ts'
import { wantedReleases } from '../surfaces/wanted.ts'
import type { LocalContext } from './machine.ts'
import { endTrialIfOver } from './trial-over.ts'

type SessionContext = LocalContext

export interface Session {
  /** Name of a surface. */
  readonly surface: string
  /** Given by the agent. */
  readonly id: string
}

export interface SessionStart extends Session {
  /** Why the agent says that it begins, in the words of Claude Code; default: it starts up. */
  readonly source?: string | undefined
  /** The process that reads; without it the lease ends with its age. */
  readonly holder?: ProcessIdentity | undefined
  /** Whether nobody named that process: then the lease ends with its age as well, unless it is taken again. */
  readonly isGuess?: boolean | undefined
}

export interface SessionBegun extends Session {
  /** The directory of `releases/` that it reads; undefined when the surface shows nothing yet. */
  readonly release: string | undefined
  /** Whether the surface changed after the agent may have looked at it. */
  readonly hasNews: boolean
  /** What became of the surface; undefined when there was nothing to move, or it was not the moment. */
  readonly settled: Settled | undefined
  /** Why nobody could look whether the surface may move. */
  readonly problem?: SkillsctlError | undefined
}

export interface SessionEnded extends Session {
  /** Whether it had begun, as far as anybody here knows. */
  readonly hadBegun: boolean
  readonly settled: Settled | undefined
}

/** A session does not wait long for whoever is at work here. Milliseconds. */
const PATIENCE = 500
/** How long ago an agent started at most, where nobody can tell. Milliseconds. */
const LATELY = 60_000

/**
 * Moves the surface if that is due and nobody reads it, and leases what it shows. Both under the lock: whoever moves it
 * looks for leases first, so that a session has the release that its lease names.
 * @throws SkillsctlError `usage` for an id or a surface that no session can have, `absent` for a surface that is not
 *   there, and what keeps the lease from being taken
 */
export async function beginSession(context: SessionContext, start: SessionStart): Promise<SessionBegun> {
  const { layout } = context
  insistOnId(start.id)
  const surface = await readableSurface(layout, start.surface)
  if (isStart(start)) await endTrialIfOver(context, PATIENCE).catch(unreadable)
  try {
    return await withLock(layout.lock, () => begin(context, surface, start), PATIENCE)
  } catch (error) {
    if (!isError(error, 'locked')) throw error
    return { ...(await beginAnyway(context, start)), problem: error }
  }
}

async function begin(context: SessionContext, surface: Surface, start: SessionStart): Promise<SessionBegun> {
  const earlier = await hasChanged(context, start)
  const settled = isStart(start) ? await settleIfDue(context, surface) : undefined
  const hasNews = earlier || (settled?.shown?.changed ?? []).length > 0
  return { ...session(start), release: lease(context, start), hasNews, settled }
}

/**
 * Whoever holds the lock may be moving the surface right now, without having seen our lease. Then what it moves to is
 * read, so that is what is leased; what it shows and showed last stays on disk in any case.
 */
async function beginAnyway(context: SessionContext, start: SessionStart): Promise<SessionBegun> {
  const hasNews = await hasChanged(context, start)
  const first = lease(context, start)
  const second = pointerOf(context.layout, start.surface)
  const release = first === second ? first : lease(context, start)
  return { ...session(start), release, hasNews: hasNews || first !== second, settled: undefined }
}

/** @throws SkillsctlError `usage` */
function insistOnId(id: string): void {
  if (SESSION_ID.test(id)) return
  throw new SkillsctlError('usage', 'this cannot be the id of a session', {
    subject: JSON.stringify(id),
    expected: '1 to 200 printable ASCII characters',
  })
}

/** @throws SkillsctlError `absent`; `usage` for a surface that nobody on this machine reads */
async function readableSurface(layout: Layout, name: string): Promise<Surface> {
  const surface = requireSurface(await requireConfig(layout), name)
  if (surface.root !== undefined) return surface
  throw new SkillsctlError('usage', 'no session reads this surface: nothing of it is on this machine', {
    subject: name,
    hint: 'skillsctl surface list tells which surfaces have a root',
  })
}

function session({ surface, id }: Session): Session {
  return { surface, id }
}

/** Agents tell us also when they only carry on; nothing may change under those. */
function isStart({ source = 'startup' }: SessionStart): boolean {
  return source === 'startup'
}

function lease(
  { layout, now }: SessionContext,
  { surface, id, holder, isGuess }: SessionStart,
): string | undefined {
  const release = pointerOf(layout, surface)
  if (release !== undefined) takeLease(layout, { id, surface, release, since: now(), holder, isGuess })
  return release
}

/**
 * Agents read their skills as they start, somewhat before they tell us: what moved since then may have escaped them, and
 * nothing before. One that told us before has seen what it leased.
 */
async function hasChanged({ layout, now }: SessionContext, start: SessionStart): Promise<boolean> {
  const known = findLease(layout, start)
  if (known !== undefined && isHeldBy(known, start.holder))
    return known.release !== pointerOf(layout, start.surface)
  const started = start.holder && startTimeOf(start.holder, now())
  const since = await shownSince({ layout }, start.surface)
  // The ledger knows whole seconds.
  return since !== undefined && since + 1000 > (started ?? now() - LATELY)
}

function isHeldBy({ holder }: Lease, process: ProcessIdentity | undefined): boolean {
  if (holder === undefined || process === undefined) return holder === process
  return isSameProcess(holder, process)
}

/** Milliseconds since the epoch. */
async function shownSince(
  { layout }: Pick<SessionContext, 'layout'>,
  surface: string,
): Promise<number | undefined> {
  const ledger = await readLedger(layout, surface).catch(unreadable)
  return ledger?.shows && Date.parse(ledger.shows.since)
}

/** Said by whoever settles. */
function unreadable(error: unknown): undefined {
  if (!isError(error)) throw error
}

/** The caller holds the lock. */
async function settleIfDue(context: SessionContext, surface: Surface): Promise<Settled | undefined> {
  if (!(await isDue(context, surface))) return undefined
  const { layout, now } = context
  const { settle } = await import('./settle.ts')
  const { settled } = await settle(layout, await requireConfig(layout), [surface], 'session', now())
  return settled[0]
}

async function isDue({ layout, now }: SessionContext, surface: Surface): Promise<boolean> {
  try {
    return !(await isSettled(layout, surface, (await wantedReleases(layout, now()))(surface.name)))
  } catch (error) {
    unreadable(error)
    return true
  }
}

/**
 * Gives the lease back, and moves the surface if that was waited for.
 * @param goesOn the agent's process carries on with another session, and begins that at once
 * @throws SkillsctlError as `beginSession` does
 */
export async function endSession(
  context: SessionContext,
  ending: Session,
  { goesOn = false }: { readonly goesOn?: boolean } = {},
): Promise<SessionEnded> {
  const { layout } = context
  insistOnId(ending.id)
  const ended = { ...session(ending), hadBegun: endLease(layout, ending) }
  const surface = await readableSurface(layout, ending.surface)
  if (goesOn || !(await isDue(context, surface))) return { ...ended, settled: undefined }
  return { ...ended, settled: await withLock(layout.lock, () => settleIfDue(context, surface), PATIENCE) }
}

/** Whoever reads here right now, commands under `skillsctl run` included. */
export function listSessions({ layout, now }: Pick<SessionContext, 'layout' | 'now'>): readonly Lease[] {
  return liveLeases(layout, now()).sort((left, right) => left.since - right.since)
}
