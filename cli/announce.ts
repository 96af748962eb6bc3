/** After every command: should another release be shown than before, the command that the person chose for it runs. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defaultHome } from '../src/home/default-home.ts'
import type { Cli } from './context.ts'

/** Set for whoever runs `afterSwitch`, and for what it runs: they look again themselves. */
const BUSY = 'SKILLSCTL_AFTER_SWITCH'

/** Starts a process that outlives us, and does not wait for it. Never fails a command: that has done its work. */
export async function announceSwitch({ globals, output }: Cli): Promise<void> {
  const home = resolve(globals.home ?? defaultHome(process.env))
  if (process.env[BUSY] !== undefined || !isWanted(home)) return
  try {
    const [{ newSwitch }, { layoutOf }] = await Promise.all([
      import('../src/flows/after-switch.ts'),
      import('../src/home/layout.ts'),
    ])
    if ((await newSwitch(layoutOf(home))) !== undefined) startAnnouncing(home)
  } catch (error) {
    const { asFailure } = await import('./failure.ts')
    const { message, subject = home } = asFailure(error)
    output.warn(`afterSwitch was not run: ${message}: ${subject}`)
  }
}

/** As `announceSwitch`, for who has just moved something and has no time: whether it is news is looked at over there. */
export function announceMove(home: string): void {
  if (process.env[BUSY] === undefined && isWanted(home)) startAnnouncing(resolve(home))
}

function startAnnouncing(home: string): void {
  startDetached(['after-switch', '--due', '--home', home], { [BUSY]: '1' })
}

/** Read as little as possible: most machines have none. What cannot be read, the command itself complained about. */
function isWanted(home: string): boolean {
  try {
    return JSON.parse(readFileSync(join(home, 'config.json'), 'utf8')).afterSwitch !== undefined
  } catch {
    return false
  }
}

/** This program again, in a session of its own: it holds neither our terminal nor our output, and keeps nobody alive. */
export function startDetached(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const { pathname } = new URL('../../dist/cli/main.cjs', import.meta.url)
  const child = spawn(process.execPath, [decodeURIComponent(pathname), ...args], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  // Heard by whoever waits for its end.
  child.on('error', () => {})
  child.unref()
  return child
}
