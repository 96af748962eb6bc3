/** `skillsctl run`: from arguments to a process that ends as the command does. */
import { SkillsctlError } from '../../src/core/errors.ts'
import { errnoOf } from '../../src/disk/fault.ts'
import {
  beginReading,
  type Reading,
  type RefreshOptions,
  refreshFirst,
  releaseToRun,
} from '../../src/flows/run.ts'
import { announceSwitch, startDetached } from '../announce.ts'
import { type Cli, machineContext } from '../context.ts'
import { asFailure } from '../failure.ts'
import type { Result } from '../output.ts'
import { type Ended, endBySignal, exitBySignal, runInPlace } from '../pass-through.ts'

/** As shells say it. */
const NOT_FOUND = 127
const NOT_RUNNABLE = 126

export async function run(cli: Cli, command: readonly string[], flags: RefreshOptions): Promise<Result> {
  await refresh(cli, flags)
  const reading = await read(cli)
  // The command may take days, and what has moved before it need not wait for that.
  await announceSwitch(cli)
  const { path, version } = reading.release
  const env = { ...process.env, SKILLSCTL_RELEASE: path, SKILLSCTL_VERSION: version }
  try {
    return resultOf(await runInPlace(command, env))
  } catch (error) {
    return notStarted(command, error)
  } finally {
    await attempt(cli, 'the surfaces could not follow', () => reading.end())
  }
}

/** Whatever goes wrong, the installed release is good enough. */
async function refresh(cli: Cli, flags: RefreshOptions): Promise<void> {
  const context = machineContext(cli)
  const { root } = context.layout
  const start = (): Promise<unknown> => {
    const child = startDetached(['pull', '--alone', '--quiet', '--home', root])
    return new Promise((resolve) => child.on('exit', resolve).on('error', resolve))
  }
  const refreshed = await attempt(cli, 'could not refresh', () => refreshFirst(context, flags, start))
  if (refreshed?.outcome === 'underway')
    cli.output.warn('the refresh takes longer than the command waits for it, and goes on in the background')
  if (refreshed?.problem !== undefined)
    cli.output.warn(`could not refresh, so the installed release has to do: ${refreshed.problem.message}`)
}

/** @throws SkillsctlError `absent` when nothing is installed */
async function read(cli: Cli): Promise<Pick<Reading, 'release' | 'end'>> {
  const context = machineContext(cli)
  const release = releaseToRun(context.layout)
  const reading = await attempt(cli, 'could not lease the release', () => beginReading(context))
  if (reading === undefined) return { release, end: async () => {} }
  if (reading.problem !== undefined) warn(cli, 'the surfaces may move meanwhile', reading.problem)
  return reading
}

async function attempt<T>(cli: Cli, what: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    return warn(cli, what, error)
  }
}

function warn(cli: Cli, what: string, error: unknown): undefined {
  const { message, subject } = asFailure(error)
  cli.output.warn([what, message, subject].filter(Boolean).join(': '))
}

function resultOf({ exit, signal }: Ended): Result {
  if (signal === null) return { data: undefined, text: [], exit: exit ?? 0 }
  const afterwards = async (): Promise<void> => endBySignal(signal)
  return { data: undefined, text: [], exit: exitBySignal(signal), afterwards }
}

function notStarted([program]: readonly string[], error: unknown): Result {
  const errno = errnoOf(error)
  const isMissing = errno === 'ENOENT'
  const problem = new SkillsctlError(
    isMissing ? 'absent' : 'failed',
    isMissing ? 'there is no such command' : 'this command cannot be run',
    { subject: program, found: errno, cause: error },
  )
  return { data: undefined, text: [], problem, exit: isMissing ? NOT_FOUND : NOT_RUNNABLE }
}
