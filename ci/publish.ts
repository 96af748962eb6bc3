#!/usr/bin/env node
/**
 * The publish step for CI: `skillsctl publish` with everything from the environment (ci/README.md), a job summary
 * in $GITHUB_STEP_SUMMARY and outputs in $GITHUB_OUTPUT where CI offers them. Ends with the exit code of publish.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { details, headline, type Outcome, outputs, summary } from './report.ts'

const MAIN = fileURLToPath(new URL('../cli/main.cjs', import.meta.url))
const MOST_OUTPUT = 64 * 1024 * 1024

/** Settings that the command line knows as flags only. */
const SWITCHES = {
  SKILLSCTL_ALLOW_OLDER: '--allow-older',
  SKILLSCTL_ALLOW_REMOVALS: '--allow-removals',
  SKILLSCTL_DRY_RUN: '--dry-run',
}

function publishArguments(environment: NodeJS.ProcessEnv): string[] {
  const commit = environment['SKILLSCTL_COMMIT']
  const flags = Object.entries(SWITCHES).flatMap(([name, flag]) =>
    isOn(name, environment[name]) ? [flag] : [],
  )
  return ['publish', '--json', ...(commit ? ['--commit', commit] : []), ...flags]
}

/** A safety that is switched off by a typo would be worse than a failed job. */
function isOn(name: string, value = ''): boolean {
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0' || value === '') return false
  throw new Error(`${name} is "true" or "false", not "${value}"`)
}

function runPublish(): { exit: number; outcome: Outcome } {
  const { status, signal, stdout, error } = spawnSync(
    process.execPath,
    [MAIN, ...publishArguments(process.env)],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: MOST_OUTPUT },
  )
  if (error !== undefined) throw error
  if (signal !== null) throw new Error(`publish was ended by ${signal}`)
  // Our own command line of the same build: its answer needs no reader of its own.
  const outcome: Outcome = JSON.parse(stdout)
  return { exit: status ?? 1, outcome }
}

function appendTo(variable: string, text: string): void {
  const path = process.env[variable]
  if (path) appendFileSync(path, text)
}

/** GitHub reads commands from what a step prints; names from the repository must not become one. */
function print(outcome: Outcome): void {
  const lines = [headline(outcome), ...details(outcome)]
  if (process.env['GITHUB_ACTIONS'] !== 'true') {
    console.log(lines.join('\n'))
    return
  }
  const token = randomBytes(16).toString('hex')
  console.log([`::stop-commands::${token}`, ...lines, `::${token}::`].join('\n'))
  if ('error' in outcome) console.log(`::error title=skillsctl::${escapeData(lines.join('\n'))}`)
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** Says it before publish has to refuse, and also when it does not have to yet. */
function warnIfShallow(): void {
  const { stdout } = spawnSync('git', ['rev-parse', '--is-shallow-repository'], { encoding: 'utf8' })
  if (stdout?.trim() !== 'true') return
  const text =
    'this is a shallow clone: publish cannot tell which commit is newer. Check out with fetch-depth: 0'
  console.log(process.env['GITHUB_ACTIONS'] === 'true' ? `::warning title=skillsctl::${text}` : text)
}

function main(): number {
  warnIfShallow()
  const { exit, outcome } = runPublish()
  print(outcome)
  appendTo('GITHUB_STEP_SUMMARY', summary(outcome))
  appendTo('GITHUB_OUTPUT', outputs(outcome))
  return exit
}

try {
  process.exitCode = main()
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
