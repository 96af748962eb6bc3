/** What CI shows of a publish: a summary to read, and outputs for the steps that follow. */
import { changeLines, supersededBy } from '../cli/describe.ts'
import { formatBytes } from '../cli/output.ts'
import type { PublishReport } from '../src/index.ts'

/** What `skillsctl publish --json` prints: a report, or why there is none. */
export type Outcome = PublishReport | { readonly error: Failure }

export interface Failure {
  readonly code: string
  readonly message: string
  readonly subject?: string
  readonly expected?: string
  readonly found?: string
  readonly hint?: string
}

/** One line. */
export function headline(outcome: Outcome): string {
  if ('error' in outcome) return `not published: ${outcome.error.message}`
  const { version, channel } = outcome
  return {
    published: `published ${version} on ${channel}`,
    planned: `would publish ${version} on ${channel}`,
    unchanged: `${version} is the head of ${channel} already`,
    restored: `wrote ${version} on ${channel} again`,
    superseded: `superseded: ${supersededBy(outcome)}; nothing was written`,
  }[outcome.outcome]
}

/** The lines below the headline: what changed, or what was wrong. */
export function details(outcome: Outcome): string[] {
  if (!('error' in outcome))
    return outcome.outcome === 'superseded' || outcome.changes === undefined
      ? []
      : changeLines(outcome.changes)
  const { subject, expected, found, hint } = outcome.error
  return Object.entries({ subject, expected, found, hint }).flatMap(([name, text]) =>
    text === undefined ? [] : [`${name}: ${text}`],
  )
}

/** Markdown. What comes from the repository that is published stays inside of code. */
export function summary(outcome: Outcome): string {
  const lines = details(outcome)
  const block = lines.length === 0 ? [] : ['', ...fenced(lines)]
  const rows = facts(outcome).map(([name, value]) => `| ${name} | ${code(value)} |`)
  const table = rows.length === 0 ? [] : ['', '| | |', '| --- | --- |', ...rows]
  const icon = 'error' in outcome ? '❌' : '✅'
  return [`### ${icon} skillsctl: ${code(headline(outcome))}`, ...table, ...block, ''].join('\n')
}

function facts(outcome: Outcome): [name: string, value: string][] {
  if ('error' in outcome) return [['code', outcome.error.code]]
  const { version, commit, manifest, previous, files, archive } = outcome
  const size = archive && `${formatBytes(archive.size)}${archive.reused ? ', stored already' : ''}`
  const all = { version, before: previous, commit, manifest, files: files?.toString(), archive: size }
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
}

/** `name=value` lines. One line per value whatever it holds, so that none can smuggle in another output. */
export function outputs(outcome: Outcome): string {
  const fields =
    'error' in outcome
      ? { outcome: 'failed', error: outcome.error.code }
      : {
          outcome: outcome.outcome,
          version: outcome.version,
          channel: outcome.channel,
          commit: outcome.commit,
          manifest: outcome.manifest ?? '',
          previous: outcome.previous ?? '',
        }
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${oneLine(value)}\n`)
    .join('')
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

/** Inline code; what would end it, or the cell of a table, is replaced. */
function code(text: string): string {
  return `\`${oneLine(text).replaceAll('`', "'").replaceAll('|', '¦')}\``
}

/** A block of code whose fence is longer than any run of backticks inside. */
function fenced(lines: readonly string[]): string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)))
  const fence = '`'.repeat(longest + 1)
  return [`${fence}text`, ...lines.map(oneLine), fence]
}
