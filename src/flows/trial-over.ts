/** A trial ends by itself: whatever runs on a machine looks at the time first (SPEC.md, "Trials"). */
import { isError, SkillsctlError } from '../core/errors.ts'
import { isOver } from '../core/trial.ts'
import { readState } from '../home/state.ts'
import type { LocalContext, Machine } from './machine.ts'

/**
 * Ends a trial whose time is over. Needs no network. What keeps it from ending is worth a word: the next run tries again.
 * @param patience how long another process is waited for. Milliseconds.
 * @throws SkillsctlError `unsupported` for the state of a newer skillsctl
 */
export async function endTrialIfOver(context: LocalContext, patience?: number): Promise<void> {
  const { trial } = await readState(context.layout)
  if (trial === undefined || !isOver(trial, context.now())) return
  try {
    const { endTrial } = await import('./end-trial.ts')
    await endTrial(context, 'over', patience)
  } catch (error) {
    if (!isError(error)) throw error
    const message = `the trial of ${trial.channel} is over, but could not be ended: ${error.message}`
    context.emit({ flow: 'try', step: 'end', status: 'warning', message })
  }
}

/** A machine that follows a draft goes back by one way only. @throws SkillsctlError `refused` */
export function insistOnNoTrial({ channel, config, state }: Machine): void {
  if (channel.name === config.channel) return
  throw new SkillsctlError('refused', 'this machine tries a draft, and goes back from it first', {
    subject: `${channel.name} until ${state.trial?.until}`,
    hint: `skillsctl try --stop goes back to ${state.trial?.before?.version} of ${config.channel}, at once and offline`,
  })
}
