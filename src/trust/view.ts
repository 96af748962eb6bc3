/** The repository as somebody who publishes sees it: verified, and in the plain form in which it is written. */
import type { Channel, ChannelHead } from '../core/channel.ts'
import type { ReadableStore } from '../store/store.ts'
import {
  type RootSigned,
  type SnapshotSigned,
  signedPart,
  type TargetsSigned,
  type TimestampSigned,
} from './metadata.ts'
import { NEVER_EXPIRES, RepositoryReader } from './reader.ts'
import type { RootPin } from './root-chain.ts'
import { memoryCache } from './trust-cache.ts'

/** The repository as it verifies right now. */
export interface View {
  readonly root: RootSigned
  readonly rootSha256: string
  readonly snapshot: SnapshotSigned
  readonly targets: TargetsSigned
  readonly timestamp: TimestampSigned
  /** The newest root does not accept what is in force: it has to be signed anew. */
  readonly isLeftBehind: boolean
  /** Exact bytes of the top-level targets. */
  readonly targetsBytes: Buffer
  role(role: string): Promise<TargetsSigned>
  head(channel: Channel): Promise<ChannelHead | undefined>
}

/** The repository as it was read, and its timestamp for the compare-and-swap: tag, and exact bytes. */
export interface Reading {
  readonly view: View
  readonly etag: string
  readonly timestamp: Buffer
}

/** Reads and verifies the repository for somebody who publishes. Expiry does not count: publishing mends it. */
export async function readRepository({
  store,
  pin,
  acceptFormerRoot = false,
}: {
  store: ReadableStore
  pin: RootPin
  acceptFormerRoot?: boolean
}): Promise<Reading> {
  const cache = memoryCache()
  const reader = await RepositoryReader.open({ store, pin, cache, now: NEVER_EXPIRES, acceptFormerRoot })
  await reader.refresh()
  const view: View = {
    root: signedPart(reader.bytes('root')),
    rootSha256: reader.rootSha256,
    snapshot: signedPart(reader.bytes('snapshot')),
    targets: signedPart(reader.bytes('targets')),
    targetsBytes: reader.bytes('targets'),
    timestamp: reader.stamp,
    isLeftBehind: reader.isLeftBehind,
    role: async (role) => {
      await reader.role(role)
      return signedPart(reader.bytes(role))
    },
    head: (channel) => reader.head(channel),
  }
  return { view, etag: reader.etag, timestamp: reader.bytes('timestamp') }
}
