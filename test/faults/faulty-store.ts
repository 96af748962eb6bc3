/** A store that goes wrong in every way a store can, as a dice says. */
import { SkillsctlError } from '../../src/core/errors.ts'
import type {
  Condition,
  GetAnswer,
  GetOptions,
  PutAnswer,
  Store,
  StoredObject,
  StreamAnswer,
  StreamOptions,
} from '../../src/store/store.ts'
import type { Call } from '../support/lying-store.ts'
import type { Clock } from '../support/team.ts'
import { HOUR } from '../support/team.ts'
import { DAMAGE, type Damage, damaged } from './damage.ts'
import type { Dice } from './dice.ts'

/** The error kinds of the port. `corrupt`, as when an adapter finds more bytes than it may read. */
const THROWN = ['unreachable', 'denied', 'corrupt', 'failed'] as const
/** Each with the calls that it can happen to. */
const READS = [...THROWN, ...DAMAGE, 'absent', 'outdated', 'frozen', 'wrong-etag', 'slow', 'rival'] as const
const STREAMS = [...THROWN, ...DAMAGE, 'absent', 'broken-off', 'dripping', 'slow', 'rival'] as const
const WRITES = ['unreachable', 'denied', 'failed', 'lost', 'conflict', 'slow', 'rival'] as const
const CHANGES = ['unreachable', 'denied', 'failed', 'lost', 'slow'] as const
const STATS = ['unreachable', 'denied', 'failed', 'absent', 'slow'] as const
const LISTS = ['unreachable', 'denied', 'failed', 'short-list', 'double-list', 'slow'] as const

/** What can happen to somebody who only reads, and to somebody who changes the repository. */
export const READING = [...new Set([...READS, ...STREAMS])]
export const WRITING = [...new Set([...WRITES, ...CHANGES, ...STATS, ...LISTS])]
export type StoreFault = (typeof READING)[number] | (typeof WRITING)[number]
type Thrown = (typeof THROWN)[number]

export interface Weather {
  readonly kinds: readonly StoreFault[]
  /** Of each call to be hit. */
  readonly rate: number
  /** Calls that are hit at most. */
  readonly most: number
}

export interface Surroundings {
  readonly dice: Dice
  readonly clock: Clock
  readonly weather: Weather
  /** What an object was before, as a cache would still answer. */
  readonly earlier: (key: string) => GetAnswer | undefined
  /** Somebody else changes the repository. */
  readonly rival: () => Promise<void>
}

export class FaultyStore implements Store {
  readonly url: string
  /** What has gone wrong so far. */
  readonly fired = new Set<StoreFault>()
  readonly calls: (Call & { readonly maxBytes?: number })[] = []
  readonly #truth: Store
  readonly #world: Surroundings
  #left: number

  constructor(truth: Store, surroundings: Surroundings) {
    this.url = truth.url
    this.#truth = truth
    this.#world = surroundings
    this.#left = surroundings.weather.most
  }

  async get(key: string, { maxBytes, ifNoneMatch }: GetOptions): Promise<GetAnswer> {
    const { dice, earlier } = this.#world
    const fault = await this.#meet({ operation: 'get', key, maxBytes }, READS)
    if (fault === 'absent') return { kind: 'absent' }
    if (fault === 'frozen' && ifNoneMatch !== undefined) return { kind: 'unchanged' }
    const old = fault === 'outdated' ? earlier(key) : undefined
    const answer = old ?? (await this.#truth.get(key, { maxBytes: Number.MAX_SAFE_INTEGER }))
    if (answer.kind !== 'found') return answer
    const etag = fault === 'wrong-etag' ? `"${dice.below(10 ** 9)}"` : answer.etag
    const body = isDamage(fault) ? damaged(answer.body, fault, dice) : answer.body
    if (etag === ifNoneMatch && body === answer.body) return { kind: 'unchanged' }
    return { kind: 'found', body: capped(body, maxBytes, key), etag }
  }

  async stream(key: string, { maxBytes, start = 0 }: StreamOptions): Promise<StreamAnswer> {
    const fault = await this.#meet({ operation: 'stream', key, maxBytes }, STREAMS)
    const answer = await this.#truth.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
    if (fault === 'absent' || answer.kind !== 'found') return { kind: 'absent' }
    const whole = isDamage(fault) ? damaged(answer.body, fault, this.#world.dice) : answer.body
    const body = capped(whole, maxBytes, key).subarray(start)
    return { kind: 'found', chunks: chunksOf(body, fault, key) }
  }

  put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    return this.#write({ operation: 'put', key }, WRITES, (fault) =>
      fault === 'conflict' ? Promise.resolve({ kind: 'conflict' }) : this.#truth.put(key, body, condition),
    )
  }

  touch(key: string, body: Buffer): Promise<void> {
    return this.#write({ operation: 'touch', key }, CHANGES, () => this.#truth.touch(key, body))
  }

  remove(key: string): Promise<void> {
    return this.#write({ operation: 'remove', key }, CHANGES, () => this.#truth.remove(key))
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    const fault = await this.#meet({ operation: 'stat', key }, STATS)
    return fault === 'absent' ? undefined : this.#truth.stat(key)
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    const fault = await this.#meet({ operation: 'list', key: prefix }, LISTS)
    for await (const object of this.#truth.list(prefix)) {
      if (fault === 'short-list' && this.#world.dice.chance(0.5)) continue
      yield object
      if (fault === 'double-list') yield object
    }
  }

  close(): void {}

  /** Notes the call, and lets happen what the dice says. Faults that throw are thrown here. */
  async #meet<F extends StoreFault>(
    call: Call & { maxBytes?: number },
    possible: readonly F[],
  ): Promise<F | undefined> {
    this.calls.push(call)
    const { dice, weather, clock, rival } = this.#world
    const candidates = possible.filter((kind) => weather.kinds.includes(kind))
    if (this.#left === 0 || candidates.length === 0 || !dice.chance(weather.rate)) return undefined
    this.#left -= 1
    const kind = dice.pick(candidates)
    this.fired.add(kind)
    if (isThrown(kind)) throw new SkillsctlError(kind, 'injected by the test', { subject: call.key })
    if (kind === 'slow') clock.pass(dice.below(30 * HOUR))
    if (kind === 'rival') await rival()
    return kind
  }

  async #write<F extends StoreFault, T>(
    call: Call,
    possible: readonly F[],
    work: (fault: F | undefined) => Promise<T>,
  ): Promise<T> {
    const fault = await this.#meet(call, possible)
    const done = await work(fault)
    if (fault !== 'lost') return done
    throw new SkillsctlError('unreachable', 'the answer was lost', { subject: call.key })
  }
}

function isDamage(fault: StoreFault | undefined): fault is Damage {
  return DAMAGE.some((kind) => kind === fault)
}

function isThrown(kind: StoreFault): kind is Thrown {
  return THROWN.some((thrown) => thrown === kind)
}

/** Every honest adapter caps, and so does this one. */
function capped(body: Buffer, maxBytes: number, key: string): Buffer {
  if (body.length <= maxBytes) return body
  throw new SkillsctlError('corrupt', 'the object is longer than it may be', { subject: key })
}

async function* chunksOf(body: Buffer, fault: StoreFault | undefined, key: string): AsyncGenerator<Buffer> {
  const size = fault === 'dripping' ? 7 : 4096
  const end = fault === 'broken-off' ? body.length >> 1 : body.length
  for (let start = 0; start < end; start += size)
    yield Buffer.from(body.subarray(start, Math.min(start + size, end)))
  if (fault === 'broken-off')
    throw new SkillsctlError('unreachable', 'the connection broke', { subject: key })
}
