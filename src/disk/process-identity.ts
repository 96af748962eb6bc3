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

/** What the system says of a process that runs. */
export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  /** Name of its program, on some platforms with its path. */
  readonly program: string
  /** As in `ProcessIdentity`. */
  readonly started: string
}

/** Undefined when there is none. */
export function findProcess(pid: number): RunningProcess | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
}

function fromProc(pid: number): RunningProcess | undefined {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '')
  // proc(5): the program in field 2 may hold spaces and parentheses, so the others are counted from its end.
  const [begin, end] = [stat.indexOf('('), stat.lastIndexOf(')')]
  const fields = stat.slice(end + 2).split(' ')
  const [state, parent, started] = [fields[0], fields[1], fields[19]]
  // A zombie has ended, though its parent (in a container often nobody) has not noticed.
  if (state === 'Z' || state === 'X' || started === undefined) return undefined
  return { pid, parent: Number(parent), program: stat.slice(begin + 1, end), started }
}

function fromPs(pid: number): RunningProcess | undefined {
  // Two processes must read the same, whatever language and time zone each runs in.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
  const ps = (): string =>
    // Loaded here: most commands start no other program.
    process
      .getBuiltinModule('node:child_process')
      .execFileSync('ps', ['-o', 'ppid=,lstart=,comm=', '-p', String(pid)], { encoding: 'utf8', env })
  const found = /^\s*(\d+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*?)\s*$/.exec(readOr(ps, ''))
  const [, parent, started, program] = found ?? []
  if (started === undefined || program === undefined) return undefined
  return { pid, parent: Number(parent), program, started }
}

function startOf(pid: number): string | undefined {
  return findProcess(pid)?.started
}

/** Units in which Linux tells the start of a process, for every architecture. Per second. */
const TICKS = 100

/**
 * When a process of this machine started, in milliseconds since the epoch and to about a second; undefined where its
 * platform, or a container, does not tell.
 * @param now milliseconds since the epoch
 */
export function startTimeOf({ started }: Pick<ProcessIdentity, 'started'>, now: number): number | undefined {
  const time = /^\d+$/.test(started)
    ? now - (uptime() - Number(started) / TICKS) * 1000
    : Date.parse(`${started} UTC`)
  return Number.isNaN(time) || time > now ? undefined : time
}

/** Of any process of this machine. */
export function identityOf({ pid, started }: Pick<RunningProcess, 'pid' | 'started'>): ProcessIdentity {
  return { pid, started, machine: thisMachine() }
}

export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.started === other.started && one.machine === other.machine
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
