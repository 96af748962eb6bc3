/**
 * Reads a repository: walks TUF metadata from a trusted root to a channel's head (TUF spec 5), asking for as
 * little as possible and keeping what it accepted in a cache.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Channel, type ChannelHead, parseHead } from '../core/channel.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { fetchPromised } from '../store/promised.ts'
import type { Etag, ReadableStore } from '../store/store.ts'
import { readRoot } from './cached-root.ts'
import { sha256Hex } from './digest.ts'
import { type HeadHint, metadataKey, type RootSigned, signedPart, type TimestampSigned } from './metadata.ts'
import { fetchTimestamp, type Timestamp } from './probe.ts'
import { fetchPinnedRoot, fetchRoot, MOST_ROOTS, type RootPin } from './root-chain.ts'
import type { TrustCache } from './trust-cache.ts'
import { Verifier } from './verifier.ts'

/** Of a role's metadata, what is asked of it: its targets, by path. In our words, because tuf-js's types are not shipped. */
export interface VerifiedRole {
  readonly targets: Readonly<Record<string, VerifiedTarget>>
}

interface VerifiedTarget {
  readonly length: number
  readonly hashes: Readonly<Record<string, string>>
  readonly custom: Readonly<Record<string, unknown>>
}

export interface ReaderOptions {
  readonly store: ReadableStore
  readonly cache: TrustCache
  readonly pin: RootPin
  /** Milliseconds since the epoch; `NEVER_EXPIRES` for a publisher, who must be able to mend what expired. */
  readonly now: number
  /** Let the root before the newest judge the rest, if the newest does not accept it. For changing keys only. */
  readonly acceptFormerRoot?: boolean
}

export const NEVER_EXPIRES = 0

/** For metadata whose length nobody signed. Bytes. */
const LONGEST_METADATA = 16 * 1024 * 1024
/** How long a key change may take to sign anew what a rival has written meanwhile. Milliseconds, and how often. */
const SETTLE_PAUSE = 250
const SETTLE_TRIES = 40

export class RepositoryReader {
  private readonly options: ReaderOptions
  private readonly accepted = new Map<string, Buffer>()
  private verifier: Verifier
  /** What the verifier knows, when that is a root and what the cache said of the timestamp, and nothing else. */
  private ready: { readonly root: Buffer; readonly cached: Buffer | undefined } | undefined
  private formerRoot: Buffer | undefined
  private leftBehind = false
  private refreshed = false
  /** Bytes that came on another way, by key. Nobody trusts them; they only spare a request. */
  private offered: ReadonlyMap<string, Buffer> = new Map()
  /** The store's newest timestamp, accepted or about to be. */
  private timestamp: Timestamp | undefined

  private constructor(options: ReaderOptions, root: Buffer, verifier: Verifier) {
    this.options = options
    this.accepted.set('root', root)
    this.verifier = verifier
  }

  /** Starts from the cached root, or else from the pinned one. @throws SkillsctlError `absent`, `untrusted` */
  static async open(options: ReaderOptions): Promise<RepositoryReader> {
    const cached = await options.cache.read('root')
    const verifier = cached && readRoot(cached, options.now)
    if (cached !== undefined && verifier !== undefined) {
      const reader = new RepositoryReader(options, cached, verifier)
      // Here there is time: the newest timestamp still travels.
      reader.recallTimestamp(cached, await options.cache.read('timestamp'))
      return reader
    }
    const pinned = await fetchPinnedRoot(options.store, options.pin)
    const reader = new RepositoryReader(options, pinned, new Verifier(pinned, options.now))
    await options.cache.write('root', pinned)
    return reader
  }

  get rootVersion(): number {
    return signedPart<RootSigned>(this.bytes('root')).version
  }

  /** Whether a newer root was asked for, and everything below it is up to date. */
  get isRefreshed(): boolean {
    return this.refreshed
  }

  /** Whether only the root before the newest accepts the timestamp (`acceptFormerRoot`). */
  get isLeftBehind(): boolean {
    return this.leftBehind
  }

  get rootSha256(): string {
    return sha256Hex(this.bytes('root'))
  }

  /** Exact bytes of metadata that was accepted. */
  bytes(role: string): Buffer {
    const bytes = this.accepted.get(role)
    if (bytes === undefined)
      throw new SkillsctlError('failed', 'this metadata has not been read yet', { subject: role })
    return bytes
  }

  /** Tag of the timestamp, for the compare-and-swap that commits a change. */
  get etag(): Etag {
    return this.timestamp?.etag ?? ''
  }

  /** The signed part of the timestamp. */
  get stamp(): TimestampSigned {
    return signedPart<TimestampSigned>(this.bytes('timestamp'))
  }

  /**
   * Tries the timestamp against the root known so far, without asking for a newer root.
   * @returns the signed hint about a channel; undefined when there is none, or when only a newer root may know
   */
  async peek(timestamp: Timestamp, channel: Channel): Promise<HeadHint | undefined> {
    try {
      await this.acceptTimestamp(timestamp)
    } catch (error) {
      if (isError(error, 'untrusted') || isError(error, 'stale')) return undefined
      throw error
    }
    return this.hint(channel)
  }

  /** What the accepted timestamp says about a channel. Trusted to end a pull, never to install anything. */
  hint(channel: Channel): HeadHint | undefined {
    const hints: unknown = this.stamp['x-heads']
    const hint =
      typeof hints === 'object' && hints !== null
        ? Object.entries(hints).find(([name]) => name === channel.name)
        : undefined
    const [, value] = hint ?? []
    return typeof value?.release === 'string' && typeof value.role === 'number' ? value : undefined
  }

  /**
   * Brings root, timestamp, snapshot and targets up to date (TUF spec 5.3 to 5.6).
   * @param timestamp fetched already; else it is asked for together with the next root
   * @param offered bytes by key that may spare requests; waited for together with the next root
   * @throws SkillsctlError `untrusted`, `stale`, `corrupt`, `missing`, and what the store throws
   */
  async refresh(timestamp?: Timestamp, offered?: Promise<ReadonlyMap<string, Buffer>>): Promise<void> {
    const [fetched, shortcut] = await Promise.all([
      timestamp ?? fetchTimestamp(this.options.store),
      offered,
      this.followRoots(),
    ])
    this.offered = shortcut ?? this.offered
    await this.acceptSettled(fetched)
    this.refreshed = true
  }

  /** Verified metadata of a channel's role. */
  async role(role: string): Promise<VerifiedRole> {
    const cached = await this.options.cache.read(role)
    if (cached !== undefined) {
      try {
        const signed = this.verifier.updateRole(role, cached)
        this.accepted.set(role, cached)
        return signed
      } catch (error) {
        // Older than the snapshot says, or its keys changed: fetch it. An unknown channel stays unknown.
        if (isError(error, 'absent')) throw error
      }
    }
    return this.take(role, this.nameOf(role), (bytes) => this.verifier.updateRole(role, bytes))
  }

  /**
   * The verified head of a channel, or undefined when nothing was published there yet.
   * @throws SkillsctlError `unsupported` when the release needs a newer skillsctl
   */
  async head(channel: Channel): Promise<ChannelHead | undefined> {
    const { targets } = await this.role(channel.role)
    const target = Object.hasOwn(targets, channel.target) ? targets[channel.target] : undefined
    if (target === undefined) return undefined
    const sha256 = target.hashes['sha256'] ?? ''
    return parseHead(target.custom, { sha256, length: target.length }, channel.name)
  }

  private async followRoots(): Promise<void> {
    for (let count = 0; count < MOST_ROOTS; count++) {
      const next = await fetchRoot(this.options.store, this.rootVersion + 1)
      if (next === undefined) return
      this.verifier.updateRoot(next)
      this.formerRoot = this.bytes('root')
      await this.accept('root', next)
      // What an older root had accepted is judged anew: its keys may have been revoked.
      this.verifier = new Verifier(next, this.options.now)
      this.ready = undefined
    }
    throw new SkillsctlError('untrusted', 'the chain of roots does not end', {
      subject: `${this.rootVersion}.root.json`,
    })
  }

  /** Judges a timestamp by the current root and by the one accepted before. */
  private async acceptTimestamp(timestamp: Timestamp, root: Buffer = this.bytes('root')): Promise<void> {
    if (this.timestamp === timestamp && this.verifier.timestamp !== undefined) return
    const cached = await this.options.cache.read('timestamp')
    if (!this.isReady(root, cached)) {
      this.verifier = new Verifier(root, this.options.now)
      this.recallTimestamp(root, cached)
    }
    this.ready = undefined
    const isNew = this.verifier.updateTimestamp(timestamp.body)
    this.timestamp = timestamp
    if (isNew) await this.accept('timestamp', timestamp.body)
    else this.accepted.set('timestamp', cached ?? timestamp.body)
  }

  /** Only with what was accepted before does the verifier notice that time was turned back (TUF spec 5.4.3). */
  private recallTimestamp(root: Buffer, cached: Buffer | undefined): void {
    if (cached !== undefined) this.recall(() => this.verifier.updateTimestamp(cached))
    this.ready = { root, cached }
  }

  /** Another process may have accepted something newer since. */
  private isReady(root: Buffer, cached: Buffer | undefined): boolean {
    const { ready } = this
    if (ready?.root !== root) return false
    return cached === undefined ? ready.cached === undefined : ready.cached?.equals(cached) === true
  }

  /**
   * Root and timestamp are two objects: somebody may change keys between the two answers, and then one does not fit
   * the other. Both are asked for once more, and for a moment longer while the one key change is under way.
   */
  private async acceptSettled(first: Timestamp): Promise<void> {
    let timestamp = first
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.acceptByAnyRoot(timestamp)
      } catch (error) {
        const tries = this.isOfFormerRoot(timestamp) ? SETTLE_TRIES : 1
        if (!isError(error, 'untrusted') || attempt > tries) throw error
        if (attempt > 1) await delay(SETTLE_PAUSE)
        timestamp = await fetchTimestamp(this.options.store)
        await this.followRoots()
      }
    }
  }

  /** Whether a publisher has signed it who does not know the new root yet. Whoever changes keys signs anew next. */
  private isOfFormerRoot({ body }: Timestamp): boolean {
    const { formerRoot } = this
    return (
      formerRoot !== undefined &&
      this.recall(() => new Verifier(formerRoot, this.options.now).updateTimestamp(body)) !== undefined
    )
  }

  /** A publisher with the old keys may land between a new root and what it demands; who changes keys mends that. */
  private async acceptByAnyRoot(timestamp: Timestamp): Promise<void> {
    this.leftBehind = false
    try {
      await this.acceptAll(timestamp)
    } catch (error) {
      const former = this.options.acceptFormerRoot === true ? this.formerRoot : undefined
      if (former === undefined || !isError(error, 'untrusted')) throw error
      // The newest may accept the timestamp and not what it names: all of it is judged by one root.
      this.timestamp = undefined
      await this.acceptAll(timestamp, former)
      this.leftBehind = true
    }
  }

  private async acceptAll(timestamp: Timestamp, root?: Buffer): Promise<void> {
    await this.acceptTimestamp(timestamp, root)
    await this.updateSnapshot()
    await this.updateTargets()
  }

  private async updateSnapshot(): Promise<void> {
    // Loaded even when it is out of date: what it says may not be taken back (TUF spec 5.5.5).
    if (await this.accepts('snapshot', (cached) => this.verifier.updateSnapshot(cached, true))) return
    const { version = 0, length } = this.verifier.timestamp?.snapshotMeta ?? {}
    await this.take('snapshot', { version, length }, (bytes) => this.verifier.updateSnapshot(bytes))
  }

  private async updateTargets(): Promise<void> {
    if (await this.accepts('targets', (cached) => this.verifier.updateTargets(cached))) return
    await this.take('targets', this.nameOf('targets'), (bytes) => this.verifier.updateTargets(bytes))
  }

  /** Tries what the cache holds, or what was offered. Anything wrong with it only means that it has to be fetched. */
  private recall<T>(check: () => T): T | undefined {
    try {
      return check()
    } catch (error) {
      if (error instanceof SkillsctlError) return undefined
      throw error
    }
  }

  /** Takes up a role's file from the cache, if it is still the one in force. */
  private async accepts(role: string, check: (bytes: Buffer) => unknown): Promise<boolean> {
    const cached = await this.options.cache.read(role)
    if (cached === undefined || this.recall(() => [check(cached)]) === undefined) return false
    this.accepted.set(role, cached)
    return true
  }

  /** Accepts a role's file as it was offered, or else as it is fetched by its name. */
  private async take<T>(
    role: string,
    { version, length = LONGEST_METADATA }: FileName,
    check: (bytes: Buffer) => T,
  ): Promise<T> {
    const key = metadataKey(role, version)
    const offered = this.offered.get(key)
    const good = offered && this.recall(() => ({ bytes: offered, checked: check(offered) }))
    const { bytes, checked } = good ?? (await this.fetchAndCheck(key, length, check))
    await this.accept(role, bytes)
    return checked
  }

  private async fetchAndCheck<T>(
    key: string,
    length: number,
    check: (bytes: Buffer) => T,
  ): Promise<{ bytes: Buffer; checked: T }> {
    const bytes = await fetchPromised(this.options.store, key, Math.min(length, LONGEST_METADATA))
    return { bytes, checked: check(bytes) }
  }

  /** What the snapshot says of a role's file. */
  private nameOf(role: string): FileName {
    const meta = this.verifier.snapshot?.meta[`${role}.json`]
    if (meta === undefined) {
      throw new SkillsctlError('absent', 'this repository has no such channel', {
        subject: role,
        hint: 'channels are canary, stable and drafts/<name>',
      })
    }
    return meta
  }

  private async accept(role: string, bytes: Buffer): Promise<void> {
    this.accepted.set(role, bytes)
    await this.options.cache.write(role, bytes)
  }
}

interface FileName {
  readonly version: number
  /** Bytes. */
  readonly length?: number | undefined
}
