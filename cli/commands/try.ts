/** `skillsctl try`: from arguments to a flow, from its report to lines. */
import { SkillsctlError } from '../../src/core/errors.ts'
import { describeTrial, trialInForce } from '../../src/core/trial.ts'
import { openMachine } from '../../src/flows/machine.ts'
import type { StopReport, TryReport } from '../../src/flows/try.ts'
import { type Cli, machineContext } from '../context.ts'
import { changeLines, editLines, pullLines, settledLines, trialLines } from '../describe.ts'
import type { Result } from '../output.ts'

interface TryFlags {
  for: number
  surface?: string[]
  stop?: boolean
}

export async function tryOut(cli: Cli, [draft]: readonly string[], flags: TryFlags): Promise<Result> {
  const { for: length, surface: surfaces = [], stop = false } = flags
  if (stop && (draft !== undefined || surfaces.length > 0)) {
    throw new SkillsctlError('usage', '--stop ends whatever is tried here, and takes nothing else', {
      subject: draft ?? surfaces.join(', '),
      hint: 'run: skillsctl try --stop',
    })
  }
  if (stop) return stopped(cli)
  if (draft === undefined) return shown(cli, surfaces)
  const { tryDraft } = await import('../../src/flows/try.ts')
  const report = await tryDraft(machineContext(cli), draft, { for: length, surfaces })
  return { data: report, text: tryLines(report) }
}

async function shown(cli: Cli, surfaces: readonly string[]): Promise<Result> {
  if (surfaces.length > 0) {
    throw new SkillsctlError('usage', 'which draft?', {
      expected: 'drafts/<name>',
      hint: `skillsctl try drafts/<name> --surface ${surfaces.join(' --surface ')}`,
    })
  }
  const { state, config, now } = await openMachine(machineContext(cli))
  const trial = trialInForce(state.trial, now())
  const text =
    trial === undefined
      ? 'nothing is tried here'
      : `trying ${describeTrial(trial)}, then ${config.channel} again`
  return { data: { trial: trial ?? null, after: config.channel }, text: [text] }
}

async function stopped(cli: Cli): Promise<Result> {
  const { stopTrial } = await import('../../src/flows/try.ts')
  const { ended, pull } = await stopTrial(machineContext(cli))
  const { problem, ...followed } = pull ?? {}
  // It is back: what the channel has since can wait for the next pull.
  if (problem !== undefined) cli.output.warn(`could not ask for what is newest: ${problem.message}`)
  return {
    data: { ended: ended?.trial ?? null, problem: ended?.problem?.toJSON(), ...followed },
    text: stopLines(ended, pull),
  }
}

export function tryLines({
  trial,
  after,
  release,
  current,
  changes,
  surfaces,
  kept,
  edits,
}: TryReport): string[] {
  const where = trial.surfaces === undefined ? 'this machine' : trial.surfaces.join(', ')
  const stays =
    trial.surfaces === undefined ? [] : [`  ${current.version} of ${after} stays what runs elsewhere`]
  return [
    `${release.version} of ${trial.channel} on ${where}`,
    ...changeLines(changes),
    ...editLines(edits, kept, release.version),
    ...settledLines(surfaces),
    ...stays,
    ...trialLines({ ...trial, after }),
  ]
}

function stopLines(ended: StopReport['ended'], pull: StopReport['pull']): string[] {
  if (ended === undefined) return ['nothing was tried here']
  const { trial, problem, kept, surfaces, edits, current } = ended
  const late =
    problem === undefined ? [] : [`${trial.before?.version} is not on disk as it was, so it was fetched anew`]
  return [
    `no longer trying ${trial.channel}`,
    ...late,
    ...editLines(edits, kept, current?.version ?? 'the release'),
    ...settledLines(surfaces),
    ...(pull === undefined ? [] : pullLines(pull)),
  ]
}
