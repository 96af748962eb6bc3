/** A team: a git repository, a store, keys, publishers, and machines with homes of their own. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { onTestFinished } from 'vitest'
import { Git } from '../../src/archive/git.ts'
import { type Channel, parseChannel } from '../../src/core/channel.ts'
import type { FlowEvent } from '../../src/core/events.ts'
import { formatInstant } from '../../src/core/parse.ts'
import { type JoinReport, join } from '../../src/flows/join.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { type PublishOptions, type PublishReport, publish } from '../../src/flows/publish.ts'
import type { PublisherContext } from '../../src/flows/publisher.ts'
import { pull } from '../../src/flows/pull.ts'
import type { PullOptions, PullReport } from '../../src/flows/pull-report.ts'
import { type Layout, layoutOf } from '../../src/home/layout.ts'
import type { ReadableStore, Store } from '../../src/store/store.ts'
import type { Signer } from '../../src/trust/key.ts'
import { publicKey } from '../../src/trust/public-key.ts'
import { createRepository, type KeyHolders, type KeySet, type RootDigest } from '../../src/trust/root.ts'
import type { RootPin } from '../../src/trust/root-chain.ts'
import { createGitRepository, type GitRepository } from './git-repository.ts'
import { LyingStore } from './lying-store.ts'
import { openTestStore } from './test-store.ts'

export const CANARY = parseChannel('canary')
export const STABLE = parseChannel('stable')
export const DRAFT = parseChannel('drafts/idea')

export const HOUR = 60 * 60 * 1000
export const DAY = 24 * HOUR
/** After every commit that `createGitRepository` makes. */
const START = Date.UTC(2026, 1, 1)

/** Time that passes only when a test says so. */
export class Clock {
  #now: number

  constructor(start = START) {
    this.#now = start
  }

  readonly now = (): number => this.#now

  pass(ms: number): void {
    this.#now += ms
  }

  /** `YYYY-MM-DDTHH:MM:SSZ` */
  get text(): string {
    return formatInstant(this.#now)
  }
}

export interface TeamKeys {
  readonly root: Signer
  readonly ci: Signer
  readonly release: Signer
}

export interface TeamOptions {
  /** A new one that shares the team's clock when it is left out. */
  readonly store?: Store
  readonly clock?: Clock
  /** Who may sign, beyond one key per role. */
  readonly keySet?: (keys: TeamKeys) => Partial<KeySet['channels']>
  /** Further keys that sign the first metadata. */
  readonly others?: readonly Signer[]
}

export interface MachineOptions {
  readonly channel?: string
  readonly home?: string
  /** Reached in place of the team's store, whatever the URL says. */
  readonly through?: ReadableStore
}

export class Team {
  readonly store: Store
  readonly clock: Clock
  readonly keys: TeamKeys
  readonly root: RootDigest
  readonly git: GitRepository
  readonly events: FlowEvent[] = []

  constructor(store: Store, clock: Clock, keys: TeamKeys, root: RootDigest, git: GitRepository) {
    this.store = store
    this.clock = clock
    this.keys = keys
    this.root = root
    this.git = git
  }

  /** Whoever holds these keys; by default all of them. */
  publisher({
    signers = Object.values(this.keys),
    store = this.store,
    git,
  }: {
    signers?: readonly Signer[]
    store?: Store
    /** The checkout that this publisher stands in. */
    git?: Git
  } = {}): PublisherContext {
    return {
      store,
      pin: this.root,
      signers,
      clock: this.clock.now,
      stopwatch: this.clock.now,
      emit: (event) => this.events.push(event),
      git,
    }
  }

  get ci(): PublisherContext {
    return this.publisher({ signers: [this.keys.ci] })
  }

  get release(): PublisherContext {
    return this.publisher({ signers: [this.keys.release] })
  }

  /** Writes these files (null removes one) and commits. @returns the hash */
  async commit(files: Readonly<Record<string, string | null>>, message?: string): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      if (content === null) await this.git.remove(path)
      else await this.git.write(path, content)
    }
    return this.git.commit(message)
  }

  /** Publishes HEAD to canary, as CI does, unless told otherwise. */
  publish(
    options: Partial<PublishOptions> = {},
    context: PublisherContext = this.ci,
  ): Promise<PublishReport> {
    return publish(context, {
      git: new Git(this.git.directory),
      revision: 'HEAD',
      channel: CANARY,
      selection: { include: [], exclude: [] },
      ...options,
    })
  }

  /** Publishes straight to stable, for tests that are not about promotion. */
  publishStable(options: Partial<PublishOptions> = {}): Promise<PublishReport> {
    return this.publish({ channel: STABLE, ...options }, this.release)
  }

  /** Commits these files and publishes them to stable. */
  async ship(files: Readonly<Record<string, string | null>>): Promise<PublishReport> {
    await this.commit(files)
    return this.publishStable()
  }

  /** A machine that has not joined yet. */
  async machine(options: MachineOptions = {}): Promise<TestMachine> {
    const home = options.home ?? joinPath(await temporaryDirectory(), 'home')
    return new TestMachine(this, layoutOf(home), options)
  }

  async joined(options: MachineOptions = {}): Promise<TestMachine> {
    const machine = await this.machine(options)
    await machine.join()
    machine.store.forget()
    return machine
  }
}

export class TestMachine {
  readonly layout: Layout
  readonly context: MachineContext
  /** How this machine sees the team's store: notes its calls, and lies when told to. */
  readonly store: LyingStore
  readonly #team: Team
  readonly #channel: string

  constructor(team: Team, layout: Layout, { channel = 'stable', through }: MachineOptions) {
    this.#team = team
    this.#channel = channel
    this.layout = layout
    this.store = new LyingStore(team.store)
    this.context = {
      layout,
      openStore: async () => through ?? this.store,
      now: team.clock.now,
      clock: team.clock.now,
      emit: (event) => team.events.push(event),
      by: 'test',
    }
  }

  join(root: RootPin = this.#team.root, channel = this.#channel): Promise<JoinReport> {
    return join(this.context, { store: this.#team.store.url, root, channel })
  }

  pull(options?: PullOptions): Promise<PullReport> {
    return pull(this.context, options)
  }

  /** Path → content of what `current` names; undefined when there is no such directory. */
  async files(): Promise<Record<string, string> | undefined> {
    return filesIn(this.layout.current)
  }

  /** What `current` links to. */
  async current(): Promise<string | undefined> {
    return readlink(this.layout.current).catch(() => undefined)
  }

  /** Everything in the home, as `path` → content. */
  everything(): Promise<Record<string, string> | undefined> {
    return filesIn(this.layout.root)
  }
}

/** A team whose temp directories go when the test ends. */
export async function createTeam({
  store,
  clock = new Clock(),
  keySet,
  others = [],
}: TeamOptions = {}): Promise<Team> {
  const git = await createGitRepository()
  onTestFinished(() => git.dispose())
  const keys = { root: newSigner(), ci: newSigner(), release: newSigner() }
  const place = store ?? (await openTestStore(clock.now))
  const root = await createRepository({
    store: place,
    keys: { root: held(keys.root), channels: channelsOf(keys, keySet?.(keys)) },
    signers: [...Object.values(keys), ...others],
    name: 'acme-skills',
    now: clock.now(),
  })
  return new Team(place, clock, keys, root, git)
}

function channelsOf(keys: TeamKeys, special: Partial<KeySet['channels']> = {}): KeySet['channels'] {
  const usual = { canary: held(keys.ci), stable: held(keys.release), drafts: held(keys.ci) }
  const given = Object.entries(special).flatMap(([role, holders]) =>
    holders ? [[role, holders] as const] : [],
  )
  return { ...usual, ...Object.fromEntries(given) }
}

/** A new key that signs with Node's own Ed25519: the same signatures as ours, many times faster. */
export function newSigner(): Signer {
  const { privateKey, publicKey: half } = generateKeyPairSync('ed25519')
  const { x = '' } = half.export({ format: 'jwk' })
  return {
    ...publicKey(Buffer.from(x, 'base64url').toString('hex')),
    sign: (bytes) => sign(null, bytes, privateKey).toString('hex'),
  }
}

export function held(...keys: readonly Signer[]): KeyHolders {
  return { keys, threshold: 1 }
}

export function channelNamed(name: string): Channel {
  return parseChannel(name)
}

/** A new directory that goes when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(joinPath(tmpdir(), 'skillsctl-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Key → body of everything in a store. */
export async function listing(store: Store): Promise<Map<string, string>> {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  const found = new Map<string, string>()
  for (const key of keys.sort()) {
    const answer = await store.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
    if (answer.kind === 'found') found.set(key, answer.body.toString('base64'))
  }
  return found
}

export async function bodyOf(store: Store, key: string): Promise<Buffer> {
  const answer = await store.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
  if (answer.kind !== 'found') throw new Error(`${key} is ${answer.kind}`)
  return answer.body
}

/** As if nobody had written catch-up bundles: a machine has to ask for every object by its name. */
export async function hideCatchups(store: Store): Promise<void> {
  for await (const { key } of store.list('catchup/')) await store.remove(key)
}

/** Replaces an object behind everybody's back. */
export async function overwrite(store: Store, key: string, body: Buffer): Promise<void> {
  await store.remove(key)
  await store.put(key, body, { absent: true })
}

async function filesIn(directory: string, prefix = ''): Promise<Record<string, string> | undefined> {
  const names = await readdir(joinPath(directory, prefix)).catch(() => undefined)
  if (names === undefined) return undefined
  const files: Record<string, string> = {}
  for (const name of names.sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`
    const info = await lstat(joinPath(directory, path))
    if (info.isDirectory()) Object.assign(files, await filesIn(directory, path))
    else if (info.isSymbolicLink()) files[path] = `-> ${await readlink(joinPath(directory, path))}`
    else files[path] = await readFile(joinPath(directory, path), 'utf8')
  }
  return files
}
