/** Walking a channel's verified history, page by page, only as far as needed. */
import {
  type Channel,
  type ChannelHead,
  type DigestRef,
  type HistoryPage,
  historyKey,
  parsePage,
  type ReleaseEntry,
} from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { fetchPromised } from '../store/promised.ts'
import type { ReadableStore } from '../store/store.ts'
import { sha256Hex } from '../trust/digest.ts'

/** The head and everything before it, newest first. */
export async function* channelHistory(
  store: ReadableStore,
  channel: Channel,
  head: ChannelHead | undefined,
): AsyncGenerator<ReleaseEntry> {
  if (head === undefined) return
  yield head.entry
  yield* head.history
  for (let older = head.older; older !== undefined; ) {
    const page = await readPage(store, channel, older)
    yield* page.entries
    older = page.older
  }
}

/** A page whose bytes match the digest that signed metadata, or a page before it, names. */
export async function readPage(
  store: ReadableStore,
  channel: Channel,
  { sha256, length }: DigestRef,
): Promise<HistoryPage> {
  const key = historyKey(channel, sha256)
  const bytes = await fetchPromised(store, key, length)
  if (sha256Hex(bytes) !== sha256) {
    throw new SkillsctlError('corrupt', 'a history page differs from its signed digest', {
      subject: `${store.url} ${key}`,
      expected: sha256,
      found: sha256Hex(bytes),
    })
  }
  return parsePage(bytes.toString('utf8'), key)
}

/** The newest release that fits, or undefined. */
export async function findInChannel(
  store: ReadableStore,
  channel: Channel,
  head: ChannelHead | undefined,
  fits: (entry: ReleaseEntry) => boolean,
): Promise<ReleaseEntry | undefined> {
  for await (const entry of channelHistory(store, channel, head)) if (fits(entry)) return entry
  return undefined
}
