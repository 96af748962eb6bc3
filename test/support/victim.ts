/** Child processes that run the compiled program and are killed in the middle of it. */
import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
export const PRELOAD = at('test/crash/victim/preload.mjs')
export const RUN = at('test/crash/victim/run.mjs')
export const CLI = at('dist/cli/main.cjs')

/** One change to the file system (or a started program, or a step entered), in the order they were asked for. */
export interface Operation {
  readonly step: string
  readonly name: string
  readonly subject: string
}

/** A flow and what it needs; see test/crash/victim/run.mjs. Everything is JSON. */
export interface Job {
  readonly flow: string
  /** Its directory for temporary files; what a killed one leaves there is the system's to clear. */
  readonly temporary?: string
  readonly [field: string]: unknown
}

export interface Ended {
  readonly code: number | null
  readonly killed: boolean
  readonly stdout: string
  readonly stderr: string
}

interface SpawnOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Sends SIGKILL after so many milliseconds. */
  readonly killAfter?: number
}

/** Runs a program to its end, or to ours. */
export async function runProcess(
  args: readonly string[],
  { env, cwd, killAfter }: SpawnOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const over = new AbortController()
  if (killAfter !== undefined) {
    delay(killAfter, undefined, { signal: over.signal }).then(
      () => child.kill('SIGKILL'),
      () => {},
    )
  }
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    // `close` comes when the pipes are empty, which a started git may hold open for a moment.
    child.on('close', (...ending) => resolve(ending))
  })
  over.abort()
  return { code, killed: signal === 'SIGKILL', stdout, stderr }
}

/** Runs a job to its end and tells what it did to the file system. */
export async function recordOperations(job: Job): Promise<Operation[]> {
  const log = join(tmpdir(), `victim-${process.pid}-${Math.random().toString(36).slice(2)}.json`)
  try {
    const { code, stderr } = await runProcess(['--import', PRELOAD, RUN, JSON.stringify(job)], {
      env: { VICTIM_LOG: log, TMPDIR: job.temporary ?? tmpdir() },
    })
    if (code !== 0) throw new Error(`the victim fails without being killed: ${stderr}`)
    return JSON.parse(await readFile(log, 'utf8'))
  } finally {
    await rm(log, { force: true })
  }
}

/**
 * Runs a job and kills it right before its `killAt`th operation, counted from one.
 * @param torn when that operation writes, half of it is written first
 * @returns false when it ended before
 */
export async function runAndKill(job: Job, killAt: number, torn: boolean): Promise<boolean> {
  const { killed, code, stderr } = await runProcess(['--import', PRELOAD, RUN, JSON.stringify(job)], {
    env: { VICTIM_KILL_AT: String(killAt), VICTIM_TORN: torn ? '1' : '0', TMPDIR: job.temporary ?? tmpdir() },
  })
  if (!killed && code !== 0) throw new Error(`the victim failed instead of being killed: ${stderr}`)
  return killed
}
