/** What the machine knows of its repository, and how old that is. */
import { formatAge, judgeFreshness, QUIET_AFTER } from '../core/freshness.ts'
import { describeTrial, isOver } from '../core/trial.ts'
import { type Finding, Findings } from './finding.ts'
import type { Snapshot } from './snapshot.ts'

/** Clocks differ by a little. Milliseconds. */
const SKEW = 10 * 60 * 1000

export function checkClock({ state, now }: Snapshot): Finding[] {
  const findings = new Findings('clock')
  const { sinceSigned = 0, sinceCheck = 0 } = judgeFreshness(state, now)
  const hint = "set this machine's clock"
  if (sinceSigned < -SKEW)
    findings.problem('clock', `the repository was signed ${formatAge(-sinceSigned)} in the future`, { hint })
  else if (sinceCheck < -SKEW)
    findings.problem('clock', `the last check was ${formatAge(-sinceCheck)} in the future`, { hint })
  return findings.all.length > 0 ? findings.all : findings.ok('clock', 'agrees with the repository').all
}

export function checkFreshness({ state, now, config }: Snapshot): Finding[] {
  const findings = new Findings('freshness')
  const { sinceCheck, sinceSigned, expired } = judgeFreshness(state, now)
  const { problem, expiresAt } = state
  const pull = 'run: skillsctl pull'
  if (problem !== undefined)
    findings.problem(
      config.channel,
      `the last check failed at ${problem.at}: ${problem.code}, ${problem.message}`,
      {
        hint: pull,
      },
    )
  else if (sinceCheck === undefined) findings.problem(config.channel, 'was never checked', { hint: pull })
  else if (sinceCheck > QUIET_AFTER)
    findings.problem(config.channel, `not checked for ${formatAge(sinceCheck)}`, {
      hint: `${pull}; to have it done: */5 * * * * skillsctl pull --quiet --best-effort`,
    })
  const renew = 'whoever publishes runs: skillsctl renew'
  if (expired)
    findings.problem(config.channel, `the signature of the repository expired at ${expiresAt}`, {
      hint: renew,
    })
  else if (sinceSigned !== undefined && sinceSigned > QUIET_AFTER)
    findings.problem(
      config.channel,
      `was last signed ${formatAge(sinceSigned)} ago: a frozen mirror, or nobody renews`,
      {
        hint: renew,
      },
    )
  if (findings.all.length > 0 || sinceCheck === undefined) return findings.all
  return findings.ok(config.channel, `checked ${formatAge(Math.max(0, sinceCheck))} ago`).all
}

export function checkPin({ state, current, config, now }: Snapshot): Finding[] {
  const findings = new Findings('pin')
  const { trial } = state
  if (trial !== undefined && isOver(trial, now))
    findings.problem(trial.channel, 'its trial is over, and has not ended yet', {
      hint: 'run: skillsctl pull',
    })
  else if (trial !== undefined)
    findings.note(trial.channel, `is tried: ${describeTrial(trial)}, then ${config.channel} again`, {
      hint: 'to end it now: skillsctl try --stop',
    })
  const { pin, head } = state
  if (pin !== undefined)
    findings.note(pin.version, 'this machine is pinned to it: updates wait', {
      hint: 'to follow the channel again: skillsctl unpin && skillsctl pull',
    })
  else if (head !== undefined && current !== undefined && head.manifest !== current.manifest)
    findings.note(head.version, 'is available', { hint: 'run: skillsctl pull' })
  else if (trial === undefined || trial.surfaces !== undefined) findings.ok(config.channel, 'is followed')
  return findings.all
}
