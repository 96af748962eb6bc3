/** `doctor` and `why`: from arguments to a flow, from its report to lines. */

import type { Release } from '../../src/core/channel.ts'
import { isError } from '../../src/core/errors.ts'
import { formatAge } from '../../src/core/freshness.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import type { DoctorReport, HookKeeper } from '../../src/flows/doctor.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { findHook, installHook } from '../../src/flows/surface-hook.ts'
import type { Active, ActiveOverlay, WhyOnSurface, WhyReport } from '../../src/flows/why.ts'
import { readMachineId } from '../../src/home/machine-identity.ts'
import { hostOf } from '../../src/surfaces/host.ts'
import type { Verdict } from '../../src/surfaces/verdict.ts'
import { type Cli, checkout, machineContext } from '../context.ts'
import { trialLines } from '../describe.ts'
import { EXIT } from '../exit.ts'
import { hookProgram } from '../hook-program.ts'
import { type Result, visible } from '../output.ts'
import { currentUser } from './surface.ts'

type Args = readonly string[]

export async function doctor(
  cli: Cli,
  _args: Args,
  { fix = false, all = false }: { fix?: boolean; all?: boolean },
): Promise<Result> {
  const { doctor } = await import('../../src/flows/doctor.ts')
  const context = machineContext(cli)
  const options = { fix, host: hostOf(currentUser()), machineId: readMachineId(), hooks: hookKeeper(context) }
  const report = await doctor(context, options)
  const isWell = report.failed.length === 0 && report.findings.every(({ level }) => level !== 'problem')
  return { data: report, text: doctorLines(report, all), exit: isWell ? EXIT.done : EXIT.failed }
}

function hookKeeper(context: MachineContext): HookKeeper {
  const program = hookProgram(context.layout)
  return {
    find: async (name) => {
      try {
        const { hook, ...place } = await findHook(context, name, program)
        return { is: hook, ...place }
      } catch (problem) {
        if (!isError(problem)) throw problem
        if (problem.code === 'unsupported') return { is: 'unsupported' }
        return { is: 'unreadable', path: problem.subject, problem }
      }
    },
    install: async (name) => {
      await installHook(context, name, program)
    },
  }
}

export function doctorLines({ findings, surfaces, fixed, failed }: DoctorReport, all: boolean): string[] {
  const told = findings.filter(({ level }) => level !== 'ok')
  const summaries = surfaces.flatMap(({ summary, verdicts }) => [
    summary,
    ...(all ? verdicts.map((verdict) => `  ${verdict.place}: ${verdictText(verdict)}`) : []),
  ])
  return [
    ...fixed.map(({ subject, message }) => `fixed: ${subject}: ${message}`),
    ...failed.map(({ message, subject, hint }) =>
      ['! could not fix', subject, message, hint].filter(Boolean).join(': '),
    ),
    ...(all ? findings : told).map(findingLine),
    ...summaries,
    ...(told.length === 0 && summaries.length === 0
      ? ['nothing is wrong; no agent is shown anything yet']
      : []),
  ]
}

function findingLine({ level, subject, message, hint, fix }: Finding): string {
  const sign = { problem: '!', note: '-', ok: '+' }[level]
  const next = fix === undefined || hint?.includes('doctor --fix') === true ? hint : byFix(hint)
  return `${sign} ${subject}: ${message}${next === undefined || level === 'ok' ? '' : ` (${next})`}`
}

function byFix(hint: string | undefined): string {
  return ['skillsctl doctor --fix fixes it', ...(hint === undefined ? [] : [hint])].join('; ')
}

function verdictText({ is, by, because, agent, isVerified }: Verdict): string {
  const who = agent === undefined ? '' : ` to ${agent}`
  const how = { visible: '', duplicated: ` with ${by}`, shadowed: ` by ${by}`, invisible: '' }[is]
  const reason = because === undefined ? '' : ` because ${because}`
  return `${is}${who}${how}${reason}${isVerified ? '' : ' (not verified)'}`
}

export async function why(cli: Cli, [skill = '']: Args): Promise<Result> {
  const { why } = await import('../../src/flows/why.ts')
  const report = await why(machineContext(cli), skill, { host: hostOf(currentUser()), git: await checkout() })
  return { data: report, text: whyLines(report, Date.now()) }
}

export function whyLines(report: WhyReport, now: number): string[] {
  const { place, channel, pinned, trial, current, surfaces, checkedAt, signedAt } = report
  const checked =
    checkedAt === undefined ? 'never' : `${formatAge(Math.max(0, now - Date.parse(checkedAt)))} ago`
  return [
    `${place}: ${current?.version ?? 'not in the release that runs'} on ${channel}${pinned ? ', pinned' : ''}`,
    ...trialLines(trial),
    ...(current === undefined ? [] : originLines(current)),
    ...surfaces.map((one) => `  ${onSurface(one, current)}`),
    ...(surfaces.length === 0 ? ['  no agent is shown it: skillsctl surface add claude-code'] : []),
    `  verified ${checked}, signed ${signedAt ?? 'at no known time'}`,
  ]
}

function originLines(active: Active): string[] {
  const { edited, digest } = active
  return [
    `  from ${commitText(active)}, digest ${digest}`,
    `  ${changeText(active)}`,
    ...(edited.length === 0 ? [] : [`  edited on this machine: ${edited.join(', ')}`]),
  ]
}

/** The very commit where a clone knows it, else the release: its commit may be one of several. */
function changeText({ lastChange, cameWith }: Active): string {
  if (lastChange !== undefined) return `last changed in ${commitText(lastChange)}`
  if (cameWith !== undefined) return `came with ${cameWith.version}, ${commitText(cameWith)}`
  return 'came with a release before those that this machine knows; a clone that has the commit tells more'
}

function commitText({
  commit,
  committedAt,
  author,
}: Pick<Release, 'commit' | 'committedAt' | 'author'>): string {
  return `commit ${commit.slice(0, 12)} of ${committedAt}${author === undefined ? '' : `, by ${author}`}`
}

function onSurface(
  { surface, is, active, shows, verdict }: WhyOnSurface,
  current: Active | undefined,
): string {
  const seen = verdict === undefined ? 'not looked at' : verdictText(verdict)
  if (is === 'taken') return `${surface}: yours, not of the release; ${seen}`
  if (is === 'missing') return `${surface}: nothing; to have it made again: skillsctl doctor --fix`
  if (active === undefined) return `${surface}: not shown there`
  const same =
    active.digest === current?.digest ? 'the same bytes' : `${active.version}, digest ${active.digest}`
  const edited = active.edited.length === 0 ? 'not edited' : `edited: ${active.edited.join(', ')}`
  const since = shows === undefined ? 'in an unfinished switch' : `with ${shows.version} since ${shows.since}`
  if (active.overlay !== undefined)
    return `${surface}: ${overlayText(active.overlay)}, shown ${since}; ${seen}`
  return `${surface}: ${same}, shown ${since}, ${edited}; ${seen}`
}

function overlayText({ base, since, blessed, waits }: ActiveOverlay): string {
  const purpose = blessed === undefined ? '' : `, on purpose: ${visible(blessed.why)}`
  const waiting = waits === undefined ? '' : `, waits with ${waits.release.version}`
  return `your own version, made from ${base} since ${since}${purpose}${waiting}`
}
