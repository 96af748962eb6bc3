/** A line for the shell that may take so long and no longer, with all that it starts. */
import { spawn } from 'node:child_process'
import { errnoOf } from '../src/disk/fault.ts'

export interface Limited {
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether the limit ended it. */
  readonly isOver: boolean
  /** The end of what it wrote, to either stream. */
  readonly output: string
  /** Why it could not even be started. */
  readonly problem?: string | undefined
}

/** Characters. */
const MOST_OUTPUT = 4096
/** For what it leaves running: that may hold its output open for ever. Milliseconds. */
const LAST_WORDS = 250

/** @param limit milliseconds */
export function runLimited(
  command: string,
  limit: number,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Limited> {
  return new Promise((resolve) => {
    // A group of its own, so that all of it can be ended.
    const child = spawn('sh', ['-c', command], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [output, isOver] = ['', false]
    const keep = (text: string): void => {
      output = (output + text).slice(-MOST_OUTPUT)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep)
    const timer = setTimeout(() => {
      isOver = true
      endGroup(child.pid)
    }, limit)
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ exit: null, signal: null, isOver, output, problem: errnoOf(error) ?? error.message })
    })
    child.on('exit', () => {
      clearTimeout(timer)
      setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream.destroy()
      }, LAST_WORDS).unref()
    })
    child.on('close', (exit, signal) => resolve({ exit, signal, isOver, output }))
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
