/** `pull --require-fresh`, and a repository that has expired: what is installed keeps running, and the person is told. */
import { SkillsctlError } from '../core/errors.ts'
import { judgeFreshness } from '../core/freshness.ts'
import type { MachineState } from '../home/state.ts'
import { shownAddress } from '../store/address.ts'
import { freshnessOf, type Machine, openMachine, rememberProblem } from './machine.ts'
import type { PullOptions, PullReport } from './pull-report.ts'

/** Adds what the person should know about freshness. */
export async function withFreshness(
  machine: Machine,
  report: PullReport,
  { requireFresh }: PullOptions,
): Promise<PullReport> {
  const now = await openMachine(machine)
  const { warnings, sinceSigned, expired } = freshnessOf(now)
  const tooOld = requireFresh !== undefined && (sinceSigned === undefined || sinceSigned > requireFresh)
  if (!expired && !tooOld) return { ...report, warnings }
  const problem = notFresh(machine, now.state.signedAt, requireFresh)
  await rememberProblem(machine, problem)
  return { ...report, warnings, outcome: 'failed', problem }
}

/** Before anything is installed. @throws SkillsctlError `stale` */
export function insistOnFresh(
  machine: Machine,
  note: Partial<MachineState>,
  { requireFresh }: PullOptions,
): void {
  const { sinceSigned } = judgeFreshness(note, machine.now())
  if (requireFresh === undefined || (sinceSigned !== undefined && sinceSigned <= requireFresh)) return
  throw notFresh(machine, note.signedAt, requireFresh)
}

function notFresh(
  { config }: Machine,
  signedAt: string | undefined,
  requireFresh: number | undefined,
): SkillsctlError {
  return new SkillsctlError('stale', 'the repository was not signed recently enough', {
    subject: shownAddress(config.store),
    expected:
      requireFresh === undefined
        ? 'a signature that has not expired'
        : 'a younger signature (--require-fresh)',
    found: signedAt === undefined ? 'no signed time' : `signed at ${signedAt}`,
    hint: 'whoever publishes runs: skillsctl renew',
  })
}
