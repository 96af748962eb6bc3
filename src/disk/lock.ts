/**
 * A lock that is a file: created exclusively, recovered when its holder is gone. Held for moments only, never
 * over the network (DESIGN §4).
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { SkillsctlError } from '../core/errors.ts'
import { uniqueHex } from './atomic-file.ts'
import { errnoOf, onDisk, onDiskNow } from './fault.ts'
import { isAlive, ownIdentity, parseIdentity } from './process-identity.ts'

/** Waiters give up after this. Milliseconds. */
const PATIENCE = 10_000
/** A lock of another machine, whose processes we cannot see, is abandoned after this. Milliseconds. */
const FOREIGN_LIFE = 60_000
/** A lock without content is being written right now, or its writer died at that moment. Milliseconds. */
const EMPTY_LIFE = 5_000
const POLL = 25

interface Held {
  readonly content: string
  readonly age: number
}

/**
 * Runs `work` while holding the lock at `path`.
 * @throws SkillsctlError `locked` when somebody else holds it for longer than `patience` milliseconds
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  patience: number = PATIENCE,
): Promise<T> {
  const content = JSON.stringify({ ...ownIdentity(), token: uniqueHex() })
  await onDisk(path, () => acquire(path, content, patience))
  try {
    return await work()
  } finally {
    onDiskNow(path, () => release(path, content))
  }
}

/** For how long somebody has held the lock at `path`, in milliseconds; undefined when nobody does. */
export function heldFor(path: string): number | undefined {
  const held = onDiskNow(path, () => read(path))
  return held === undefined || isAbandoned(held) ? undefined : held.age
}

/** Locks of this process that it could not remove when it was done: whoever of it comes next may try again. */
const left = new Set<string>()

/** Only our own: should another have judged us dead, its lock stays. */
function release(path: string, content: string): void {
  try {
    if (read(path)?.content === content) rmSync(path, { force: true })
  } catch (error) {
    left.add(content)
    throw error
  }
}

async function acquire(path: string, content: string, patience: number): Promise<void> {
  for (let waited = 0; ; waited += POLL) {
    if (create(path, content)) return
    const held = read(path)
    if (held === undefined) continue
    if (isAbandoned(held)) await clear(path, held.content)
    else if (waited >= patience) throw lockedBy(path, held)
    else await delay(POLL)
  }
}

function create(path: string, content: string): boolean {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
  try {
    writeFileSync(file, content)
    return true
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

function read(path: string): Held | undefined {
  try {
    return { content: readFileSync(path, 'utf8'), age: Date.now() - statSync(path).mtimeMs }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function isAbandoned({ content, age }: Held): boolean {
  if (left.has(content)) return true
  const holder = parseIdentity(content)
  if (holder === undefined) return age > EMPTY_LIFE
  const alive = isAlive(holder, age)
  return alive === 'unknown' ? age > FOREIGN_LIFE : !alive
}

/**
 * Removes an abandoned lock. Two waiters may both have judged it so, and the slower one must not remove the lock
 * that somebody took meanwhile: only who holds the second file may look again and remove.
 */
async function clear(path: string, abandoned: string): Promise<void> {
  const guard = `${path}.clearing`
  if (!create(guard, '')) {
    const held = read(guard)
    // Held for two system calls; one that is older belongs to somebody who died between them.
    if (held !== undefined && held.age > EMPTY_LIFE) rmSync(guard, { force: true })
    else await delay(POLL)
    return
  }
  try {
    if (read(path)?.content === abandoned) rmSync(path, { force: true })
  } finally {
    rmSync(guard, { force: true })
  }
}

function lockedBy(path: string, { content, age }: Held): SkillsctlError {
  const holder = parseIdentity(content)
  return new SkillsctlError('locked', 'another process is at work here', {
    subject: path,
    found: `process ${holder?.pid ?? 'unknown'}, since ${Math.round(age / 1000)} s`,
    hint: 'wait for it to finish; if it is stuck, end that process and run the command again',
  })
}
