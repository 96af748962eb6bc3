/** A team that has worked for a while, built once; each run of a seed gets a copy of its store and of its home. */
import { cpSync } from 'node:fs'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineContext } from '../../src/flows/machine.ts'
import { layoutOf } from '../../src/home/layout.ts'
import { Git, type PublisherContext, promote, publish } from '../../src/index.ts'
import type { GetAnswer, ReadableStore, Store } from '../../src/store/store.ts'
import { type Edit, type Release, treeOfCommit } from '../crash/invariant.ts'
import { recordAsInstalled } from '../support/as-installed.ts'
import { MemoryStore } from '../support/memory-store.ts'
import {
  CANARY,
  Clock,
  createTeam,
  DAY,
  DRAFT,
  listing,
  STABLE,
  type Team,
  temporaryDirectory,
} from '../support/team.ts'
import type { Dice } from './dice.ts'

const TIMESTAMP = 'metadata/timestamp.json'
/** Commits that exist, and how many of them are published when a run starts. */
const COMMITS = 8
const PUBLISHED = 5

const yes = async (): Promise<boolean> => true

export class World {
  readonly team: Team
  /** Oldest first. */
  readonly releases: readonly Release[]
  readonly #directory: string
  readonly #store: ReadonlyMap<string, string>
  #rounds = 0

  private constructor(
    team: Team,
    releases: readonly Release[],
    directory: string,
    store: ReadonlyMap<string, string>,
  ) {
    this.team = team
    this.releases = releases
    this.#directory = directory
    this.#store = store
  }

  /** @param directory where the homes lie; a temporary one when it is left out */
  static async build(directory?: string): Promise<World> {
    const place = directory ?? (await temporaryDirectory())
    const team = await createTeam()
    const machine = await team.machine({ home: join(place, 'template') })
    const releases: Release[] = []
    for (let round = 1; round <= COMMITS; round++) {
      const commit = await commitRound(team, round)
      const tree = await treeOfCommit(team.git, commit)
      const { version, manifest = '' } = await team.publish({ dryRun: round > PUBLISHED })
      releases.push({ commit, version, manifest, tree })
      if (round < PUBLISHED) await promote(inCheckout(team), 'canary', STABLE, yes)
      if (round === PUBLISHED) await team.publish({ channel: DRAFT })
      if (round === 1) await machine.join()
      else if (round < PUBLISHED - 1) await machine.pull()
      if (round <= PUBLISHED) team.clock.pass(2 * DAY)
    }
    return new World(team, releases, place, await listing(team.store))
  }

  /** Everything as it was when the world was built, and untouched by any other run. @param place an empty store */
  async restore(dice: Dice, place?: Store): Promise<Round> {
    this.#rounds += 1
    const clock = new Clock(this.team.clock.now())
    const store = place ?? new MemoryStore({ now: clock.now })
    for (const [key, body] of this.#store) await store.touch(key, Buffer.from(body, 'base64'))
    const home = join(this.#directory, `home-${this.#rounds}`)
    cpSync(join(this.#directory, 'template'), home, {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    })
    // Some machines were restored from a backup: there, everything counts as edited.
    if (dice.chance(0.8)) await recordAsInstalled(layoutOf(home))
    return new Round(this, dice, clock, store, home)
  }
}

/** One run: a repository and a machine that follows it, at a time of their own. */
export class Round {
  readonly world: World
  readonly dice: Dice
  readonly clock: Clock
  readonly store: Store
  readonly home: string
  readonly edits: Edit[] = []
  /** A publisher whose clock is behind signs what has expired for everybody else, until one with a right clock signs. */
  isSignedLate = false
  /** What the timestamp said before, oldest first. */
  readonly #timestamps: GetAnswer[] = []

  constructor(world: World, dice: Dice, clock: Clock, store: Store, home: string) {
    this.world = world
    this.dice = dice
    this.clock = clock
    this.store = store
    this.home = home
  }

  machine(home: string = this.home, store: ReadableStore = this.store, now = this.clock.now): MachineContext {
    return {
      layout: layoutOf(home),
      openStore: async () => store,
      now,
      clock: () => performance.now(),
      emit: () => {},
      by: 'fault test',
    }
  }

  publisher(store: Store = this.store, clock = this.clock.now): PublisherContext {
    return { ...this.world.team.publisher({ store, git: this.git }), clock, emit: () => {} }
  }

  get token() {
    return { store: this.store.url, root: this.world.team.root, channel: 'stable' }
  }

  get git(): Git {
    return new Git(this.world.team.git.directory)
  }

  publish(context: PublisherContext, commit: string, channel = CANARY) {
    const selection = { include: [], exclude: [] }
    return publish(context, { git: this.git, revision: commit, channel, selection })
  }

  async remember(): Promise<void> {
    this.#timestamps.push(await this.store.get(TIMESTAMP, { maxBytes: 64 * 1024 }))
  }

  readonly earlier = (key: string): GetAnswer | undefined =>
    key === TIMESTAMP && this.#timestamps.length > 0 ? this.dice.pick(this.#timestamps) : undefined

  /** Somebody writes to an installed release, as a person would: although it is read-only. */
  async edit(): Promise<void> {
    const version = this.dice.pick(await readdir(layoutOf(this.home).releases))
    const path = 'skills/a/SKILL.md'
    const content = `edited ${this.dice.below(1000)}\n`
    const place = join(layoutOf(this.home).releases, version, path)
    const before = await readFile(place, 'utf8').catch(() => undefined)
    const kept = await this.keptOf(version, path)
    // What its own author writes over is nobody's loss.
    const gone = this.edits.findIndex((edit) => edit.version === version && edit.content === before)
    if (gone >= 0 && before !== undefined && !kept.includes(before)) this.edits.splice(gone, 1)
    await chmod(place, 0o644)
    await writeFile(place, content)
    this.edits.push({ version, path, content })
  }

  private async keptOf(version: string, path: string): Promise<string[]> {
    const { kept } = layoutOf(this.home)
    const names = (await readdir(kept)).filter((name) => name.startsWith(`${version}-`))
    return Promise.all(names.map((name) => readFile(join(kept, name, 'files', path), 'utf8')))
  }

  async dispose(): Promise<void> {
    for (const home of [this.home, `${this.home}-newcomer`]) await rm(home, { recursive: true, force: true })
  }
}

/** Who promotes outside of one makes bundles without contents, which nobody could follow. */
function inCheckout(team: Team): PublisherContext {
  return { ...team.release, git: new Git(team.git.directory) }
}

async function commitRound({ git }: Team, round: number): Promise<string> {
  await git.write('README.md', `# skills, round ${round}\n`)
  await git.write('skills/a/SKILL.md', `---\nname: a\n---\nRound ${round}.\n`)
  await git.write('skills/a/run.sh', `#!/bin/sh\necho ${round}\n`, { executable: true })
  await git.write(`skills/b/${round % 3}.md`, 'the same\n'.repeat(400 * round))
  await git.link('skills/latest', `b/${round % 3}.md`)
  return git.commit(`round ${round}`)
}
