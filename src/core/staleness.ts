/** Whether a machine follows its repository, in one line for an agent: facts, no advice, and nothing when all is well. */
import { formatAge, judgeFreshness, type Knowledge, QUIET_AFTER } from './freshness.ts'
import { describeTrial, type Trial, trialInForce } from './trial.ts'

export interface UpdateState extends Knowledge {
  readonly pin?: { readonly version: string } | undefined
  /** Of what the agent reads. */
  readonly trial?: Trial | undefined
  /** Why the last check failed. */
  readonly problem?: { readonly code: string; readonly at: string } | undefined
}

/** Machines look every few minutes, so a day without an answer means something. Milliseconds. */
const STALE_AFTER = 24 * 60 * 60 * 1000

/**
 * @param release what the agent reads
 * @param now milliseconds since the epoch
 */
export function staleness(state: UpdateState, release: string, now: number): string | undefined {
  const { pin, problem } = state
  const trial = trialInForce(state.trial, now)
  const { sinceCheck, sinceSigned, expired } = judgeFreshness(state, now)
  const facts: string[] = []
  if (sinceCheck === undefined) facts.push('updates were never looked for')
  else if (sinceCheck > STALE_AFTER) facts.push(`updates were last looked for ${formatAge(sinceCheck)} ago`)
  if (problem !== undefined)
    facts.push(`the last look failed ${formatAge(now - Date.parse(problem.at))} ago (${problem.code})`)
  if (expired) facts.push('the signature of the repository has expired')
  else if (sinceSigned !== undefined && sinceSigned > QUIET_AFTER)
    facts.push(`the repository was last signed ${formatAge(sinceSigned)} ago`)
  if (trial !== undefined) facts.push(`they are of a draft: trying ${describeTrial(trial)}`)
  if (pin !== undefined) facts.push(`this machine is pinned to ${pin.version}`)
  return facts.length === 0 ? undefined : `skillsctl: skills are of release ${release}; ${facts.join('; ')}`
}
