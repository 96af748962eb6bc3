/** What a pull tells: of what it did, and what it was asked for. */
import type { Changes } from '../core/changes.ts'
import type { SkillsctlError } from '../core/errors.ts'
import type { Reason } from '../core/timeline.ts'
import { type Trial, trialInForce } from '../core/trial.ts'
import type { Outcome } from '../edits/overlays.ts'
import { currentName } from '../home/releases.ts'
import { nameOf, type ReleaseName } from '../home/state.ts'
import type { Late, Settled } from './follow-surfaces.ts'
import { lastWords } from './last-words.ts'
import type { Machine } from './machine.ts'
import type { WaitingEdit } from './waiting-edits.ts'

export interface PullOptions {
  /** Only tell whether something is to be done. */
  readonly check?: boolean
  /** Plan, and stop before anything is fetched. */
  readonly dryRun?: boolean
  /** Fail as `stale` when the repository was last signed longer ago than this. Milliseconds. */
  readonly requireFresh?: number | undefined
  /** Noted in the machine's history. */
  readonly why?: Reason
}

export interface PullReport {
  /**
   * `current`: nothing new. `pinned`: held by a pin. `empty`: nothing was published on this channel yet.
   * `pending`: something to do, not done because of `check` or `dryRun`. `dropped`: somebody else decided
   * meanwhile (a rollback, another pull). `failed`: see `problem`; the installed release keeps running.
   */
  readonly outcome: 'current' | 'pinned' | 'empty' | 'pending' | 'updated' | 'repaired' | 'dropped' | 'failed'
  readonly channel: string
  readonly current: ReleaseName | undefined
  readonly previous?: ReleaseName | undefined
  readonly next?: ReleaseName | undefined
  readonly changes?: Changes | undefined
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  readonly warnings: readonly string[]
  /** What became of the surfaces of this machine, as far as anything was to do. */
  readonly surfaces: readonly Settled[]
  /** What became of local edits, on a machine that has surfaces. */
  readonly edits: readonly Outcome[]
  /** Edits that a newer release cannot be brought to without the person. */
  readonly waiting: readonly WaitingEdit[]
  /** A draft that is tried here, and the channel that is followed after it. */
  readonly trial?: Trial & { readonly after: string }
  readonly problem?: SkillsctlError
}

/** Before anything has happened. */
export function reportOf(
  { layout, channel, config, state, now }: Machine,
  outcome: PullReport['outcome'],
): PullReport {
  const installed = currentName(layout)
  const trial = trialInForce(state.trial, now())
  return {
    outcome,
    channel: channel.name,
    current: installed && nameOf(installed),
    kept: [],
    warnings: [],
    surfaces: [],
    edits: [],
    waiting: [],
    ...(trial === undefined ? {} : { trial: { ...trial, after: config.channel } }),
  }
}

/** With what became of surfaces and edits after all. */
export function withLate(report: PullReport, late: Late | undefined): PullReport {
  if (late === undefined) return report
  const { surfaces, edits, kept } = late
  return {
    ...report,
    surfaces: [...report.surfaces, ...surfaces],
    edits: lastWords([...report.edits, ...edits]),
    kept: [...report.kept, ...kept],
  }
}
