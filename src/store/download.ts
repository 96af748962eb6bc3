/** A large object → a file, checked while it arrives, resumed where it broke off. */
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import pRetry from 'p-retry'
import ssri from 'ssri'
import { isError, SkillsctlError } from '../core/errors.ts'
import { onDisk } from '../disk/fault.ts'
import { missing } from './promised.ts'
import type { ReadableStore } from './store.ts'

export interface Promised {
  readonly key: string
  /** `sha256-<base64>` from signed metadata. */
  readonly integrity: string
  /** Bytes. */
  readonly size: number
}

const ATTEMPTS = { retries: 5, minTimeout: 200, maxTimeout: 5_000, factor: 2, randomize: true }

/**
 * Downloads into `path`, continuing what is there. Afterwards its content has exactly the promised digest.
 * A failed network leaves the part that arrived, for the next run; wrong bytes are removed.
 * @throws SkillsctlError `missing`, `corrupt`, `unreachable`, `no-space`
 */
export async function download(
  store: ReadableStore,
  object: Promised,
  path: string,
  progress: (bytes: number) => void,
): Promise<void> {
  const resumed = await sizeOf(path)
  try {
    await pRetry(() => attempt(store, object, path, progress), {
      ...ATTEMPTS,
      shouldRetry: ({ error }) => isError(error, 'unreachable'),
    })
  } catch (error) {
    if (!isError(error, 'unreachable')) await onDisk(path, () => rm(path, { force: true }))
    // What an earlier run left may itself have been damaged.
    if (isError(error, 'corrupt') && resumed > 0) return download(store, object, path, progress)
    throw error
  }
}

async function attempt(
  store: ReadableStore,
  { key, integrity, size }: Promised,
  path: string,
  progress: (bytes: number) => void,
): Promise<void> {
  const check = ssri.integrityStream({ integrity, size, algorithms: ['sha256'] })
  const verdict = new Promise<void>((resolve, reject) => {
    check.on('end', () => resolve())
    check.on('error', reject)
  })
  // Observed below; until then a rejection is not unhandled.
  verdict.catch(() => {})
  check.resume()
  const before = Math.min(await sizeOf(path), size)
  let bytes = before
  await onDisk(path, async () => {
    if (bytes > 0) for await (const chunk of createReadStream(path, { end: bytes - 1 })) check.write(chunk)
  })
  if (bytes < size) {
    const answer = await store.stream(key, { maxBytes: size, start: bytes }).catch((error: unknown) => {
      throw isError(error, 'denied') ? missing(store, key, error) : error
    })
    if (answer.kind === 'absent') throw missing(store, key)
    const file = await onDisk(path, () => open(path, bytes === 0 ? 'w' : 'r+'))
    try {
      for await (const chunk of answer.chunks) {
        await onDisk(path, () => file.write(chunk, 0, chunk.length, bytes))
        check.write(chunk)
        bytes += chunk.length
        progress(bytes)
      }
      await onDisk(path, () => file.truncate(bytes))
    } finally {
      await file.close()
    }
    if (bytes < size) throw bytes === before ? shorter(key, size, bytes) : cutShort(key, size, bytes)
  }
  check.end()
  await verdict.catch((cause: unknown) => {
    throw new SkillsctlError('corrupt', 'the archive differs from its signed digest', {
      subject: `${store.url} ${key}`,
      expected: integrity,
      hint: 'try again; if it stays, tell whoever publishes: the store holds other bytes than were signed',
      cause,
    })
  })
}

/** Nothing more comes: it is not the connection, the object itself is too short. */
function shorter(key: string, size: number, bytes: number): SkillsctlError {
  return new SkillsctlError('corrupt', 'the archive is shorter than its signed size', {
    subject: key,
    expected: `${size} bytes`,
    found: `${bytes} bytes`,
    hint: 'tell whoever publishes: the store holds other bytes than were signed',
  })
}

/** A body that ends early is a broken connection, and worth another try from there. */
function cutShort(key: string, size: number, bytes: number): SkillsctlError {
  return new SkillsctlError('unreachable', 'the store closed the connection early', {
    subject: key,
    expected: `${size} bytes`,
    found: `${bytes} bytes`,
    hint: 'try again',
  })
}

async function sizeOf(path: string): Promise<number> {
  try {
    const file = await open(path, 'r')
    try {
      return (await file.stat()).size
    } finally {
      await file.close()
    }
  } catch {
    // Not there yet, or not readable: start from nothing.
    return 0
  }
}
