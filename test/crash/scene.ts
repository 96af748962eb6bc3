/**
 * A repository in a directory (or where test/support/foreign-store.ts says) and a machine that follows it, laid out
 * afresh, at the same place, before each kill. Test files that one process runs take it over from each other.
 */
import { cpSync } from 'node:fs'
import { chmod, lutimes, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  Git,
  join as joinRepository,
  layoutOf,
  type MachineContext,
  openStore,
  type PublisherContext,
  parseChannel,
  parseSecretKey,
  prepareStandby,
  publish,
  pull,
  renew,
  type Signer,
} from '../../src/index.ts'
import { openFileStore } from '../../src/store/file.ts'
import type { Store } from '../../src/store/store.ts'
import { formatSecretKey } from '../../src/trust/key.ts'
import { createRepository, type RootDigest } from '../../src/trust/root.ts'
import { encodeToken } from '../../src/trust/token.ts'
import { recordAsInstalled } from '../support/as-installed.ts'
import { foreignUrl } from '../support/foreign-store.ts'
import { createGitRepository, type GitRepository } from '../support/git-repository.ts'
import { type Edit, type Release, treeOfCommit } from './invariant.ts'
import { RemoteStorage } from './remote-storage.ts'

const DAY = 24 * 60 * 60 * 1000
/** Longer than any leftover without an owner is spared. */
const LATER = 10 * 60 * 1000

const keyLine = (byte: number): string => formatSecretKey(Buffer.alloc(32, byte), 'crash test')

/** Secret keys, one line each. */
export const KEYS = {
  root: keyLine(1),
  ci: keyLine(2),
  release: keyLine(3),
  nextCi: keyLine(4),
  nextRoot: keyLine(5),
}

export const signer = (line: string): Signer => parseSecretKey(line, 'test')

/** Where scenes stay for the next test file; without it nothing would remove them in the end. See vitest.config.ts. */
const SHARED = process.env['SKILLSCTL_TEST_SHARED']

/** Nobody's at the moment, to be had again as they were built; by `ahead`. */
const idle = new Map<boolean, Scene[]>()

export class Scene {
  readonly git: GitRepository
  /** Oldest first. The home runs the last but one; the last is published when `ahead`. */
  readonly releases: Release[] = []
  readonly home: string
  /** The directory of the repository, unless it is remote. */
  readonly storage: string
  /** Its URL. */
  readonly store: string
  readonly now = Math.floor(Date.now() / 1000) * 1000
  pin: RootDigest = { version: 1, sha256: '' }
  private readonly root: string
  private readonly ahead: boolean
  private readonly live: string
  private readonly pristine: string
  private readonly template: string
  private readonly remote: RemoteStorage | undefined

  private constructor(root: string, ahead: boolean, git: GitRepository, remote: RemoteStorage | undefined) {
    this.root = root
    this.ahead = ahead
    this.git = git
    this.live = join(root, 'live')
    this.pristine = join(root, 'pristine')
    this.template = join(root, 'template')
    this.home = join(this.live, 'home')
    this.storage = join(this.live, 'store')
    this.remote = remote
    this.store = remote?.store.url ?? pathToFileURL(this.storage).href
  }

  /**
   * Five commits; the home has run the first four, the last of them 40 days ago, so that the next pull tidies.
   * @param ahead publish the fifth as well
   */
  static async build({ ahead }: { ahead: boolean }): Promise<Scene> {
    const built = idle.get(ahead)?.pop()
    if (built === undefined) return Scene.found(ahead)
    for (const tree of [built.live, built.template]) cpSync(built.pristine, tree, COPY)
    return built
  }

  private static async found(ahead: boolean): Promise<Scene> {
    const root = await mkdtemp(join(SHARED ?? tmpdir(), 'crash-scene-'))
    const git = await createGitRepository(join(root, await makeDirectory(root, 'git')))
    const url = await foreignUrl()
    const scene = new Scene(root, ahead, git, url === undefined ? undefined : await RemoteStorage.open(url))
    await mkdir(scene.storage, { recursive: true })
    scene.pin = await createRepository({
      store: scene.openStorage(),
      keys: {
        root: { keys: [signer(KEYS.root)], threshold: 1 },
        channels: {
          canary: { keys: [signer(KEYS.ci)], threshold: 1 },
          stable: { keys: [signer(KEYS.release)], threshold: 1 },
          drafts: { keys: [signer(KEYS.ci)], threshold: 1 },
        },
      },
      signers: [signer(KEYS.root), signer(KEYS.ci), signer(KEYS.release)],
      name: 'crash',
      now: scene.now - 41 * DAY,
    })
    for (let round = 1; round <= 5; round++) {
      await writeRound(scene.git, round)
      const commit = await scene.git.commit(`round ${round}`)
      const tree = await treeOfCommit(scene.git, commit)
      const past = round < 5 ? (40 - round) * DAY : 0
      const dryRun = round === 5 && !ahead
      const { version, manifest = '' } = await scene.publish(scene.publisher({ past }), commit, dryRun)
      scene.releases.push({ commit, version, manifest, tree })
      if (round === 1) await joinRepository(scene.machine({ past }), scene.joinToken)
      else if (round < 5) await pull(scene.machine({ past }))
    }
    // Nobody published for 37 days, but CI said "still here" meanwhile.
    if (!ahead) {
      await renew(scene.publisher())
      await pull(scene.machine())
    }
    cpSync(scene.live, scene.pristine, COPY)
    cpSync(scene.live, scene.template, COPY)
    await scene.remote?.keep()
    return scene
  }

  get joinToken(): { store: string; root: RootDigest; channel: string } {
    return { store: this.store, root: this.pin, channel: 'canary' }
  }

  get token(): string {
    return encodeToken(this.joinToken)
  }

  release(round: number): Release {
    const release = this.releases[round - 1]
    if (release === undefined) throw new Error(`there is no round ${round}`)
    return release
  }

  /** Lays the scene out as it was built. */
  async restore(): Promise<void> {
    await rm(this.live, { recursive: true, force: true })
    cpSync(this.template, this.live, COPY)
    await mkdir(this.temporary)
    await this.remote?.restore()
  }

  /** As `restore`, as if everything had been installed where it lies now: a copied file counts as edited otherwise. */
  async restoreInstalled(): Promise<void> {
    await this.restore()
    await recordAsInstalled(layoutOf(this.home))
  }

  /** As `restoreInstalled`, and an idle pull has made a standby. */
  async restoreReady(): Promise<void> {
    await this.restoreInstalled()
    if (!(await prepareStandby(this.machine())))
      throw new Error('no standby was made: is the disk nearly full?')
  }

  /** For the temporary files of victims. */
  get temporary(): string {
    return this.at('temporary')
  }

  /** Makes what is there now what `restore` restores. */
  async keep(): Promise<void> {
    await rm(this.template, { recursive: true, force: true })
    await rm(this.temporary, { recursive: true, force: true })
    cpSync(this.live, this.template, COPY)
    await this.remote?.keep()
  }

  /** Somebody works in the installed releases, as a person would: writes to the read-only file all the same. */
  async edit(edits: readonly Edit[]): Promise<void> {
    for (const { version, path, content } of edits) {
      const place = join(this.home, 'releases', version, path)
      if (content === undefined) await rm(place)
      else {
        await chmod(place, 0o644).catch(() => {})
        await writeFile(place, content)
      }
    }
  }

  /** A directory beside home and store, emptied by `restore`. */
  at(name: string): string {
    return join(this.live, name)
  }

  private openStorage(): Store {
    return this.remote?.store ?? openFileStore(this.storage)
  }

  machine({ home = this.home, past = 0 }: { home?: string; past?: number } = {}): MachineContext {
    return {
      layout: layoutOf(home),
      openStore,
      now: () => this.now - past,
      clock: () => performance.now(),
      emit: () => {},
      by: 'crash test',
    }
  }

  publisher({ keys = [KEYS.ci], past = 0 }: { keys?: string[]; past?: number } = {}): PublisherContext {
    return {
      store: this.openStorage(),
      pin: this.pin,
      signers: keys.map(signer),
      clock: () => this.now - past,
      stopwatch: () => performance.now(),
      emit: () => {},
    }
  }

  publish(context: PublisherContext, revision: string, dryRun = false) {
    return publish(context, {
      git: new Git(this.git.directory),
      revision,
      channel: parseChannel('canary'),
      selection: { include: [], exclude: [] },
      dryRun,
    })
  }

  /** What a passing clock looks like from the outside: the next run comes some minutes later, as cron's does. */
  async minutesPass(home: string = this.home): Promise<void> {
    const then = new Date(Date.now() - LATER)
    const staging = join(home, 'staging')
    const leftovers = await readdir(staging).catch(() => [])
    const paths = [
      ...leftovers.map((name) => join(staging, name)),
      join(home, 'lock'),
      join(this.storage, '.work/lock'),
    ]
    for (const path of paths) await lutimes(path, then, then).catch(() => {})
  }

  async dispose(): Promise<void> {
    this.remote?.store.close()
    const isKept = SHARED !== undefined && this.remote === undefined
    for (const tree of isKept ? [this.live, this.template] : [this.root])
      await rm(tree, { recursive: true, force: true })
    if (isKept) idle.set(this.ahead, [...(idle.get(this.ahead) ?? []), this])
  }
}

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true }

async function makeDirectory(root: string, name: string): Promise<string> {
  await mkdir(join(root, name))
  return name
}

/** Every kind of file that a release may hold; enough bytes that an archive takes several writes. */
async function writeRound(git: GitRepository, round: number): Promise<void> {
  await git.write('README.md', `# skills, round ${round}\n`)
  await git.write('skills/quarterback/SKILL.md', `---\nname: quarterback\n---\nRound ${round}.\n`)
  await git.write('skills/quarterback/run.sh', `#!/bin/sh\necho ${round}\n`, { executable: true })
  await git.write('skills/unchanged/SKILL.md', '---\nname: unchanged\n---\nAlways the same.\n')
  await git.write('skills/unchanged/résumé.md', 'Ünïcödé\n')
  await git.write('skills/unchanged/empty', '')
  await git.write(`skills/round-${round}/SKILL.md`, `---\nname: round-${round}\n---\n`)
  await git.write('skills/noise/noise.bin', noise(round, 400_000))
  await git.link('skills/latest', `round-${round}`)
  await git.link('skills/links/latest', `../round-${round}`)
}

/** Bytes that no compressor makes smaller, the same on every run. */
function noise(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed * 2_654_435_761
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}
