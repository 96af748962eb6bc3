/** One command line, from its words to its exit code. */
import { CommanderError } from 'commander'
import { commandOf } from './command-word.ts'
import { globalsOf } from './define.ts'
import { EXIT, exitOf } from './exit.ts'
import { asFailure } from './failure.ts'
import { Output } from './output.ts'
import { buildProgram } from './program.ts'
import { separateCommand } from './run-program.ts'
import { usageError } from './usage.ts'
import { version } from './version.ts'

export async function runCommand(args: readonly string[]): Promise<number> {
  const program = buildProgram(version(), commandOf(args))
  try {
    await program.parseAsync(separateCommand(program, args), { from: 'user' })
    return Number(process.exitCode ?? EXIT.done)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done
    const globals = globalsOf(program)
    const failure = error instanceof CommanderError ? usageError(error, program, args) : asFailure(error)
    // Where commander has just shown the help, that says enough.
    const helped = error instanceof CommanderError && error.code === 'commander.help'
    if (globals.json || !helped) new Output(globals).error(failure)
    if (process.env['SKILLSCTL_DEBUG']) process.stderr.write(`${stackOf(failure)}\n`)
    return exitOf(failure.code)
  }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${stackOf(error.cause)}`
}
