/**
 * `npm run bench:growth`: thousands of publishes on one repository, ten a day, through the public API; and what that
 * does to machines, to the bucket, and to the time that a publish takes. See ../README.md.
 */
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import {
  collectGarbage,
  Git,
  init,
  join as joinRepository,
  layoutOf,
  type MachineContext,
  openSealed,
  openWritableStore,
  type PublisherContext,
  parseChannel,
  parseSecretKey,
  publish,
  pull,
  renewRoot,
} from '../../src/index.ts'
import { CountingStore, type Passed } from './counting-store.ts'
import { importHistory } from './history.ts'
import { type Checkpoint, lines } from './report.ts'

const START = Date.UTC(2026, 0, 1)
const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
/** The root expires after a year; whoever holds its key renews it before. */
const ROOT_RENEWED_EVERY = 300 * DAY
const CHECKPOINTS = [100, 300, 1_000, 3_000, 5_000, 10_000]
const PASSPHRASE = 'only for this growth'

class Growth {
  readonly checkpoints: Checkpoint[] = []
  readonly #work: string
  readonly #between: number
  readonly #modified = new Map<string, number>()
  readonly #times: { wall: number; processor: number; passed: Passed }[] = []
  #now = START

  constructor(work: string, perDay: number) {
    this.#work = work
    this.#between = DAY / perDay
  }

  async run(commits: number): Promise<void> {
    const repository = join(this.#work, 'history.git')
    const hashes = await importHistory(repository, commits, (index) => START + index * this.#between)
    const store = await this.#open()
    const context = await this.#found(store)
    const git = new Git(repository)
    let left = await this.#machine('left-0')
    let renewedAt = START
    for (const [index, revision] of hashes.entries()) {
      this.#now = START + index * this.#between + HOUR
      if (this.#now - renewedAt > ROOT_RENEWED_EVERY) {
        await renewRoot(context)
        renewedAt = this.#now
      }
      const count = index + 1
      const isCheckpoint = CHECKPOINTS.includes(count) || count === commits
      const follower = isCheckpoint && count > 1 ? await this.#machine(`follower-${count}`) : undefined
      if (follower !== undefined) await this.#join(follower, context)
      await this.#publish(context, store, git, revision)
      if (count === 1) await this.#join(left, context)
      if (follower !== undefined) {
        await this.#check(count, { context, follower, left })
        left = follower
        progress(`${count} published`)
      }
    }
  }

  async #publish(context: PublisherContext, store: CountingStore, git: Git, revision: string): Promise<void> {
    store.take()
    const [start, before] = [performance.now(), process.cpuUsage()]
    const selection = { include: ['**'], exclude: [] }
    const { outcome } = await publish(context, { git, revision, channel: parseChannel('canary'), selection })
    if (outcome !== 'published') throw new Error(`${revision} was ${outcome}`)
    const { user, system } = process.cpuUsage(before)
    this.#times.push({
      wall: performance.now() - start,
      processor: (user + system) / 1000,
      passed: store.take(),
    })
  }

  async #check(
    count: number,
    { context, follower, left }: { context: PublisherContext; follower: Member; left: Member },
  ): Promise<void> {
    const before = await this.#bucket(context)
    const fresh = await this.#machine(`fresh-${count}`)
    const [cold, update, behind] = [
      await this.#join(fresh, context),
      await this.#pull(follower),
      await this.#pull(left),
    ]
    const { kept } = await collectGarbage(context)
    const after = await this.#bucket(context)
    this.checkpoints.push({
      count,
      cold,
      update,
      behind,
      before,
      after: { ...after, objects: kept },
      first: this.#times.slice(0, 100),
      last: this.#times.slice(-100),
    })
  }

  async #bucket({ store }: PublisherContext): Promise<{ objects: number; bytes: number }> {
    const total = { objects: 0, bytes: 0 }
    for await (const { size } of store.list('')) {
      total.objects += 1
      total.bytes += size
    }
    return total
  }

  async #found(store: CountingStore): Promise<PublisherContext> {
    const keys = join(this.#work, 'keys')
    const passphrase = async (): Promise<string> => PASSPHRASE
    const { root, files } = await init({ store, name: 'growth', keys, passphrase, now: this.#now })
    const text = (path: string): Promise<string> => readFile(path, 'utf8')
    const signers = [
      await openSealed(await text(files.root), PASSPHRASE, files.root),
      parseSecretKey(await text(files.ci), files.ci),
      parseSecretKey(await text(files.release), files.release),
    ]
    const clock = (): number => this.#now
    return { store, pin: root, signers, clock, stopwatch: performance.now.bind(performance), emit: () => {} }
  }

  async #open(): Promise<CountingStore> {
    const store = await openWritableStore(pathToFileURL(join(this.#work, 'store')).href)
    return new CountingStore(store, () => this.#now, this.#modified)
  }

  async #machine(name: string): Promise<Member> {
    const store = await this.#open()
    const now = (): number => this.#now
    const context = {
      layout: layoutOf(join(this.#work, 'homes', name)),
      openStore: async () => store,
      now,
      clock: performance.now.bind(performance),
      emit: () => {},
      by: 'growth',
    }
    return { store, context }
  }

  async #join({ store, context }: Member, { pin, store: { url } }: PublisherContext): Promise<Passed> {
    await joinRepository(context, { store: url, root: pin, channel: 'canary' })
    return store.take()
  }

  async #pull({ store, context }: Member): Promise<Passed> {
    const { outcome, problem } = await pull(context)
    if (outcome !== 'updated') throw problem ?? new Error(`a pull was ${outcome}`)
    return store.take()
  }
}

interface Member {
  readonly store: CountingStore
  readonly context: MachineContext
}

function progress(text: string): void {
  process.stderr.write(`${Math.round(performance.now() / 1000)} s  ${text}\n`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      directory: { type: 'string', default: tmpdir() },
      'per-day': { type: 'string', default: '10' },
    },
  })
  const commits = Number(positionals[0] ?? 10_000)
  const perDay = Number(values['per-day'])
  if (!Number.isInteger(commits) || commits < 2 || !(perDay > 0)) {
    throw new Error(
      'usage: npm run bench:growth -- [publishes, default 10000] [--per-day <count>] [--directory <for the store>] [--json <file>]',
    )
  }
  const work = await mkdtemp(join(await realpath(values.directory), 'skillsctl-growth-'))
  try {
    const growth = new Growth(work, perDay)
    await growth.run(commits)
    console.log(lines(growth.checkpoints).join('\n'))
    if (values.json !== undefined)
      await writeFile(values.json, `${JSON.stringify(growth.checkpoints, null, 2)}\n`)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

await main()
