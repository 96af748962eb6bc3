/** `skillsctl releases`: the verified history of a channel. Works for a machine and for a publisher. */
import type { Channel, ReleaseEntry } from '../core/channel.ts'
import type { ReadableStore } from '../store/store.ts'
import { RepositoryReader } from '../trust/reader.ts'
import type { RootPin } from '../trust/root-chain.ts'
import { memoryCache } from '../trust/trust-cache.ts'
import { channelHistory } from './channel-history.ts'

export interface ReleasesOptions {
  readonly store: ReadableStore
  readonly pin: RootPin
  readonly channel: Channel
  /** At most this many, newest first. */
  readonly limit: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

export async function releases({
  store,
  pin,
  channel,
  limit,
  now,
}: ReleasesOptions): Promise<ReleaseEntry[]> {
  const reader = await RepositoryReader.open({ store, pin, now, cache: memoryCache() })
  await reader.refresh()
  const found: ReleaseEntry[] = []
  for await (const entry of channelHistory(store, channel, await reader.head(channel))) {
    found.push(entry)
    if (found.length >= limit) break
  }
  return found
}
