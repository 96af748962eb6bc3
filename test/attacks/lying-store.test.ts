import { cp, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SkillsctlError } from '../../src/core/errors.ts'
import { promote, pull, status } from '../../src/index.ts'
import { openHttpStore } from '../../src/store/http.ts'
import type { Store } from '../../src/store/store.ts'
import { metaOf, type Signed, signMetadata } from '../../src/trust/metadata.ts'
import type { Lies } from '../support/lying-store.ts'
import { type StaticFault, startStaticServer } from '../support/static-server.ts'
import {
  bodyOf,
  createTeam,
  DAY,
  hideCatchups,
  listing,
  STABLE,
  type Team,
  type TestMachine,
  temporaryDirectory,
} from '../support/team.ts'

/**
 * An attacker who holds the bucket, a mirror or the network, but no keys: all that it can do is delay an update
 * (DESIGN §5, promise 7). Each attack is refused with its code, `current` stays, nothing is written elsewhere.
 * Here it meets the objects that signed metadata names; what it can do with bundles is in catch-up.test.ts.
 */

const SKILL = 'skills/a/SKILL.md'
const OLD = { [SKILL]: 'one' }
const yes = async () => true

type Snapshot = ReadonlyMap<string, string>

interface Scene {
  readonly team: Team
  /** Runs "one"; the truth is at "two". */
  readonly machine: TestMachine
  /** What the store held while "one" was the head. */
  readonly past: Snapshot
  readonly present: Snapshot
}

async function scene(): Promise<Scene> {
  const team = await createTeam()
  await team.ship(OLD)
  const past = await listing(team.store)
  const machine = await team.joined()
  await team.ship({ [SKILL]: 'two' })
  await hideCatchups(team.store)
  return { team, machine, past, present: await listing(team.store) }
}

const bytes = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text, 'base64')

/** Pulls through these lies, and insists that nothing came of it but this failure. */
async function refused(
  { machine }: Pick<Scene, 'machine'>,
  lies: Lies,
  codes: readonly string[],
): Promise<SkillsctlError> {
  const before = await machine.current()
  const around = await readdir(dirname(machine.layout.root))
  machine.store.lies = lies
  const { outcome, problem } = await machine.pull()
  machine.store.lies = {}
  expect(outcome).toBe('failed')
  expect(codes).toContain(problem?.code)
  expect(await machine.current()).toBe(before)
  expect(await machine.files()).toEqual(OLD)
  expect(await readdir(dirname(machine.layout.root))).toEqual(around)
  expect(await readdir(machine.layout.staging)).toEqual([])
  expect((await status(machine.context)).reasons.join('\n')).toContain(problem?.code)
  if (problem === undefined) return expect.unreachable()
  return problem
}

/** Once the lies stop, the machine updates: nothing that was sent has poisoned it. */
async function recovers({ machine }: Pick<Scene, 'machine'>): Promise<void> {
  expect((await machine.pull()).outcome).toBe('updated')
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
}

const serving = (changes: Readonly<Record<string, Buffer | undefined>>): Lies => ({
  body: (key, truth) => (Object.hasOwn(changes, key) ? changes[key] : truth),
})

test('a rollback to an old timestamp is untrusted', async () => {
  const here = await scene()
  await here.machine.pull()
  await here.team.ship({ [SKILL]: 'three' })
  here.machine.store.lies = { body: (key) => bytes(here.past.get(key)) }
  const report = await here.machine.pull()
  expect(report).toMatchObject({ outcome: 'failed', problem: { code: 'untrusted' } })
  expect(await here.machine.files()).toEqual({ [SKILL]: 'two' })
})

test('a frozen repository is no update, is told of, and stops being believed', async () => {
  const { team, machine, past } = await scene()
  machine.store.lies = { body: (key) => bytes(past.get(key)) }
  expect(await machine.pull()).toMatchObject({ outcome: 'current', warnings: [] })
  team.clock.pass(4 * DAY)
  expect((await machine.pull()).warnings.join()).toContain('frozen')
  team.clock.pass(27 * DAY)
  expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'stale' } })
  expect(await machine.files()).toEqual(OLD)
})

test('an old snapshot under a new timestamp does not match', async () => {
  const here = await scene()
  const old = bytes(here.past.get('metadata/2.snapshot.json'))
  await refused(here, serving({ 'metadata/3.snapshot.json': old }), ['corrupt'])
  await recovers(here)
})

test('an old role under a new snapshot does not match', async () => {
  const here = await scene()
  await refused(here, serving({ 'metadata/3.stable.json': bytes(here.past.get('metadata/2.stable.json')) }), [
    'corrupt',
  ])
  await recovers(here)
})

test('metadata of another repository is untrusted or does not match', async () => {
  const here = await scene()
  const other = await createTeam()
  await other.ship({ [SKILL]: 'evil' })
  await other.ship({ [SKILL]: 'more evil' })
  const theirs = await listing(other.store)
  for (const [key, code] of [
    ['metadata/timestamp.json', 'untrusted'],
    ['metadata/3.snapshot.json', 'corrupt'],
    ['metadata/3.stable.json', 'corrupt'],
  ] as const)
    await refused(here, serving({ [key]: bytes(theirs.get(key)) }), [code])
  await refused(here, { body: (key) => bytes(theirs.get(key)) }, ['untrusted'])
  await refused(here, serving({ 'metadata/2.root.json': bytes(theirs.get('metadata/1.root.json')) }), [
    'untrusted',
  ])
  await recovers(here)
})

test('canary is not served for stable', async () => {
  const here = await scene()
  await here.team.commit({ [SKILL]: 'canary' })
  const { manifest = '' } = await here.team.publish()
  const now = await listing(here.team.store)
  await refused(here, serving({ 'metadata/3.stable.json': bytes(now.get('metadata/2.canary.json')) }), [
    'corrupt',
  ])
  const wanted = [...now.keys()].find((key) => key.startsWith('targets/stable/') && !here.past.has(key)) ?? ''
  await refused(here, serving({ [wanted]: bytes(now.get(`targets/canary/${manifest}.release.json`)) }), [
    'corrupt',
  ])
  await recovers(here)
})

test('the archive of another release is not unpacked', async () => {
  const here = await scene()
  const [wanted = ''] = [...here.present.keys()].filter(
    (key) => key.startsWith('blobs/') && !here.past.has(key),
  )
  const [other = ''] = [...here.past.keys()].filter((key) => key.startsWith('blobs/'))
  // Of the promised length: a shorter one looks like a broken connection and is asked for again and again.
  const body = Buffer.alloc(bytes(here.present.get(wanted))?.length ?? 0)
  bytes(here.past.get(other))?.copy(body)
  await refused(here, serving({ [wanted]: body }), ['corrupt'])
  await recovers(here)
})

describe('endless data', () => {
  test.each([
    'metadata/timestamp.json',
    'metadata/2.root.json',
    'metadata/3.snapshot.json',
    'metadata/3.stable.json',
    'targets',
    'blobs',
  ])('in %s is cut off', async (prefix) => {
    const here = await scene()
    const more = Buffer.alloc(2 * 1024 * 1024, 0x20)
    const endless: Lies = {
      body: (key, truth) =>
        (key.startsWith(prefix) && !here.past.has(key)) || key === prefix
          ? Buffer.concat([truth ?? Buffer.alloc(0), more])
          : truth,
    }
    await refused(here, endless, ['corrupt'])
    await recovers(here)
  })
})

describe('over HTTP', () => {
  const behind = async (store: Store, fault: (key: string) => StaticFault | undefined) => {
    const server = await startStaticServer(
      async (key) => {
        const answer = await store.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
        return answer.kind === 'found' ? answer : undefined
      },
      { fault: ({ key }) => fault(key) },
    )
    onTestFinished(() => server.close())
    return server
  }

  test.each([
    'metadata/timestamp.json',
    'metadata/3.snapshot.json',
    'metadata/3.stable.json',
    'targets/',
    'blobs/',
  ])('a body of %s that never ends is cut off', async (prefix) => {
    const here = await scene()
    const server = await behind(here.team.store, (key) =>
      key.startsWith(prefix) ? { kind: 'endless' } : undefined,
    )
    const openStore = async () => openHttpStore(server.url)
    expect(await pull({ ...here.machine.context, openStore })).toMatchObject({
      outcome: 'failed',
      problem: { code: 'corrupt' },
    })
    expect(await here.machine.files()).toEqual(OLD)
    await recovers(here)
  })

  test('a redirect elsewhere is not followed', async () => {
    const here = await scene()
    const server = await behind(here.team.store, () => ({
      kind: 'redirect',
      location: 'http://127.0.0.1:1/',
    }))
    const openStore = async () => openHttpStore(server.url)
    expect(await pull({ ...here.machine.context, openStore })).toMatchObject({
      outcome: 'failed',
      problem: { code: 'unreachable' },
    })
  })
})

test('a flipped bit in any object: the pull fails with the right code, or did not need that object', async () => {
  const here = await scene()
  const failed = new Set<string>()
  for (const [key, text] of here.present) {
    const honest = Buffer.from(text, 'base64')
    for (const place of [0, honest.length >> 1, honest.length - 1]) {
      const flipped = Buffer.from(honest)
      flipped[place] = (honest[place] ?? 0) ^ 1
      const machine = await twinOf(here)
      machine.store.lies = serving({ [key]: flipped })
      const { outcome, problem } = await machine.pull()
      if (outcome === 'failed') {
        failed.add(key)
        expect(['corrupt', 'untrusted']).toContain(problem?.code)
        expect(await machine.files()).toEqual(OLD)
      } else {
        expect(outcome).toBe('updated')
        expect(await machine.files()).toEqual({ [SKILL]: 'two' })
      }
    }
  }
  const needed = [...here.present.keys()].filter(
    (key) => !here.past.has(key) || key === 'metadata/timestamp.json',
  )
  expect([...failed].sort()).toEqual(needed.sort())
})

/** A machine with the same home, for one more try. */
async function twinOf({ team, machine }: Scene): Promise<TestMachine> {
  const home = join(await temporaryDirectory(), 'home')
  await cp(machine.layout.root, home, { recursive: true, verbatimSymlinks: true })
  return team.machine({ home })
}

describe('somebody who holds the CI key', () => {
  /** Signs these changes with the CI key into a copy of the repository. */
  const takenOver = async (
    { team, present }: Scene,
    role?: (signed: Signed) => Signed,
    snapshot?: (meta: Record<string, unknown>) => void,
  ): Promise<Lies> => {
    const { ci } = team.keys
    const read = async <T>(key: string): Promise<T> =>
      JSON.parse((await bodyOf(team.store, key)).toString('utf8')).signed
    const files: Record<string, Buffer> = {}
    const old = await read<Signed & { meta: Record<string, unknown> }>('metadata/3.snapshot.json')
    const meta = { ...old.meta }
    if (role !== undefined) {
      const signed = role({ ...(await read<Signed>('metadata/3.stable.json')), version: 4 })
      files['metadata/4.stable.json'] = signMetadata(signed, [ci])
      meta['stable.json'] = metaOf(4, files['metadata/4.stable.json'])
    }
    snapshot?.(meta)
    const next = { ...old, version: 4, meta } as unknown as Signed
    files['metadata/4.snapshot.json'] = signMetadata(next, [ci])
    const timestamp = await read<Signed>('metadata/timestamp.json')
    const stamped = {
      ...timestamp,
      version: 9,
      meta: { 'snapshot.json': metaOf(4, files['metadata/4.snapshot.json']) },
      'x-heads': {},
    }
    files['metadata/timestamp.json'] = signMetadata(stamped as unknown as Signed, [ci])
    expect(present.size).toBeGreaterThan(0)
    return serving(files)
  }

  test('cannot sign stable', async () => {
    const here = await scene()
    await refused(here, await takenOver(here, (signed) => signed), ['untrusted'])
  })

  test('cannot take stable back, or out', async () => {
    const here = await scene()
    await here.machine.pull({ check: true })
    const back = await takenOver(here, undefined, (meta) => {
      meta['stable.json'] = { version: 1 }
    })
    await refused(here, back, ['untrusted'])
    const out = await takenOver(here, undefined, (meta) => {
      delete meta['stable.json']
    })
    await refused(here, out, ['untrusted', 'corrupt'])
  })

  test('cannot promote itself, whatever the hints say', async () => {
    const here = await scene()
    await here.team.commit({ [SKILL]: 'evil' })
    await here.team.publish()
    await expect(promote(here.team.ci, 'canary', STABLE, yes)).rejects.toMatchObject({ code: 'refused' })
    await recovers(here)
  })
})

test('a store that takes every request and then says something else, at random, never gets through', async () => {
  const here = await scene()
  // A fixed sequence, so that a failure can be repeated.
  let seed = 7
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed / 2_147_483_648
  }
  const keys = [...here.present.keys()]
  for (let round = 0; round < 40; round++) {
    here.machine.store.lies = {
      body: (key, truth) => {
        if (random() < 0.5) return truth
        // A shorter archive would be a broken connection, worth seconds of retries.
        if (key.startsWith('blobs/')) return truth && Buffer.alloc(truth.length)
        const held = random() < 0.5 ? here.past : here.present
        return bytes(held.get(keys[Math.floor(random() * keys.length)] ?? ''))
      },
    }
    const { outcome } = await here.machine.pull()
    const files = await here.machine.files()
    expect([OLD, { [SKILL]: 'two' }]).toContainEqual(files)
    if (outcome === 'updated') expect(files).toEqual({ [SKILL]: 'two' })
  }
}, 60_000)
