/** The end of a trial: back to what ran before, from disk; from there the next pull follows the machine's own channel. */
import type { SkillsctlError } from '../core/errors.ts'
import { isError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { isOver, type Trial } from '../core/trial.ts'
import { withLock } from '../disk/lock.ts'
import type { Outcome } from '../edits/overlays.ts'
import { currentName } from '../home/releases.ts'
import { inStaging, type StagingArea } from '../home/staging.ts'
import { nameOf, type ReleaseName, readState, updateState } from '../home/state.ts'
import { type ActivationReport, activate } from './activate.ts'
import { followCurrent, type Settled } from './follow-surfaces.ts'
import type { LocalContext } from './machine.ts'

/** `over`: by time. `gone`: the draft is no longer there. `stopped`: a person said so. */
export type WhyEnded = 'over' | 'gone' | 'stopped'

export interface TrialEnded {
  readonly trial: Trial
  readonly current: ReleaseName | undefined
  readonly surfaces: readonly Settled[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** What became of local edits. */
  readonly edits: readonly Outcome[]
  /** Why what ran before could not be gone back to at once: the next pull gets what the channel says. */
  readonly problem?: SkillsctlError
}

/** @returns undefined when there is none to end */
export async function endTrial(
  context: LocalContext,
  why: WhyEnded,
  patience?: number,
): Promise<TrialEnded | undefined> {
  const { layout } = context
  const ended = await inStaging(layout, (area) =>
    withLock(layout.lock, () => end(context, why, area), patience),
  )
  if (ended !== undefined && why !== 'stopped') tell(context, why, ended)
  return ended
}

async function end(context: LocalContext, why: WhyEnded, area: StagingArea): Promise<TrialEnded | undefined> {
  const { layout, now } = context
  const { trial, pin } = await readState(layout)
  // Another process may have ended it, or a person begun another.
  if (trial === undefined || (why === 'over' && !isOver(trial, now()))) return undefined
  const wanted = pin === undefined ? trial.before : undefined
  const back = await goBack(context, trial, wanted, area)
  if (back !== undefined && !isError(back)) return { trial, ...back }
  await updateState(layout, { trial: undefined, probe: undefined })
  const { settled, kept, edits } = await followCurrent(context, 'session')
  const installed = currentName(layout)
  const current = installed && nameOf(installed)
  return { trial, current, surfaces: settled, kept, edits, ...(back === undefined ? {} : { problem: back }) }
}

/**
 * Killed at any moment, the trial is over already and not yet ended: the next run does it again.
 * @returns undefined where nothing has to move; why not where what ran before is not on disk as it was
 */
async function goBack(
  context: LocalContext,
  trial: Trial,
  before: ReleaseName | undefined,
  area: StagingArea,
): Promise<ActivationReport | SkillsctlError | undefined> {
  const { layout, now } = context
  if (before === undefined || currentName(layout)?.manifest === before.manifest) return undefined
  if (!isOver(trial, now())) await updateState(layout, { trial: { ...trial, until: formatInstant(now()) } })
  const after = async () => ({ trial: undefined, probe: undefined, head: before })
  try {
    const request = { target: before, staged: undefined, why: 'try-end', moment: 'session', after } as const
    return await activate(context, request, area)
  } catch (error) {
    if (isError(error, 'drift')) return error
    throw error
  }
}

function tell({ emit }: LocalContext, why: 'over' | 'gone', { trial, current, problem }: TrialEnded): void {
  const reason = why === 'over' ? 'its time is over' : 'the draft is no longer there'
  const now =
    trial.surfaces === undefined ? `back to ${current?.version}` : `${trial.surfaces.join(', ')} follow again`
  const then =
    problem === undefined
      ? now
      : `${trial.before?.version} is not on disk as it was, so the next pull leaves the draft`
  emit({
    flow: 'try',
    step: 'end',
    status: 'warning',
    message: `${trial.channel} is no longer tried, ${reason}: ${then}`,
  })
}
