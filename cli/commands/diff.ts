/** `skillsctl diff`: from arguments to the flow, from its report to lines, or to a patch as git writes it. */
import { SkillsctlError } from '../../src/core/errors.ts'
import type { FileDiff } from '../../src/core/file-diffs.ts'
import type { DiffLine } from '../../src/core/unified-diff.ts'
import type { DiffReport, DiffRequest } from '../../src/flows/diff.ts'
import { type Cli, machineContext } from '../context.ts'
import { EXIT } from '../exit.ts'
import { hasColours, inColour, type Result, visible } from '../output.ts'

interface DiffFlags {
  against?: string
  skill?: string
  surface?: string
  stat?: boolean
  nameOnly?: boolean
  exitCode?: boolean
}

export async function diff(cli: Cli, what: readonly string[], flags: DiffFlags): Promise<Result> {
  const request = requestOf(what, flags)
  const { diff } = await import('../../src/flows/diff.ts')
  const report = await diff(machineContext(cli), request)
  const differs = report.files.length > 0
  return {
    data: { ...report, files: report.files.map((file) => fileData(file, flags.stat)) },
    ...printed(report, flags),
    exit: differs && flags.exitCode === true ? EXIT.pending : EXIT.done,
  }
}

function requestOf(
  what: readonly string[],
  { against, skill, surface, stat, nameOnly }: DiffFlags,
): DiffRequest {
  const [first, second, ...rest] = what
  if (rest.length > 0) throw unclear('which two releases?', 'two of them, and --skill <name>')
  if (stat === true && nameOnly === true) throw unclear('lines or names?', '--stat or --name-only')
  const byLines = nameOnly !== true
  if (first === undefined || second === undefined) {
    if (first !== undefined && skill !== undefined) throw unclear('which skill?', 'one of them')
    return { against, skill: first ?? skill, surface, byLines }
  }
  if (against !== undefined || surface !== undefined)
    throw unclear('two releases, or the edits here?', 'two releases, or --against and --surface')
  return { between: [first, second], skill, byLines }
}

function unclear(message: string, expected: string): SkillsctlError {
  return new SkillsctlError('usage', message, { expected, hint: 'see: skillsctl diff --help' })
}

/** @param stat leaves the lines out */
export function fileData({ lines, ...file }: FileDiff, stat = false): object {
  if (lines === undefined) return file
  const { added, removed, diff } = lines
  const text = diff.map((line) => `${decoded(line)}\n`).join('')
  return { ...file, added, removed, ...(stat ? {} : { diff: text }) }
}

function printed({ files }: DiffReport, { stat, nameOnly }: DiffFlags): Pick<Result, 'text' | 'raw'> {
  if (nameOnly === true) return { text: files.map(({ path }) => visible(path)) }
  if (stat === true) return { text: statLines(files) }
  const lines = files.flatMap((file) => file.lines?.diff ?? [])
  return { text: diffText(files), raw: Buffer.from(lines.map(({ text }) => `${text}\n`).join(''), 'latin1') }
}

/** A diff as a person reads it. */
export function diffText(files: readonly FileDiff[]): string[] {
  const paint = hasColours(process.stdout) ? painted : (_: DiffLine, text: string) => text
  return files.flatMap(({ lines }) => (lines?.diff ?? []).map((line) => paint(line, shown(line))))
}

const SIGNS: Readonly<Record<FileDiff['change'], string>> = {
  added: '+',
  deleted: '-',
  modified: '~',
  mode: '~',
  renamed: '>',
}

function statLines(files: readonly FileDiff[]): string[] {
  if (files.length === 0) return []
  const sum = (of: 'added' | 'removed'): number =>
    files.reduce((total, { lines }) => total + (lines?.[of] ?? 0), 0)
  const count = `${files.length} ${files.length === 1 ? 'file differs' : 'files differ'}`
  return [...files.map(statLine), `${count}: +${sum('added')} -${sum('removed')}`]
}

function statLine({ path, from, change, lines }: FileDiff): string {
  const name = from === undefined ? path : `${from} → ${path}`
  const counts =
    lines?.added === undefined || lines.removed === undefined
      ? 'binary'
      : change === 'mode'
        ? 'mode'
        : `+${lines.added} -${lines.removed}`
  return `  ${SIGNS[change]} ${visible(name)}  ${counts}`
}

const COLOURS: Readonly<Record<DiffLine['kind'], string | undefined>> = {
  header: '1',
  hunk: '36',
  removed: '31',
  added: '32',
  same: undefined,
}

function painted({ kind }: DiffLine, text: string): string {
  const code = COLOURS[kind]
  return code === undefined ? text : inColour(code, text)
}

function decoded({ text }: DiffLine): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

/** Tabs stay, and so does the end of a line that is the same in both; anything else that would steer the terminal is spelled out. */
function shown(line: DiffLine): string {
  const text = line.kind === 'same' ? decoded(line).replace(/\r$/, '') : decoded(line)
  return text.split('\t').map(visible).join('\t')
}
