/** A copy of the installed release to make the next one of: the standby, or one that is made while a bundle travels. */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Catchup } from '../archive/catchup.ts'
import type { Base } from '../archive/copy-tree.ts'
import { isError } from '../core/errors.ts'
import type { Layout } from '../home/layout.ts'
import { type Installed, type InstalledName, readInstalled } from '../home/releases.ts'
import type { StagingArea } from '../home/staging.ts'
import { takeStandby } from '../home/standby.ts'
import { readRecord, type StatRecord, stampOf } from '../home/stat-record.ts'

export interface BaseCopy {
  readonly base: Base
  /** Of a copy that is on the disk already, complete: the stamps of its files. */
  readonly stamps: StatRecord | undefined
}

/** Longest time in which nothing else gets a turn. Milliseconds. */
const TURN = 5

/**
 * Puts a copy of a release into the staging area.
 * @param signal ends the work, when nobody needs it any more
 * @returns undefined when that cannot be done, or was ended: the area holds debris then
 * @throws SkillsctlError `no-space`
 */
export async function copyInstalled(
  layout: Layout,
  { directory }: InstalledName,
  area: StagingArea,
  signal: AbortSignal,
): Promise<BaseCopy | undefined> {
  // Whatever was asked of the store goes out first.
  await setImmediate()
  const installed = readInstalled(layout, directory)
  if (installed === undefined) return undefined
  const base = baseOf(layout, installed)
  const stamps = await takeStandby(layout, installed, area).catch(withoutStandby)
  if (stamps !== undefined) return { base, stamps }
  const { copyTree, falseUnlessFull } = await import('../archive/copy-tree.ts')
  const isCopied = await inTurns(copyTree(area.tree, base), signal).catch((error: unknown) =>
    falseUnlessFull(error, area.tree),
  )
  return isCopied === true ? { base, stamps } : undefined
}

export interface CopyUnderWay {
  readonly made: Promise<BaseCopy | undefined>
  /** Nobody writes to the staging area afterwards. */
  end(): Promise<void>
}

/** Copies what is installed while the bundle travels that says what changed; without one there is nothing to copy for. */
export function copyMeanwhile(
  layout: Layout,
  installed: InstalledName | undefined,
  area: StagingArea,
  catchup: Promise<Catchup | undefined> | undefined,
): CopyUnderWay | undefined {
  if (installed === undefined || catchup === undefined) return undefined
  const ended = new AbortController()
  const made = copyInstalled(layout, installed, area, ended.signal)
  // Heard by whoever wants the copy.
  made.catch(() => {})
  catchup.then(
    (bundle) => {
      if (bundle?.files === undefined) ended.abort()
    },
    // Heard by whoever wants the bundle.
    () => ended.abort(),
  )
  return {
    made,
    end: async () => {
      ended.abort()
      await Promise.allSettled([made])
    },
  }
}

/** One that cannot be read is none. @throws SkillsctlError `no-space`, because a new copy needs more room */
function withoutStandby(error: unknown): undefined {
  if (!isError(error) || error.code === 'no-space') throw error
}

/** An installed release as something to copy. */
export function baseOf(layout: Layout, { directory: name, content }: Installed): Base {
  const directory = join(layout.releases, name)
  const record = readRecord(layout, name)
  const isUntouched = (path: string): boolean => stampOf(join(directory, path)) === record.get(path)
  return { directory, manifest: content, isUntouched }
}

/** Runs work that does not wait, and lets others have their turn. @returns undefined when it was ended */
export async function inTurns<T>(work: Generator<undefined, T>, signal: AbortSignal): Promise<T | undefined> {
  for (let began = performance.now(); !signal.aborted; ) {
    const { done, value } = work.next()
    if (done === true) return value
    if (performance.now() - began < TURN) continue
    await setImmediate()
    began = performance.now()
  }
  return undefined
}
