/** The command line without a process of its own, for tests that try many: starting one costs more than most of them do. */
import { homedir, tmpdir } from 'node:os'
import { vi } from 'vitest'
import { BARE, type Ran, type RunOptions } from './cli.ts'

type RunCommand = typeof import('../../cli/run-command.ts').runCommand

/** Compiled, because it looks for its package.json from there. */
const COMPILED = new URL('../../build/cli/run-command.js', import.meta.url).href

/** As `run` of ./cli.ts. One at a time: it borrows this process's environment, directory and output. */
export async function runHere(
  args: readonly string[],
  { env = {}, cwd = tmpdir() }: Omit<RunOptions, 'input' | 'uid'> = {},
): Promise<Ran> {
  const { runCommand }: { runCommand: RunCommand } = await import(COMPILED)
  const before = { env: { ...process.env }, cwd: process.cwd(), exitCode: process.exitCode }
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk)
      return true
    }),
  )
  setEnvironment({ ...BARE, ...env })
  insistOnHome()
  process.chdir(cwd)
  process.exitCode = undefined
  try {
    return { exit: await runCommand(args), ...written }
  } finally {
    for (const spy of spies) spy.mockRestore()
    process.chdir(before.cwd)
    setEnvironment(before.env)
    process.exitCode = before.exitCode
  }
}

/** Somebody who has put another object in the place of `process.env` would have us work in the home of whoever tests. */
function insistOnHome(): void {
  const { HOME } = process.env
  if (HOME === undefined || homedir() === HOME) return
  throw new Error('process.env is not the environment of this process any more: set its variables instead')
}

/** For the system's own calls as well: another object in the place of `process.env` would leave `homedir()` as it is. */
function setEnvironment(wanted: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (wanted[name] === undefined) delete process.env[name]
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined) process.env[name] = value
}
