#!/usr/bin/env node
/** The entry point: the only place that decides how the process ends. */
import { CommanderError } from 'commander'
import { SkillsctlError } from '../src/core/errors.ts'
import { errnoOf, systemError } from '../src/disk/fault.ts'
import { EXIT, exitOf } from './exit.ts'
import { Output } from './output.ts'
import { buildProgram, globalsOf } from './program.ts'

async function main(args: readonly string[]): Promise<number> {
  const program = buildProgram()
  try {
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? EXIT.done)
  } catch (error) {
    // Commander has printed what was wrong, with a suggestion.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    const failure = asFailure(error)
    new Output(globalsOf(program)).error(failure)
    if (process.env['SKILLSCTL_DEBUG']) process.stderr.write(`${stackOf(failure)}\n`)
    return exitOf(failure.code)
  }
}

function asFailure(error: unknown): SkillsctlError {
  if (error instanceof SkillsctlError) return error
  if (errnoOf(error) !== undefined) {
    const path = error instanceof Error && 'path' in error ? String(error.path) : 'the system'
    return systemError(error, path)
  }
  return new SkillsctlError('failed', 'this is a mistake in skillsctl', {
    found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: 'please report it, with the output of: SKILLSCTL_DEBUG=1 skillsctl …',
    cause: error,
  })
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${stackOf(error.cause)}`
}

process.exitCode = await main(process.argv.slice(2))
