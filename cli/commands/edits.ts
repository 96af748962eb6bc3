/** `skillsctl edits …` and `skillsctl edit`: from arguments to a flow, from its report to lines. */
import { existsSync, statSync } from 'node:fs'
import { resolve as absolute, join } from 'node:path'
import type { EditPolicy, PolicyRule } from '../../src/core/edit-policy.ts'
import { SkillsctlError } from '../../src/core/errors.ts'
import { shellLine } from '../../src/core/shell.ts'
import type { SaveReport, Workcopy } from '../../src/flows/edit-skill.ts'
import type { Chosen, EditChange, Resolution } from '../../src/flows/edits.ts'
import type { ResolutionPreview } from '../../src/flows/preview-resolution.ts'
import { waitingEdits } from '../../src/flows/waiting-edits.ts'
import { type Cli, machineContext } from '../context.ts'
import { settledLines } from '../describe.ts'
import { commandFor, editsLines, nameOf, outcomeLines, waitingLines } from '../edit-lines.ts'
import { EXIT } from '../exit.ts'
import type { Result } from '../output.ts'
import { diffText, fileData } from './diff.ts'

type Args = readonly string[]

interface Where {
  surface?: string
}

export async function list(cli: Cli, [skill]: Args, { full = false }: { full?: boolean }): Promise<Result> {
  const { listEdits } = await import('../../src/flows/list-edits.ts')
  const report = await listEdits(machineContext(cli), full)
  const chosen = skill === undefined ? report : await only(report, skill)
  return { data: chosen, text: editsLines(chosen) }
}

/** @throws SkillsctlError `absent` */
async function only<R extends { edits: readonly { unit: string }[] }>(report: R, skill: string): Promise<R> {
  const { isNamed } = await import('../../src/core/unit-names.ts')
  const edits = report.edits.filter(({ unit }) => isNamed(unit, skill))
  if (edits.length > 0) return { ...report, edits, local: [], open: [] }
  throw new SkillsctlError('absent', 'nothing of this name was edited here', {
    subject: skill,
    expected: report.edits.map(({ unit }) => unit).join(', ') || 'nothing was edited',
    hint: 'see what was: skillsctl edits; and what can be done: skillsctl edits --help',
  })
}

export async function edit(
  cli: Cli,
  [skill = '']: Args,
  { surface, print = false }: Where & { print?: boolean },
): Promise<Result> {
  const { beginEdit } = await import('../../src/flows/edit-skill.ts')
  const copy = await beginEdit(machineContext(cli), { skill, surface })
  const editor = process.env['VISUAL'] || process.env['EDITOR']
  const isAtTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
  if (print) return { data: copy, text: [copy.path] }
  if (cli.globals.json || editor === undefined || !isAtTerminal) return { data: copy, text: [copyText(copy)] }
  const { runInPlace } = await import('../pass-through.ts')
  // As git does: it may be a command with flags.
  const { exit } = await runInPlace(['sh', '-c', `${editor} "$@"`, editor, fileToOpen(copy)], process.env)
  if (exit !== 0) cli.output.warn(`the editor ended with ${exit}`)
  return { data: copy, text: [copyText(copy)] }
}

function fileToOpen({ path }: Workcopy): string {
  const main = join(path, 'SKILL.md')
  return statSync(path).isDirectory() && existsSync(main) ? main : path
}

function copyText(copy: Workcopy): string {
  const what = copy.isKnown ? 'is being edited already' : 'is yours to edit'
  return `${nameOf(copy)} ${what} in ${copy.path}; to make it active: ${commandFor('edits save', copy)}`
}

export async function save(
  cli: Cli,
  [skill]: Args,
  { from, surface }: Where & { from?: string },
): Promise<Result> {
  const { saveEdits, saveFrom } = await import('../../src/flows/edit-skill.ts')
  if (from !== undefined && skill === undefined) {
    throw new SkillsctlError('usage', 'which skill is in that directory?', {
      subject: from,
      hint: shellLine('skillsctl', 'edits', 'save', '<skill>', '--from', from),
    })
  }
  const context = machineContext(cli)
  const report =
    from === undefined || skill === undefined
      ? await saveEdits(context, { ...(skill === undefined ? {} : { skill }), surface })
      : await saveFrom(context, { skill, surface }, absolute(from))
  const waiting = waitingLines(await waitingEdits(context.layout))
  return { data: report, text: [...saveLines(report, await currentVersion(cli)), ...waiting] }
}

function saveLines({ saved, settled }: SaveReport, version: string): string[] {
  const lines = saved.flatMap((one) =>
    one.outcomes.length === 0 ? [`${nameOf(one)}: nothing was changed`] : outcomeLines(one.outcomes, version),
  )
  return [...lines.map((line) => line.trimStart()), ...settledLines(settled)]
}

export async function drop(cli: Cli, [skill = '']: Args, { surface }: Where): Promise<Result> {
  const { dropEdit } = await import('../../src/flows/edits.ts')
  return changed(cli, await dropEdit(machineContext(cli), { skill, surface }))
}

export async function bless(
  cli: Cli,
  [skill = '']: Args,
  { surface, why }: Where & { why: string },
): Promise<Result> {
  const { blessEdit } = await import('../../src/flows/edits.ts')
  if (why.trim() === '')
    throw new SkillsctlError('usage', 'why is it so on purpose?', {
      subject: skill,
      expected: '--why <text>',
    })
  const change = await blessEdit(machineContext(cli), { skill, surface }, why.trim())
  return {
    data: change,
    text: [`${nameOf(change)}: on purpose from here on; it goes on being merged, and warns nobody`],
  }
}

export async function unbless(cli: Cli, [skill = '']: Args, { surface }: Where): Promise<Result> {
  const { blessEdit } = await import('../../src/flows/edits.ts')
  const change = await blessEdit(machineContext(cli), { skill, surface }, undefined)
  return { data: change, text: [`${nameOf(change)}: an edit like any other again`] }
}

async function changed(cli: Cli, change: EditChange): Promise<Result> {
  const lines = outcomeLines(change.outcomes, await currentVersion(cli)).map((line) => line.trimStart())
  return { data: change, text: [...lines, ...settledLines(change.settled)] }
}

async function currentVersion(cli: Cli): Promise<string> {
  const { currentName } = await import('../../src/home/releases.ts')
  return currentName(machineContext(cli).layout)?.version ?? 'the release'
}

interface ResolveFlags extends Where {
  keep?: boolean
  take?: boolean
  merged?: string
  dryRun?: boolean
}

export async function resolve(cli: Cli, [skill = '']: Args, flags: ResolveFlags): Promise<Result> {
  const resolution = resolutionOf(flags)
  const chosen: Chosen = { skill, surface: flags.surface }
  if (resolution === undefined || flags.dryRun === true) return preview(cli, chosen, resolution)
  const { resolveEdit } = await import('../../src/flows/edits.ts')
  return changed(cli, await resolveEdit(machineContext(cli), chosen, resolution))
}

function resolutionOf({ keep = false, take = false, merged, dryRun }: ResolveFlags): Resolution | undefined {
  const given = [keep && '--keep', take && '--take', merged !== undefined && '--merged'].filter(Boolean)
  if (given.length > 1)
    throw new SkillsctlError('usage', 'one of them at a time', { subject: given.join(' ') })
  if (given.length === 0 && dryRun === true)
    throw new SkillsctlError('usage', 'a dry run of what?', {
      expected: '--keep, --take or --merged <directory>',
    })
  if (merged !== undefined) return { by: 'merged', directory: absolute(merged) }
  if (keep) return { by: 'keep' }
  return take ? { by: 'take' } : undefined
}

async function preview(cli: Cli, chosen: Chosen, resolution: Resolution | undefined): Promise<Result> {
  const { previewResolution } = await import('../../src/flows/preview-resolution.ts')
  const report = await previewResolution(machineContext(cli), chosen, resolution)
  const { yours, theirs, between, would, waits } = report
  const files = (diffs: typeof yours): object[] => diffs.map((file) => fileData(file))
  const sides = { yours: files(yours), theirs: files(theirs), between: between && files(between) }
  const data = { ...report, ...sides, would: would && files(would) }
  if (would !== undefined) {
    const nothing = `${nameOf(report)}: agents would see what they see now`
    return { data, text: would.length === 0 ? [nothing] : diffText(would) }
  }
  if (waits === undefined) {
    return {
      data,
      text: [`${nameOf(report)}: nothing waits; back to the release: ${commandFor('edits drop', report)}`],
    }
  }
  return { data, text: previewLines(report), exit: EXIT.drift }
}

function previewLines(report: ResolutionPreview): string[] {
  const { release, waits, places, between } = report
  const command = (...more: string[]): string => `  ${commandFor('edits resolve', report, ...more)}`
  const isRemoved = waits?.because === 'removed'
  return [
    ...sidesLines(report),
    'the versions:',
    ...(between === undefined ? [`  base     ${places.base}`] : []),
    `  yours    ${places.yours}`,
    isRemoved ? `  ${release} has none` : `  release  ${places.release}`,
    'settle it with one of:',
    command('--keep'),
    command('--take'),
    `${command('--merged')} <directory>`,
  ]
}

function sidesLines(report: ResolutionPreview): string[] {
  const { yours, theirs, base, release, waits, between } = report
  if (waits?.because === 'removed')
    return [`${nameOf(report)}: removed in ${release}; yours, from ${base}:`, ...diffText(yours)]
  if (between !== undefined)
    return [
      `${nameOf(report)}: from yours to ${release}; the files of ${base} are not here any more:`,
      ...diffText(between),
    ]
  return [
    `${nameOf(report)}: yours, from ${base}:`,
    ...diffText(yours),
    `${release}, from ${base}:`,
    ...diffText(theirs),
  ]
}

export async function policy(
  cli: Cli,
  args: Args,
  { surface, remove = false }: Where & { remove?: boolean },
): Promise<Result> {
  const { listRules, setRule } = await import('../../src/flows/edit-rules.ts')
  const context = machineContext(cli)
  if (args.length === 0 && surface === undefined && !remove) return rulesResult(await listRules(context))
  const [policy, skill] = policyAndSkill(args, remove)
  return rulesResult(await setRule(context, { policy, skill, surface }))
}

/** `--remove` needs no policy. @throws SkillsctlError `usage` */
function policyAndSkill(
  [first, second]: Args,
  remove: boolean,
): [EditPolicy | undefined, string | undefined] {
  const isPolicy = first === 'keep' || first === 'take'
  if (remove) return [undefined, isPolicy ? second : first]
  if (isPolicy) return [first, second]
  throw new SkillsctlError('usage', 'who wins, edits or the release?', {
    subject: first,
    expected: 'keep or take',
    hint: 'as in: skillsctl edits policy take quarterback',
  })
}

function rulesResult(rules: readonly PolicyRule[]): Result {
  const lines = rules.map(({ policy, unit = 'all skills', surface }) =>
    [`${policy}  ${unit}`, ...(surface === undefined ? [] : [`on ${surface}`])].join(' '),
  )
  const isSaid = rules.some(({ unit, surface }) => unit === undefined && surface === undefined)
  return { data: { rules }, text: [...lines, ...(isSaid ? [] : ['keep  everything else'])] }
}
