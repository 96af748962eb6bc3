/**
 * Moving surfaces to what `current` names, as far as they may move: one that switches between sessions waits until
 * nobody is reading (SPEC.md, "Sessions"). The caller holds the lock.
 */
import { isError, type SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import type { Surface } from '../core/surface.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory, readInstalled } from '../home/releases.ts'
import { sessionsOn } from './lease.ts'
import { type Ledger, writeLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'
import { foundLedger } from './rebuild-ledger.ts'
import { isShown } from './settled.ts'
import { type Shown, showRelease } from './show.ts'
import { createSurfaceDirectories } from './surface-directories.ts'

/**
 * When it is looked at: `pull`, whenever a release was looked for; `session`, when one begins or has ended; `asked`, when
 * a person says so.
 */
export type Moment = 'pull' | 'session' | 'asked'

export interface Settled {
  readonly surface: string
  /** `moved`: it shows another release, or what was missing of it. `waits`: for sessions to end. */
  readonly outcome: 'same' | 'moved' | 'waits' | 'failed'
  /** Directories of `releases/`. */
  readonly from: string | undefined
  readonly to: string | undefined
  readonly shown?: Shown
  /** Of one that waits: how many read it. */
  readonly sessions?: number
  /** It moved under a session, because that took longer than it may wait. */
  readonly overdue?: boolean
  readonly problem?: SkillsctlError
}

/** @param now milliseconds since the epoch */
export async function settleSurfaces(
  layout: Layout,
  surfaces: readonly Surface[],
  moment: Moment,
  now: number,
): Promise<Settled[]> {
  const release = currentDirectory(layout)
  if (release === undefined || surfaces.length === 0) return []
  createSurfaceDirectories(layout)
  const settled: Settled[] = []
  for (const surface of surfaces) {
    const { root } = surface
    if (root !== undefined) settled.push(await settle(layout, { ...surface, root }, release, moment, now))
  }
  return settled
}

async function settle(
  layout: Layout,
  surface: Surface & { readonly root: string },
  to: string,
  moment: Moment,
  now: number,
): Promise<Settled> {
  const { name } = surface
  const from = pointerOf(layout, name)
  try {
    const ledger = await foundLedger(layout, surface, now)
    if (moment !== 'asked' && isShown(layout, surface, ledger, to)) {
      // What it waited for was taken back.
      if (ledger.waitsSince !== undefined) writeLedger(layout, name, { ...ledger, waitsSince: undefined })
      return { surface: name, outcome: 'same', from, to }
    }
    const leave = mayMove(layout, surface, ledger, from, to, moment, now)
    if (leave === 'waits') {
      if (waitedFor(ledger, now) === undefined)
        writeLedger(layout, name, { ...ledger, waitsSince: formatInstant(now) })
      return { surface: name, outcome: 'waits', from, to, sessions: sessionsOn(layout, name, now) }
    }
    const installed = readInstalled(layout, to)
    if (installed === undefined) return { surface: name, outcome: 'same', from, to }
    const shown = await showRelease(layout, surface, installed, now)
    const overdue = leave === 'overdue' ? { overdue: true } : {}
    return { surface: name, outcome: 'moved', from, to, shown, ...overdue }
  } catch (error) {
    if (!isError(error)) throw error
    return { surface: name, outcome: 'failed', from, to, problem: error }
  }
}

function mayMove(
  layout: Layout,
  surface: Surface,
  ledger: Ledger,
  from: string | undefined,
  to: string,
  moment: Moment,
  now: number,
): 'moves' | 'waits' | 'overdue' {
  // What was begun is finished: the pointer has moved already.
  const isBegun = from === to || (ledger.shows === undefined && from === undefined)
  if (surface.switch === 'now' || isBegun) return 'moves'
  const isRead = sessionsOn(layout, surface.name, now) > 0
  if (!isRead && moment !== 'pull') return 'moves'
  if ((waitedFor(ledger, now) ?? 0) < surface.maxWait * 1000) return 'waits'
  return isRead ? 'overdue' : 'moves'
}

/** Milliseconds. A time in the future was noted while a clock was wrong: the wait begins now. */
function waitedFor({ waitsSince }: Ledger, now: number): number | undefined {
  const waited = waitsSince === undefined ? -1 : now - Date.parse(waitsSince)
  return waited < 0 ? undefined : waited
}
