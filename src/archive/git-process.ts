/** One run of git. */
import { spawn } from 'node:child_process'
import { SkillsctlError } from '../core/errors.ts'
import { errnoOf, systemError } from '../disk/fault.ts'

export interface GitCall {
  readonly environment: NodeJS.ProcessEnv
  /** What it reads; nothing when left out. */
  readonly input?: string | Uint8Array | undefined
  /** Milliseconds. After that it is ended, with all that it has started; it cannot ask the terminal anything. */
  readonly limit?: number | undefined
}

export interface GitAnswer {
  /** null when a signal ended it. */
  readonly exit: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** @throws SkillsctlError `failed` when git cannot be started */
export function runGit(
  directory: string,
  args: readonly string[],
  { environment, input, limit }: GitCall,
): Promise<GitAnswer> {
  const isLimited = limit !== undefined
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', directory, '-c', 'core.quotePath=false', ...args], {
      env: environment,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // A session of its own: no terminal, and a group that can be ended as a whole.
      detached: isLimited,
    })
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin?.on('error', () => {}) // It ended without reading: its answer tells why.
    child.stdin?.end(input)
    const timer = isLimited ? setTimeout(() => endGroup(child.pid), limit) : undefined
    child.on('error', (cause) => {
      clearTimeout(timer)
      reject(notStarted(cause))
    })
    child.on('close', (exit) => {
      clearTimeout(timer)
      resolve({ exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') })
    })
  })
}

/** @throws SkillsctlError `failed` when git refuses, or cannot be started: its subject is `git` then */
export async function gitOutput(directory: string, args: readonly string[], call: GitCall): Promise<Buffer> {
  const { exit, stdout, stderr } = await runGit(directory, args, call)
  if (exit === 0) return stdout
  throw new SkillsctlError('failed', 'git refused', {
    subject: `git ${args.join(' ')}`,
    found: stderr.trim().split('\n')[0],
  })
}

function notStarted(cause: unknown): SkillsctlError {
  if (errnoOf(cause) !== 'ENOENT') return systemError(cause, 'git')
  return new SkillsctlError('failed', 'git is not installed', {
    subject: 'git',
    hint: 'install git and run the command again',
    cause,
  })
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // It has just ended by itself.
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
