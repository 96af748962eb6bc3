import { expect, test } from 'vitest'
import { promote, releases, revert } from '../../src/index.ts'
import { CANARY, createTeam, DAY, DRAFT, HOUR, listing, STABLE, type Team } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

async function withCanary(...contents: readonly string[]): Promise<{ team: Team; versions: string[] }> {
  const team = await createTeam()
  const versions: string[] = []
  for (const content of contents) {
    await team.commit({ [SKILL]: content })
    versions.push((await team.publish()).version)
    team.clock.pass(HOUR)
  }
  return { team, versions }
}

const stableHistory = async (team: Team) =>
  (await releases({ ...team.ci, channel: STABLE, limit: 1000, now: team.clock.now() })).map(
    ({ release }) => release.version,
  )

test('promotes the head of canary: the same bytes, nothing rebuilt', async () => {
  const { team, versions } = await withCanary('one', 'two')
  const blobs = [...(await listing(team.store)).keys()].filter((key) => key.startsWith('blobs/'))
  const report = await promote(team.release, 'canary', STABLE, yes)
  expect(report).toMatchObject({
    outcome: 'moved',
    channel: 'stable',
    version: versions[1],
    previous: undefined,
  })
  expect([...(await listing(team.store)).keys()].filter((key) => key.startsWith('blobs/'))).toEqual(blobs)
  const machine = await team.joined()
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

test('promotes any release of canary by a unique prefix of its version or commit', async () => {
  const { team, versions } = await withCanary('one', 'two', 'three')
  const hash = versions[0]?.split('-')[1] ?? ''
  expect(await promote(team.release, hash.slice(0, 5), STABLE, yes)).toMatchObject({ version: versions[0] })
  expect(await promote(team.release, versions[1] ?? '', STABLE, yes)).toMatchObject({
    version: versions[1],
    previous: versions[0],
    changes: { modified: ['skills/a'] },
  })
})

test('promoting what is the head already changes nothing', async () => {
  const { team } = await withCanary('one')
  await promote(team.release, 'canary', STABLE, yes)
  const before = await listing(team.store)
  expect(await promote(team.release, 'canary', STABLE, yes)).toMatchObject({ outcome: 'unchanged' })
  const after = await listing(team.store)
  expect([...after.keys()]).toEqual([...before.keys()])
  expect(after.get('metadata/timestamp.json')).toBe(before.get('metadata/timestamp.json'))
})

test('refuses a step back and names the way that is meant for it', async () => {
  const { team, versions } = await withCanary('one', 'two')
  await promote(team.release, 'canary', STABLE, yes)
  await expect(promote(team.release, versions[0] ?? '', STABLE, yes)).rejects.toMatchObject({
    code: 'refused',
    hint: expect.stringContaining('revert stable --to'),
  })
  expect(await stableHistory(team)).toEqual([versions[1]])
})

test('refuses a draft, and whatever was never on canary', async () => {
  const { team } = await withCanary('one')
  await team.commit({ [SKILL]: 'draft' })
  const draft = await team.publish({ channel: DRAFT })
  await expect(promote(team.release, 'drafts/idea', STABLE, yes)).rejects.toMatchObject({ code: 'refused' })
  await expect(promote(team.release, draft.version, STABLE, yes)).rejects.toMatchObject({ code: 'absent' })
  await expect(promote(team.release, 'canary', DRAFT, yes)).rejects.toMatchObject({ code: 'refused' })
  await expect(promote(team.release, 'canary', CANARY, yes)).rejects.toMatchObject({ code: 'refused' })
  expect(await stableHistory(team)).toEqual([])
})

test('an unknown version lists near misses', async () => {
  const { team, versions } = await withCanary('one')
  const wrong = `${versions[0]?.slice(0, -2)}zz`
  await expect(promote(team.release, wrong, STABLE, yes)).rejects.toMatchObject({
    code: 'absent',
    hint: expect.stringContaining(versions[0] ?? ''),
  })
})

test('before anything was published there is nothing to promote or revert', async () => {
  const team = await createTeam()
  await expect(promote(team.release, 'canary', STABLE, yes)).rejects.toMatchObject({ code: 'absent' })
  await expect(revert(team.release, STABLE, undefined, yes)).rejects.toMatchObject({ code: 'absent' })
})

test('the CI key cannot promote', async () => {
  const { team } = await withCanary('one')
  await expect(promote(team.ci, 'canary', STABLE, yes)).rejects.toMatchObject({
    code: 'refused',
    subject: 'stable',
  })
  expect(await stableHistory(team)).toEqual([])
})

test('a release whose archive was collected is missing, not promoted', async () => {
  const { team } = await withCanary('one')
  for (const key of [...(await listing(team.store)).keys()].filter((name) => name.startsWith('blobs/')))
    await team.store.remove(key)
  await expect(promote(team.release, 'canary', STABLE, yes)).rejects.toMatchObject({ code: 'missing' })
  expect(await stableHistory(team)).toEqual([])
})

test('revert points at the release before: a new, higher version that machines follow', async () => {
  const { team, versions } = await withCanary('one', 'two')
  for (const version of versions) await promote(team.release, version, STABLE, yes)
  const machine = await team.joined()
  const report = await revert(team.release, STABLE, undefined, yes)
  expect(report).toMatchObject({ outcome: 'moved', version: versions[0], previous: versions[1] })
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  expect(await stableHistory(team)).toEqual([versions[0], versions[1], versions[0]])
})

test('revert goes to a named release of the channel, and only of this channel', async () => {
  const { team, versions } = await withCanary('one', 'two', 'three', 'four')
  for (const version of versions.slice(0, 3)) await promote(team.release, version, STABLE, yes)
  expect(await revert(team.release, STABLE, versions[0], yes)).toMatchObject({ version: versions[0] })
  await expect(revert(team.release, STABLE, versions[3], yes)).rejects.toMatchObject({ code: 'absent' })
  expect(await revert(team.release, STABLE, versions[0], yes)).toMatchObject({ outcome: 'unchanged' })
})

test('with one release there is nothing to go back to', async () => {
  const { team } = await withCanary('one')
  await expect(revert(team.ci, CANARY, undefined, yes)).rejects.toMatchObject({ code: 'absent' })
})

test('after a revert of canary the fixed commit moves on', async () => {
  const { team, versions } = await withCanary('one', 'bad')
  await revert(team.ci, CANARY, undefined, yes)
  const machine = await team.joined({ channel: 'canary' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  await team.commit({ [SKILL]: 'fixed' })
  expect(await team.publish()).toMatchObject({ outcome: 'published', previous: versions[0] })
  await machine.pull()
  expect(await machine.files()).toEqual({ [SKILL]: 'fixed' })
})

test('releases lists a long history across pages, newest first, each entry once', async () => {
  const { team, versions } = await withCanary('one', 'two')
  const expected = [versions[1], versions[0]]
  // 121 heads without 121 commits: going back and forth writes history like publishing does.
  for (let count = 2; count < 121; count++) {
    await revert(team.ci, CANARY, undefined, yes)
    expected.unshift(versions[count % 2])
    team.clock.pass(1000)
  }
  const history = await releases({ ...team.ci, channel: CANARY, limit: 1000, now: team.clock.now() })
  expect(history.map(({ release }) => release.version)).toEqual(expected)
  const times = history.map(({ release }) => release.publishedAt)
  expect(times).toEqual([...times].sort().reverse())
  const short = await releases({ ...team.ci, channel: CANARY, limit: 3, now: team.clock.now() })
  expect(short).toEqual(history.slice(0, 3))
  expect(history[0]?.changes.modified).toEqual(['skills/a'])
})

test('releases reads no page that it does not need', async () => {
  const { team } = await withCanary('one', 'two')
  for (let count = 0; count < 12; count++) await revert(team.ci, CANARY, undefined, yes)
  const { LyingStore } = await import('../support/lying-store.ts')
  const store = new LyingStore(team.store)
  const list = (limit: number) =>
    releases({ store, pin: team.root, channel: CANARY, limit, now: team.clock.now() })
  expect(await list(11)).toHaveLength(11)
  expect(store.log.filter((call) => call.includes('history/'))).toEqual([])
  expect(await list(14)).toHaveLength(14)
  expect(store.log.filter((call) => call.includes('history/'))).toHaveLength(1)
})

test('a machine that expired metadata would stop can still be helped: publishing mends it', async () => {
  const { team, versions } = await withCanary('one')
  await promote(team.release, 'canary', STABLE, yes)
  team.clock.pass(40 * DAY)
  const machine = await team.machine()
  await expect(machine.join()).rejects.toMatchObject({ code: 'stale' })
  await team.commit({ [SKILL]: 'two' })
  await team.publish()
  await machine.join()
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  expect(await stableHistory(team)).toEqual([versions[0]])
})
