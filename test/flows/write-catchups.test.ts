/** Who writes catch-up bundles, when, and with what in them (SPEC.md, "Catch-up"). */
import { describe, expect, test } from 'vitest'
import { decodeCatchup } from '../../src/archive/catchup.ts'
import { Git } from '../../src/archive/git.ts'
import type { CatchupIndex } from '../../src/core/catchup.ts'
import type { Emit } from '../../src/core/events.ts'
import { promote, renew, revert } from '../../src/index.ts'
import { fault, LyingStore } from '../support/lying-store.ts'
import {
  bodyOf,
  CANARY,
  createTeam,
  DRAFT,
  held,
  listing,
  newSigner,
  STABLE,
  type Team,
  type TestMachine,
  temporaryDirectory,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

const bundles = async ({ store }: Team): Promise<string[]> =>
  [...(await listing(store)).keys()].filter((key) => key.startsWith('catchup/'))

/** The one bundle of these that starts from a release. */
async function fromRelease(team: Team, prefix: string): Promise<CatchupIndex> {
  const keys = (await bundles(team)).filter((key) => key.startsWith(prefix) && !key.endsWith('/none'))
  expect(keys).toHaveLength(1)
  return decodeCatchup(await bodyOf(team.store, keys[0] ?? ''))
}

/** What a pull that updates asks for, by the first part of each key. */
async function requests(machine: TestMachine): Promise<string[]> {
  machine.store.forget()
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  return machine.store.calls.map(({ key }) => key.replace(/\/.*/, ''))
}

const THREE = ['metadata', 'catchup', 'metadata']
const WITH_ARCHIVE = [...THREE, 'blobs']

test('bundles are written after what they stand for, and before the timestamp', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  await team.commit({ [SKILL]: 'two' })
  const store = new LyingStore(team.store)
  await team.publish({ channel: STABLE }, team.publisher({ store }))
  const puts = store.log.filter((call) => /^put (?:metadata|catchup)/.test(call))
  expect(puts.map((call) => call.replace(/[0-9a-f]{16}$/, '…')).sort()).toEqual([
    'put catchup/stable/3/none',
    'put catchup/stable/3/…',
    'put metadata/3.snapshot.json',
    'put metadata/3.stable.json',
    'put metadata/timestamp.json',
  ])
  expect(puts.map((call) => call.includes('catchup'))).toEqual([false, false, true, true, false])
})

test('nothing that moves no head writes any', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  const before = await bundles(team)
  await team.publishStable()
  await team.publishStable({ restore: true })
  await renew(team.publisher())
  expect(await bundles(team)).toEqual(before)
})

test('a bundle holds the metadata of this change, and the targets only for a machine that has nothing', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  await team.ship({ [SKILL]: 'two' })
  const { metadata } = await fromRelease(team, 'catchup/stable/3/')
  expect([...metadata.keys()].sort()).toEqual(['metadata/3.snapshot.json', 'metadata/3.stable.json'])
  for (const [key, text] of metadata) expect(text).toBe((await bodyOf(team.store, key)).toString('utf8'))
  const none = decodeCatchup(await bodyOf(team.store, 'catchup/stable/3/none'))
  expect([...none.metadata.keys()]).toContain('metadata/1.targets.json')
  expect(none.files).toBeUndefined()
})

test('a file that was renamed travels as its old name, one that is new as a whole', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'the same words\n', 'skills/b/SKILL.md': 'b\n' })
  await team.git.move('skills/a', 'skills/c')
  await team.ship({ 'skills/d/SKILL.md': 'd\n' })
  const { files } = await fromRelease(team, 'catchup/stable/3/')
  expect(files).toMatchObject([
    { path: 'skills/c/SKILL.md', old: { path: SKILL, head: 15, tail: 0 } },
    { path: 'skills/d/SKILL.md', old: undefined },
  ])
})

test('more than 4 MB of changed files are left to the archive', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one', 'large.txt': 'x'.repeat(4 * 1024 * 1024) })
  const machine = await team.joined()
  await team.ship({ 'large.txt': `${'x'.repeat(4 * 1024 * 1024)}y` })
  expect((await fromRelease(team, 'catchup/stable/3/')).files).toBeUndefined()
  expect(await requests(machine)).toEqual(WITH_ARCHIVE)
})

test('an old manifest that the store lost makes no bundle, and no failure', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  for await (const { key } of team.store.list('targets/')) await team.store.remove(key)
  expect(await team.ship({ [SKILL]: 'two' })).toMatchObject({ outcome: 'published' })
  expect((await bundles(team)).filter((key) => key.startsWith('catchup/stable/3/'))).toEqual([
    'catchup/stable/3/none',
  ])
})

test('a store that takes no bundle is worth a warning, and keeps nobody from publishing', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  const machine = await team.joined()
  await team.commit({ [SKILL]: 'two' })
  const store = new LyingStore(team.store, {
    before: ({ operation, key }) => {
      if (operation === 'put' && key.startsWith('catchup/')) throw fault('denied', key)
    },
  })
  const warnings: (string | undefined)[] = []
  const emit: Emit = ({ status, message }) => {
    if (status === 'warning') warnings.push(message)
  }
  const publishing = team.publish({ channel: STABLE }, { ...team.publisher({ store }), emit })
  await expect(publishing).resolves.toMatchObject({ outcome: 'published' })
  expect(warnings).toEqual([expect.stringContaining('no catch-up bundles were written')])
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
})

test('a publisher that loses the race twice goes without: each bundle is time for another to be faster', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  await team.commit({ [SKILL]: 'two' })
  let lost = 0
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (operation === 'put' && key === 'metadata/timestamp.json' && lost++ < 2) await renew(team.ci)
    },
  })
  const head = (await bundles(team)).length
  await expect(team.publish({ channel: STABLE }, team.publisher({ store }))).resolves.toMatchObject({
    outcome: 'published',
  })
  // Two attempts with a bundle for the head before and one for none; the third has landed.
  expect((await bundles(team)).length - head).toBe(4)
})

describe('promote and revert', () => {
  /** Stable at "one", canary at "two", and a machine on stable. */
  async function waiting(): Promise<{ team: Team; machine: TestMachine }> {
    const team = await createTeam()
    await team.commit({ [SKILL]: 'one' })
    await team.publish()
    await promote(team.release, 'canary', STABLE, yes)
    const machine = await team.joined()
    await team.commit({ [SKILL]: 'two' })
    await team.publish()
    return { team, machine }
  }

  test('in a checkout write contents, too', async () => {
    const { team, machine } = await waiting()
    const git = new Git(team.git.directory)
    await promote(team.publisher({ git }), 'canary', STABLE, yes)
    expect(await requests(machine)).toEqual(THREE)
    expect(await machine.files()).toEqual({ [SKILL]: 'two' })
    const fresh = await team.joined()
    await revert(team.publisher({ git }), STABLE, undefined, yes)
    expect(await requests(fresh)).toEqual(THREE)
    expect(await fresh.files()).toEqual({ [SKILL]: 'one' })
  })

  test('elsewhere write bundles without contents: the archive follows', async () => {
    const { team, machine } = await waiting()
    const warnings: (string | undefined)[] = []
    const emit: Emit = ({ status, message }) => {
      if (status === 'warning') warnings.push(message)
    }
    await promote({ ...team.release, emit }, 'canary', STABLE, yes)
    expect(warnings).toEqual([expect.stringContaining('no clone of the source here')])
    expect(await requests(machine)).toEqual(WITH_ARCHIVE)
    expect(await machine.files()).toEqual({ [SKILL]: 'two' })
  })

  test('in a clone that is too shallow, or none at all, are not kept from moving the head', async () => {
    const { team, machine } = await waiting()
    await team.commit({ [SKILL]: 'three' })
    await using shallow = await team.git.clone(undefined, '--depth=1')
    await promote(team.publisher({ git: new Git(shallow.directory) }), 'canary', STABLE, yes)
    expect(await requests(machine)).toEqual(WITH_ARCHIVE)
    const git = new Git(await temporaryDirectory())
    expect(await revert(team.publisher({ git }), STABLE, undefined, yes)).toMatchObject({ outcome: 'moved' })
    const fresh = await team.joined()
    expect(await fresh.files()).toEqual({ [SKILL]: 'one' })
  })

  test('with two approvals: whoever completes them writes', async () => {
    const second = newSigner()
    const team = await createTeam({
      others: [second],
      keySet: ({ release }) => ({ stable: { keys: [release, second], threshold: 2 }, canary: held(release) }),
    })
    const git = new Git(team.git.directory)
    const approve = (signer: typeof second) =>
      promote(team.publisher({ signers: [signer], git }), 'canary', STABLE, yes)
    const move = async (content: string) => {
      await team.commit({ [SKILL]: content })
      await team.publish({}, team.release)
      expect(await approve(team.keys.release)).toMatchObject({ outcome: 'approved' })
      const before = await bundles(team)
      expect(before.filter((key) => key.startsWith('catchup/stable/'))).toHaveLength(
        content === 'one' ? 0 : 1,
      )
      expect(await approve(second)).toMatchObject({ outcome: 'moved' })
    }
    await move('one')
    const machine = await team.joined()
    await move('two')
    expect(await requests(machine)).toEqual(THREE)
    expect(await machine.files()).toEqual({ [SKILL]: 'two' })
  })
})

test('a shallow clone that publishes sends new files whole', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one\nand more\n', 'skills/b/SKILL.md': 'b\n' })
  const machine = await team.joined()
  await team.commit({ [SKILL]: 'two\nand more\n' })
  await using shallow = await team.git.clone(undefined, '--depth=1')
  await team.publishStable({ git: new Git(shallow.directory), allowOlder: true })
  expect((await fromRelease(team, 'catchup/stable/3/')).files).toMatchObject([
    { path: SKILL, old: undefined },
  ])
  expect(await requests(machine)).toEqual(THREE)
  expect((await machine.files())?.[SKILL]).toBe('two\nand more\n')
})

test('a draft of a working tree has no contents in git: its machines take the archive', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'committed' })
  await team.publish({ channel: DRAFT })
  const machine = await team.joined({ channel: DRAFT.name })
  // At a commit of its own, whose file of this name is not the draft's.
  await team.commit({ 'README.md': 'more\n' })
  await team.git.write(SKILL, 'an idea')
  await team.publish({ channel: DRAFT, workingTree: true })
  expect((await fromRelease(team, 'catchup/drafts/idea/3/')).files).toBeUndefined()
  expect(await requests(machine)).toEqual(WITH_ARCHIVE)
  expect(await machine.files()).toEqual({ [SKILL]: 'an idea', 'README.md': 'more\n' })
  // Back to what git knows, from what it does not.
  await team.publish({ channel: DRAFT, allowOlder: true })
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(await machine.files()).toEqual({ [SKILL]: 'committed', 'README.md': 'more\n' })
})

test('bundles of a publisher that lost a race lead nobody astray', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  const machine = await team.joined()
  await team.commit({ [SKILL]: 'canary' })
  await team.commit({ [SKILL]: 'two' })
  let rival: Promise<unknown> | undefined
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (operation !== 'put' || key !== 'metadata/timestamp.json') return
      rival ??= team.publish({ revision: 'HEAD^', channel: STABLE }, team.release)
      await rival
    },
  })
  expect(await team.publish({ channel: STABLE }, team.publisher({ store }))).toMatchObject({
    outcome: 'published',
  })
  const versions = new Set((await bundles(team)).map((key) => key.split('/')[2]))
  expect([...versions].sort()).toEqual(['2', '3', '4', '5'])
  expect(await requests(machine)).toEqual(THREE)
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

test('two publishers at once leave the bundles of the head whole', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  const machine = await team.joined()
  await team.commit({ [SKILL]: 'two' })
  await Promise.all([team.publishStable(), team.publish({ channel: CANARY })])
  const calls = await requests(machine)
  expect(calls.slice(0, 3)).toEqual(THREE)
  expect(calls.filter((part) => part !== 'metadata' && part !== 'catchup')).toEqual([])
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})
