/**
 * `leases/`: who reads a release right now, an agent's session or a command under `skillsctl run`. A file each, so that
 * nobody needs the lock to take one. It ends with its holder, and with its age where nobody can tell who that is.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryName } from '../disk/atomic-file.ts'
import { errnoOf, onDiskNow, systemError } from '../disk/fault.ts'
import { isAlive, type ProcessIdentity, parseIdentity } from '../disk/process-identity.ts'
import type { Layout } from '../home/layout.ts'
import { sha256Hex } from '../trust/digest.ts'

/** Of a lease on what every surface shows. */
export const EVERY = '*'

/** An id that a log and a list can show in a line. */
export const SESSION_ID = /^[\x20-\x7e]{1,200}$/

export interface Lease {
  /** Given by the agent; with the surface it tells leases apart. */
  readonly id: string
  /** Name of a surface, or `EVERY`. */
  readonly surface: string
  /** Name of a tree. */
  readonly release: string
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly holder?: ProcessIdentity | undefined
  /** Whether nobody named the holder: it may be a terminal, or whatever else never ends. */
  readonly isGuess?: boolean | undefined
}

/** A session whose process nobody knows for sure. Milliseconds. */
const LONGEST_SESSION = 24 * 60 * 60 * 1000

/** What any disk tells apart, and no other surface or id reads the same as. */
const PLAIN = /^[a-z0-9-]{1,100}$/

function pathOf({ leases }: Layout, { id, surface }: Pick<Lease, 'id' | 'surface'>): string {
  const isPlain = PLAIN.test(id) && PLAIN.test(surface)
  const name = isPlain ? `${surface}.${id}` : sha256Hex(`${surface}\n${id}`).slice(0, 32)
  return join(leases, `${name}.json`)
}

/** Replaces a lease of the same id and surface. @throws SkillsctlError `no-space`, `failed` */
export function takeLease(layout: Layout, lease: Lease): void {
  const path = pathOf(layout, lease)
  onDiskNow(path, () => {
    mkdirSync(layout.leases, { recursive: true })
    // Whole or not at all; it need not survive a power failure, because its holder does not.
    const temporary = join(layout.staging, temporaryName('lease'))
    writeFileSync(temporary, `${JSON.stringify(lease)}\n`, { mode: 0o600 })
    renameSync(temporary, path)
  })
}

/** @returns whether there was one */
export function endLease(layout: Layout, lease: Pick<Lease, 'id' | 'surface'>): boolean {
  const path = pathOf(layout, lease)
  return onDiskNow(path, () => {
    const wasThere = existsSync(path)
    rmSync(path, { force: true })
    return wasThere
  })
}

/** What was leased under this id, whether its holder lives or not. */
export function findLease(layout: Layout, lease: Pick<Lease, 'id' | 'surface'>): Lease | undefined {
  const path = pathOf(layout, lease)
  return onDiskNow(path, () => readLease(path))?.lease
}

/** Leases whose holders live, as far as anybody can tell. @param now milliseconds since the epoch */
export function liveLeases(layout: Layout, now: number): Lease[] {
  return allLeases(layout).flatMap(({ lease }) => (lease !== undefined && isLive(lease, now) ? [lease] : []))
}

/** Removes what dead holders left behind. */
export function sweepLeases(layout: Layout, now: number): void {
  for (const { path, lease, modified } of allLeases(layout)) {
    const isDead = lease === undefined ? now - modified > LONGEST_SESSION : !isLive(lease, now)
    if (isDead) onDiskNow(path, () => rmSync(path, { force: true }))
  }
}

/** Whether this lease keeps a surface from moving. */
export function holds({ surface }: Lease, name: string): boolean {
  return surface === EVERY || surface === name
}

/** How many live leases keep it from moving. @param now milliseconds since the epoch */
export function sessionsOn(layout: Layout, name: string, now: number): number {
  return liveLeases(layout, now).filter((lease) => holds(lease, name)).length
}

function isLive({ holder, isGuess = false, since }: Lease, now: number): boolean {
  const age = now - since
  const alive = holder === undefined ? 'unknown' : isAlive(holder, Math.max(0, age))
  if (alive === false || (alive === true && !isGuess)) return alive
  // A time far in the future was noted while a clock was wrong.
  return Math.abs(age) < LONGEST_SESSION
}

interface Found {
  readonly path: string
  readonly lease: Lease | undefined
  readonly modified: number
}

function allLeases({ leases }: Layout): Found[] {
  return onDiskNow(leases, () => namesIn(leases).flatMap((name) => readLease(join(leases, name)) ?? []))
}

function readLease(path: string): Found | undefined {
  try {
    const modified = statSync(path).mtimeMs
    return { path, lease: parseLease(readFileSync(path, 'utf8')), modified }
  } catch (error) {
    // Ended meanwhile; or a directory, of which nothing here is ours.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EISDIR') return undefined
    throw error
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw systemError(error, directory)
  }
}

/** Undefined for what a crash or a bad disk has left. */
export function parseLease(text: string): Lease | undefined {
  try {
    const { id, surface, release, since, holder, isGuess } = JSON.parse(text)
    const isLease =
      [id, surface, release].every((field) => typeof field === 'string') && Number.isFinite(since)
    if (!isLease) return undefined
    const process = parseIdentity(JSON.stringify(holder ?? null))
    return { id, surface, release, since, holder: process, ...(isGuess === true ? { isGuess } : {}) }
  } catch {
    // Torn: judged by its age.
    return undefined
  }
}
