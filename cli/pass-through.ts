/** A command that runs in our place: with our input and output, the signals that we get, and its end as ours. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'

export interface Ended {
  /** Exit code; null when a signal ended it. */
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
}

const PASSED: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
]
/** A terminal sends these to everybody who runs at it: passed on, the command would get them twice. */
const BY_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH']

/** @throws the system's error when the command cannot be started */
export function runInPlace(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const isAtTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
    // First: a signal that comes while the command is being started is for the command.
    const handlers = PASSED.map((signal) => {
      const isForAll = isAtTerminal && BY_TERMINAL.includes(signal)
      const pass = (): void => {
        if (!isForAll) child.kill(signal)
      }
      process.on(signal, pass)
      return { signal, pass }
    })
    const stop = (): void => {
      for (const { signal, pass } of handlers) process.off(signal, pass)
    }
    const child = spawn(program, args, { stdio: 'inherit', env })
    child.on('error', (error) => {
      // Also of a signal that could not be passed on: that ends nothing.
      if (child.pid !== undefined) return
      stop()
      reject(error)
    })
    child.on('exit', (exit, signal) => {
      stop()
      resolve({ exit, signal })
    })
  })
}

/** As a shell says it, for what cannot be ended that way. */
export function exitBySignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** Ends this process as the signal has ended the command, so that whoever waits for us sees the same. */
export function endBySignal(signal: NodeJS.Signals): void {
  if (signal !== 'SIGKILL' && signal !== 'SIGSTOP') {
    // Node ignores some and listens to others; with the last listener the system's own way of ending comes back.
    process.on(signal, () => {})
    process.removeAllListeners(signal)
  }
  process.kill(process.pid, signal)
}
