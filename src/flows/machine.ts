/** What every machine-side flow needs: where the home is, how to reach a store, what time it is. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Channel, type ChannelHead, parseChannel } from '../core/channel.ts'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Emit } from '../core/events.ts'
import { type Freshness, judgeFreshness } from '../core/freshness.ts'
import { formatInstant } from '../core/parse.ts'
import { triedChannel } from '../core/trial.ts'
import { withLock } from '../disk/lock.ts'
import { type MachineConfig, requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { type MachineState, type ReleaseName, readState, updateState } from '../home/state.ts'
import { trustCache } from '../home/trust-cache.ts'
import type { ReadableStore } from '../store/store.ts'
import type { RepositoryReader } from '../trust/reader.ts'

export interface MachineContext {
  readonly layout: Layout
  readonly openStore: (url: string) => Promise<ReadableStore>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds that only grow. */
  readonly clock: () => number
  readonly emit: Emit
  /** Who does it, for the history: program and version. */
  readonly by: string
}

/** What is needed of it where nothing is asked of the store. */
export type LocalContext = Pick<MachineContext, 'layout' | 'now' | 'emit' | 'by'>

/** A machine that has joined. */
export interface Machine extends MachineContext {
  readonly config: MachineConfig
  readonly state: MachineState
  /** What it follows now: its own channel, or a draft that is tried. */
  readonly channel: Channel
}

/** @throws SkillsctlError `usage` when it has not joined */
export async function openMachine(context: MachineContext): Promise<Machine> {
  const config = await requireConfig(context.layout)
  const state = await readState(context.layout)
  const channel = parseChannel(triedChannel(state.trial, context.now()) ?? config.channel)
  return { ...context, config, state, channel }
}

/** Runs `work` with the machine's store, and closes it. */
export async function withStore<T>(machine: Machine, work: (store: ReadableStore) => Promise<T>): Promise<T> {
  const store = await machine.openStore(machine.config.store)
  try {
    return await work(store)
  } finally {
    store.close()
  }
}

/** Loads the TUF code, which most commands do without. */
export async function openReader(
  { layout, config, now }: Machine,
  store: ReadableStore,
): Promise<RepositoryReader> {
  const { RepositoryReader } = await import('../trust/reader.ts')
  return RepositoryReader.open({ store, cache: trustCache(layout), pin: config.root, now: now() })
}

/** An answer that takes longer than this leaves time for something else. Milliseconds. */
const AT_ONCE = 5

/**
 * As `openReader`, while an answer travels; of one that is there at once, most need no reading.
 * @returns undefined when there was no time, or it failed: whoever needs a reader opens one, and hears why not
 */
export async function openMeanwhile(
  machine: Machine,
  store: ReadableStore,
  answer: Promise<unknown>,
): Promise<RepositoryReader | undefined> {
  const isHere = answer.then(
    () => true,
    () => true,
  )
  // The answer of a directory does not travel.
  if (store.url.startsWith('file:') || (await Promise.race([isHere, delay(AT_ONCE, false)]))) return undefined
  return openReader(machine, store).catch((error: unknown) => {
    if (isError(error)) return undefined
    throw error
  })
}

/** What a verified answer of the store taught us, in the fields of the state. */
export function learned(
  machine: Machine,
  reader: RepositoryReader,
  head: ReleaseName | undefined,
): Partial<MachineState> {
  const { 'x-signed-at': signedAt, expires } = reader.stamp
  return {
    checkedAt: formatInstant(machine.now()),
    ...(reader.isRefreshed ? { rootCheckedAt: formatInstant(machine.now()) } : {}),
    signedAt: typeof signedAt === 'string' ? signedAt : undefined,
    expiresAt: expires,
    problem: undefined,
    head,
  }
}

/** How the state names a channel's head. */
export function headName(head: ChannelHead | undefined): ReleaseName | undefined {
  return head && { version: head.entry.release.version, manifest: head.entry.manifest.sha256 }
}

/** Changes the state under the lock. */
export async function remember({ layout }: MachineContext, change: Partial<MachineState>): Promise<void> {
  await withLock(layout.lock, () => updateState(layout, change))
}

/** Notes why a check failed, so that `status` can say it. A disk that cannot even take that is reported anyway. */
export async function rememberProblem(machine: Machine, error: SkillsctlError): Promise<void> {
  const { code, message } = error
  try {
    await remember(machine, { problem: { code, message, at: formatInstant(machine.now()) } })
  } catch (failure) {
    if (!isError(failure)) throw failure
    machine.emit({
      flow: 'state',
      step: 'state',
      status: 'warning',
      message: `could not note this: ${failure.message}`,
    })
  }
}

export function freshnessOf({ state, now }: Pick<Machine, 'state' | 'now'>): Freshness {
  return judgeFreshness(state, now())
}
