/** A command as a process: what its output and environment need, beside the command itself. */
import { errnoOf } from '../src/disk/fault.ts'
import { EXIT } from './exit.ts'
import { runCommand } from './run-command.ts'

/** @returns the exit code */
export async function runProcess(args: readonly string[]): Promise<number> {
  // `skillsctl releases | head`: a reader that has seen enough is no failure.
  process.stdout.on('error', (error) => {
    if (errnoOf(error) === 'EPIPE') return
    process.stderr.write(`error: the output could not be written: ${errnoOf(error) ?? error.message}\n`)
    process.exitCode = EXIT.failed
  })
  // The SDK warns about the age of Node on every run; which Nodes we support is ours to say.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  return runCommand(args)
}
