/** Programs that the bench runs: to prepare, to serve, and to measure. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Nobody's settings: no git configuration, no credentials, no home but the bench's own. */
export function environmentIn(home: string): NodeJS.ProcessEnv {
  const who = { NAME: 'Ada', EMAIL: 'ada@example.com', DATE: '2026-01-10T09:00:00Z' }
  const identity = Object.entries(who).flatMap(([name, value]) => [
    [`GIT_AUTHOR_${name}`, value],
    [`GIT_COMMITTER_${name}`, value],
  ])
  return {
    PATH: process.env['PATH'],
    HOME: home,
    LC_ALL: 'C.UTF-8',
    NO_COLOR: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    ...Object.fromEntries(identity),
  }
}

export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

export function shell(script: string): Command {
  return { program: '/bin/sh', args: ['-c', script] }
}

/** Runs to the end. @returns stdout @throws Error when it fails */
export async function run(
  { program, args }: Command,
  options: { cwd?: string; env: NodeJS.ProcessEnv },
): Promise<string> {
  const { stdout } = await execute(program, args, { ...options, maxBuffer: 2 ** 28 })
  return stdout
}

/** Runs to the end. @returns milliseconds from start to exit @throws Error when it fails */
export function timed(
  { program, args }: Command,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<number> {
  const start = performance.now()
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    // Not `close`: what a program leaves in the background is not what somebody waits for.
    child.on('exit', (code, signal) => {
      const ms = performance.now() - start
      if (code === 0) resolve(ms)
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${stderr}`))
    })
  })
}

/** Whether a program answers at all. */
export async function isInstalled(program: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await run(shell(`command -v ${program}`), { env })
    return true
  } catch {
    return false
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** A program that runs until it is stopped, or we end. */
export class Daemon {
  readonly #child: ChildProcess
  readonly #kill = (): void => {
    // The group: a program that has forked does not always end its children.
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid)
  }
  #stderr = ''

  constructor({ program, args }: Command, env: NodeJS.ProcessEnv) {
    this.#child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    process.on('exit', this.#kill)
    this.#child.on('exit', () => process.off('exit', this.#kill))
  }

  /** Waits until `ready` answers true. @throws Error when the program ends before that */
  async until(ready: () => Promise<boolean>): Promise<this> {
    while (!(await ready())) {
      if (this.#child.exitCode !== null) throw new Error(`${this.#child.spawnfile}: ${this.#stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return this
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#kill()
    await ended
  }
}
