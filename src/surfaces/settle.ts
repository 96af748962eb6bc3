/**
 * Moving surfaces to what `current` names, as far as they may move: one that switches between sessions waits until
 * nobody is reading (SPEC.md, "Sessions"). The caller holds the lock.
 */
import type { Overlay } from '../core/edits.ts'
import { isError, type SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import type { Surface } from '../core/surface.ts'
import { readEdits } from '../edits/record.ts'
import { releaseTree, type Tree } from '../edits/tree.ts'
import { isViewOf, overlaysFor, viewName } from '../edits/view-name.ts'
import type { Layout } from '../home/layout.ts'
import { type Installed, readInstalled } from '../home/releases.ts'
import type { Contact } from './contact.ts'
import { sessionsOn } from './lease.ts'
import { type Ledger, writeLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'
import { foundLedger } from './rebuild-ledger.ts'
import { isShown } from './settled.ts'
import { type Shown, showTree } from './show.ts'
import { createSurfaceDirectories } from './surface-directories.ts'
import { wantedReleases } from './wanted.ts'

/**
 * When it is looked at: `pull`, whenever a release was looked for; `session`, when one begins or has ended; `asked`, when
 * a person says so.
 */
export type Moment = 'pull' | 'session' | 'asked'

export interface Settled {
  readonly surface: string
  /** `moved`: it shows another release, or what was missing of it. `waits`: for sessions to end. */
  readonly outcome: 'same' | 'moved' | 'waits' | 'failed'
  /** Names of trees. */
  readonly from: string | undefined
  readonly to: string | undefined
  readonly shown?: Shown
  /** What became of what a person had there before, the first time. */
  readonly contact?: Contact
  /** Of one that waits: how many read it. */
  readonly sessions?: number
  /** It moved under a session, because that took longer than it may wait. */
  readonly overdue?: boolean
  readonly problem?: SkillsctlError
}

/**
 * @param now milliseconds since the epoch
 * @param spoiled names of trees of which something is gone: whoever shows them shows another one of the same
 * @param yielded by surface: places of the person that are the release's from now on
 */
export async function settleSurfaces(
  layout: Layout,
  surfaces: readonly Surface[],
  moment: Moment,
  now: number,
  spoiled: ReadonlySet<string> = new Set(),
  yielded: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
): Promise<Settled[]> {
  if (surfaces.length === 0) return []
  const wanted = await wantedReleases(layout, now)
  createSurfaceDirectories(layout)
  const { overlays } = await readEdits(layout)
  const settled: Settled[] = []
  for (const { root, ...surface } of surfaces) {
    const release = wanted(surface.name)
    if (root === undefined || release === undefined) continue
    const goal = {
      release,
      overlays: overlaysFor(overlays, surface.name),
      spoiled,
      yielded: yielded.get(surface.name) ?? new Set<string>(),
    }
    settled.push(await settle(layout, { ...surface, root }, goal, moment, now))
  }
  return settled
}

/** What a surface should show. */
interface Goal {
  /** Directory of `releases/`. */
  readonly release: string
  readonly overlays: readonly Overlay[]
  readonly spoiled: ReadonlySet<string>
  readonly yielded: ReadonlySet<string>
}

async function settle(
  layout: Layout,
  surface: Surface & { readonly root: string },
  { release, overlays, spoiled, yielded }: Goal,
  moment: Moment,
  now: number,
): Promise<Settled> {
  const { name } = surface
  const from = pointerOf(layout, name)
  const to = viewName(release, overlays)
  const isUnfinished = yielded.size > 0 || (from !== undefined && spoiled.has(from))
  try {
    const ledger = await foundLedger(layout, surface, now)
    if (moment !== 'asked' && !isUnfinished && isShown(layout, surface, ledger, to)) {
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
    const installed = readInstalled(layout, release)
    if (installed === undefined) return { surface: name, outcome: 'same', from, to }
    const tree = await treeToShow(layout, installed, overlays)
    const shown = await showTree(layout, surface, tree, now, yielded)
    const overdue = leave === 'overdue' ? { overdue: true } : {}
    return { surface: name, outcome: 'moved', from, to: tree.name, shown, ...overdue }
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
  const isBegun = isViewOf(from, to) || (ledger.shows === undefined && from === undefined)
  if (surface.switch === 'now' || isBegun) return 'moves'
  const isRead = sessionsOn(layout, surface.name, now) > 0
  if (!isRead && moment !== 'pull') return 'moves'
  if ((waitedFor(ledger, now) ?? 0) < surface.maxWait * 1000) return 'waits'
  return isRead ? 'overdue' : 'moves'
}

/** Loaded by machines on which somebody has edited something. */
async function treeToShow(layout: Layout, release: Installed, overlays: readonly Overlay[]): Promise<Tree> {
  if (overlays.length === 0) return releaseTree(layout, release)
  const { makeTree } = await import('../edits/view.ts')
  return makeTree(layout, release, overlays)
}

/** Milliseconds. A time in the future was noted while a clock was wrong: the wait begins now. */
function waitedFor({ waitsSince }: Ledger, now: number): number | undefined {
  const waited = waitsSince === undefined ? -1 : now - Date.parse(waitsSince)
  return waited < 0 ? undefined : waited
}
