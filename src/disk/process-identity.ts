/**
 * Which process holds something: a pid alone is reused, so it goes with the process's start, and with the
 * machine and pid namespace in which both mean something.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, uptime } from 'node:os'
import { errnoOf } from './fault.ts'

export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in units of this platform; equal for the same process only. */
  readonly started: string
  /** Boot, pid namespace and host name: elsewhere the pid says nothing. */
  readonly machine: string
}

function readOr(read: () => string, fallback: string): string {
  try {
    return read()
  } catch {
    // Not Linux, or a sandbox without /proc: the fallback is weaker but never wrong about ourselves.
    return fallback
  }
}

function thisMachine(): string {
  const boot = readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), '-')
  const namespace = readOr(() => readlinkSync('/proc/self/ns/pid'), '-')
  return [boot, namespace, hostname()].join(' ')
}

/**
 * Whether this other machine is ours before its last restart: nothing of it lives on. Two machines may share a
 * name, but what one of them has written since our start was not written by us before it.
 */
function isEarlierBoot(machine: string, age: number): boolean {
  const [boot, , host] = machine.split(' ')
  const [ourBoot, , ourHost] = thisMachine().split(' ')
  return host === ourHost && boot !== ourBoot && age > uptime() * 1000
}

/** Start of a process, or undefined when there is none. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startFromPs(pid)
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '')
  // Field 22 of proc(5); the command in field 2 may hold spaces and parentheses, so count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended, though its parent (in a container often nobody) has not noticed.
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function startFromPs(pid: number): string | undefined {
  // Two processes must read the same, whatever language and time zone each runs in.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
  const ps = (): string =>
    // Loaded here: most commands start no other program.
    process
      .getBuiltinModule('node:child_process')
      .execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env })
      .trim()
  return readOr(ps, '') || undefined
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) ?? 'unknown', machine: thisMachine() }
}

/**
 * `unknown` for a process of another machine or pid namespace sharing this disk.
 * @param age milliseconds since it wrote down who it is
 */
export function isAlive(holder: ProcessIdentity, age: number): boolean | 'unknown' {
  if (holder.machine !== thisMachine()) return isEarlierBoot(holder.machine, age) ? false : 'unknown'
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false
  }
  return holder.started === 'unknown' || startOf(holder.pid) === holder.started
}

/** Reads an identity that was written as JSON; undefined when a crash cut it short. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const { pid, started, machine } = JSON.parse(text)
    return typeof pid === 'number' && typeof started === 'string' && typeof machine === 'string'
      ? { pid, started, machine }
      : undefined
  } catch {
    // Torn: whoever asks judges by age.
    return undefined
  }
}
