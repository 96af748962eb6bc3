/**
 * A disk that refuses. For a while, what this process asks of the file system below some directories fails as the
 * operating system would let it fail.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Dice } from './dice.ts'

export const DISK_FAULTS = [
  'no space',
  'read-only',
  'not permitted',
  'input/output error',
  'no descriptors',
  'slow disk',
] as const
export type DiskFault = (typeof DISK_FAULTS)[number]

const ERRNO: Readonly<Record<Exclude<DiskFault, 'slow disk'>, string>> = {
  'no space': 'ENOSPC',
  'read-only': 'EROFS',
  'not permitted': 'EACCES',
  'input/output error': 'EIO',
  'no descriptors': 'EMFILE',
}

/** What a call does to the file system; an open one may do either. */
type Effect = 'opens' | 'grows' | 'changes' | 'reads'

const EFFECTS: Readonly<Record<string, readonly Effect[]>> = {
  open: ['opens'],
  readFile: ['opens', 'reads'],
  readdir: ['opens', 'reads'],
  writeFile: ['opens', 'grows', 'changes'],
  appendFile: ['grows', 'changes'],
  write: ['grows', 'changes'],
  sync: ['grows', 'changes'],
  fsync: ['grows', 'changes'],
  mkdir: ['grows', 'changes'],
  symlink: ['grows', 'changes'],
  link: ['grows', 'changes'],
  cp: ['opens', 'grows', 'changes'],
  copyFile: ['opens', 'grows', 'changes'],
  rename: ['changes'],
  rm: ['changes'],
  rmdir: ['changes'],
  unlink: ['changes'],
  chmod: ['changes'],
  fchmod: ['changes'],
  truncate: ['changes'],
  stat: ['reads'],
  lstat: ['reads'],
  readlink: ['reads'],
  statfs: ['reads'],
  read: ['reads'],
}

/** Which effects each fault spoils. */
const SPOILS: Readonly<Record<DiskFault, readonly Effect[]>> = {
  'no space': ['grows'],
  'read-only': ['grows', 'changes'],
  'not permitted': ['opens', 'grows', 'changes'],
  'input/output error': ['opens', 'grows', 'changes', 'reads'],
  'no descriptors': ['opens'],
  'slow disk': [],
}

export interface DiskWeather {
  readonly kind: DiskFault
  /** Calls that the fault could spoil and that still work, and how many after them do not. */
  readonly after: number
  readonly length: number
}

export function diskWeather(dice: Dice): DiskWeather {
  const length = dice.pick([1, 1, 2, 5, Number.POSITIVE_INFINITY])
  return { kind: dice.pick(DISK_FAULTS), after: dice.below(dice.pick([5, 40, 150])), length }
}

export class FaultyDisk {
  /** Whether anything went wrong so far. */
  hasStruck = false
  readonly #roots: readonly string[]
  readonly #weather: DiskWeather
  readonly #descriptors = new Set<number>()
  readonly #undo: (() => void)[] = []
  #count = 0

  /** @param roots beginnings of absolute paths; everything else works as ever */
  constructor(roots: readonly string[], weather: DiskWeather) {
    this.#roots = roots
    this.#weather = weather
  }

  get kind(): DiskFault {
    return this.#weather.kind
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    for (const name of Object.keys(EFFECTS)) {
      this.#replace(fs.promises, name, (original) => this.#later(name, original))
      this.#replace(fs, `${name}Sync`, (original) => this.#now(name, original))
    }
    syncBuiltinESMExports()
    try {
      return await work()
    } finally {
      for (const undo of this.#undo) undo()
      syncBuiltinESMExports()
    }
  }

  #replace(owner: object, name: string, by: (original: Work) => Work): void {
    const original: unknown = Reflect.get(owner, name)
    if (typeof original !== 'function') return
    Reflect.set(
      owner,
      name,
      by((...given) => Reflect.apply(original, owner, given)),
    )
    this.#undo.push(() => Reflect.set(owner, name, original))
  }

  #now(name: string, original: Work): Work {
    return (...given) => {
      const isOurs = this.#isOurs(given[0])
      if (isOurs) this.#strike(name, effectsOf(name, given[1]))
      const result = original(...given)
      if (isOurs && name === 'open' && typeof result === 'number') this.#descriptors.add(result)
      return result
    }
  }

  #later(name: string, original: Work): Work {
    return async (...given) => {
      if (!this.#isOurs(given[0])) return original(...given)
      if (this.#weather.kind === 'slow disk') await new Promise((resolve) => setImmediate(resolve))
      this.#strike(name, effectsOf(name, given[1]))
      const result = await original(...given)
      if (name === 'open' && typeof result === 'object' && result !== null) this.#spoilHandle(result)
      return result
    }
  }

  /** A file that is open can fail at every later call, too. Closing it always works. */
  #spoilHandle(handle: object): void {
    for (const name of ['write', 'writeFile', 'appendFile', 'sync', 'truncate', 'read', 'readFile', 'stat']) {
      const effects = effectsOf(name, undefined).filter((effect) => effect !== 'opens')
      const original: unknown = Reflect.get(handle, name)
      if (typeof original !== 'function') continue
      Reflect.set(handle, name, async (...given: unknown[]) => {
        this.#strike(name, effects)
        return Reflect.apply(original, handle, given)
      })
    }
  }

  #strike(name: string, effects: readonly Effect[]): void {
    const { kind, after, length } = this.#weather
    if (kind === 'slow disk' || !effects.some((effect) => SPOILS[kind].includes(effect))) return
    this.#count += 1
    if (this.#count <= after || this.#count > after + length) return
    this.hasStruck = true
    const code = ERRNO[kind]
    throw Object.assign(new Error(`${code}: injected by the test, ${name}`), { code, syscall: name })
  }

  #isOurs(subject: unknown): boolean {
    if (typeof subject === 'number') return this.#descriptors.has(subject)
    return typeof subject === 'string' && this.#roots.some((root) => subject.startsWith(root))
  }
}

type Work = (...given: unknown[]) => unknown

function effectsOf(name: string, flags: unknown): readonly Effect[] {
  const isWriting = name === 'open' && typeof flags === 'string' && flags !== 'r'
  return isWriting ? ['opens', 'grows', 'changes'] : (EFFECTS[name] ?? [])
}
