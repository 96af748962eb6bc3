/** What must hold after every step, whatever went wrong in it (DESIGN §5), judged from outside. */
import { createHash } from 'node:crypto'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type ReleaseEntry, releases } from '../../src/index.ts'
import { type Edit, expectEditsReachable, type Release, whatRuns } from '../crash/invariant.ts'
import { CANARY, STABLE } from '../support/team.ts'
import type { Round } from './world.ts'

const CHANNELS = [CANARY, STABLE]
/** For a reader to whom nothing expires: a publisher's wrong clock may have signed what has expired already. */
const LONG_AGO = 0
const ALL = 100_000

/** Remembers how things stood, and insists that they have only moved as they may. */
export class Witness {
  readonly #round: Round
  #trusted: ReadonlyMap<string, number> = new Map()
  #histories: ReadonlyMap<string, readonly string[]> = new Map()
  #stamp = 0

  constructor(round: Round) {
    this.#round = round
  }

  /** @param isWritten whether anybody has written to the repository since the last look */
  async look(isWritten: boolean): Promise<void> {
    await this.#lookAtHome()
    if (isWritten) await this.#lookAtRepository()
  }

  /** Promises 1, 3, 4 and 5. @returns what runs */
  async #lookAtHome(): Promise<Release> {
    const { home, world, edits } = this.#round
    const runs = await whatRuns(home, world.releases, await stillThere(home, edits))
    await expectEditsReachable(home, edits)
    const trusted = await trustedVersions(home)
    for (const [role, version] of this.#trusted)
      expect(trusted.get(role) ?? 0, `the version of ${role} that is trusted`).toBeGreaterThanOrEqual(version)
    this.#trusted = trusted
    return runs
  }

  /** Promise 6: whoever reads the repository finds it whole, and its histories only ever grow. */
  async #lookAtRepository(): Promise<void> {
    const { store, publisher } = this.#repository()
    const histories = new Map<string, string[]>()
    for (const channel of CHANNELS) {
      const entries = await releases({ ...publisher, channel, limit: ALL, now: LONG_AGO })
      const history = entries.map(nameOf)
      const before = this.#histories.get(channel.name) ?? []
      expect(history.slice(history.length - before.length), `the history of ${channel.name}`).toEqual(before)
      expect(history.length - before.length, `moves of ${channel.name}`).toBeLessThanOrEqual(
        this.#histories.size === 0 ? ALL : MOST_MOVES,
      )
      histories.set(channel.name, history)
      for (const entry of entries) await expectBytes(store, entry)
    }
    this.#histories = histories
    const timestamp = await store.get('metadata/timestamp.json', { maxBytes: 64 * 1024 })
    if (timestamp.kind !== 'found') throw new Error('the timestamp is gone')
    const { version } = JSON.parse(timestamp.body.toString('utf8')).signed
    expect(version, 'the version of the timestamp').toBeGreaterThanOrEqual(this.#stamp)
    this.#stamp = version
    await expectContentAddressed(store)
  }

  #repository() {
    return { store: this.#round.store, publisher: this.#round.publisher() }
  }
}

/** One by the step itself, the others by rivals. */
const MOST_MOVES = 1

const nameOf = ({ release, manifest }: ReleaseEntry): string =>
  `${release.version} ${release.publishedAt} ${manifest.sha256}`

async function expectBytes(store: Round['store'], { archive, release }: ReleaseEntry): Promise<void> {
  expect((await store.stat(archive.path))?.size, `the archive of ${release.version}`).toBe(archive.size)
}

/** No object whose name says its digest has ever other bytes, whoever has written it again. */
async function expectContentAddressed(store: Round['store']): Promise<void> {
  for (const prefix of ['blobs/', 'targets/', 'history/']) {
    for await (const { key } of store.list(prefix)) {
      const [, sha256] = /([0-9a-f]{64})/.exec(key) ?? []
      const answer = await store.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
      const body = answer.kind === 'found' ? answer.body : Buffer.alloc(0)
      expect(createHash('sha256').update(body).digest('hex'), key).toBe(sha256)
    }
  }
}

/** Edits whose release is on disk and has not been replaced by an untouched copy (the edit is in `kept/` then). */
export async function stillThere(home: string, edits: readonly Edit[]): Promise<Edit[]> {
  const contents = await Promise.all(
    edits.map(({ version, path }) =>
      readFile(join(home, 'releases', version, path), 'utf8').catch(() => undefined),
    ),
  )
  return edits.filter(({ content }, index) => contents[index] === content)
}

export async function trustedVersions(home: string): Promise<Map<string, number>> {
  const trust = join(home, 'trust')
  const found = new Map<string, number>()
  for (const name of (await readdir(trust)).filter((file) => file.endsWith('.json'))) {
    found.set(name, JSON.parse(await readFile(join(trust, name), 'utf8')).signed.version)
  }
  return found
}

export const runningNow = (home: string): Promise<string> => readlink(join(home, 'current'))
