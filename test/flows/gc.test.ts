import { expect, test } from 'vitest'
import { collectGarbage, promote, releases, renew, revert } from '../../src/index.ts'
import { renewTimestamp } from '../../src/trust/writer.ts'
import { LyingStore } from '../support/lying-store.ts'
import {
  CANARY,
  createTeam,
  DAY,
  DRAFT,
  HOUR,
  listing,
  newSigner,
  STABLE,
  type Team,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

const keysOf = async (team: Team) => [...(await listing(team.store)).keys()]
const blobs = async (team: Team) => (await keysOf(team)).filter((key) => key.startsWith('blobs/'))

test('right after publishing there is nothing to remove', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  await promote(team.release, 'canary', STABLE, yes)
  const before = await listing(team.store)
  expect(await collectGarbage(team.ci)).toMatchObject({ removed: [], freed: 0, kept: before.size })
  expect(await listing(team.store)).toEqual(before)
})

test('removes orphans once they are older than the grace period, and metadata that is superseded', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  const orphans = [
    `blobs/aa/${'a'.repeat(64)}.tar.gz`,
    `targets/canary/${'b'.repeat(64)}.release.json`,
    'metadata/9.canary.json',
  ]
  for (const key of orphans) await team.store.put(key, Buffer.from('12345'), { absent: true })
  team.clock.pass(23 * HOUR)
  expect((await collectGarbage(team.ci)).removed).toEqual([])
  team.clock.pass(2 * HOUR)
  const before = await keysOf(team)
  const plan = await collectGarbage(team.ci, { dryRun: true })
  expect(await keysOf(team)).toEqual(before)
  const report = await collectGarbage(team.ci)
  expect(report).toEqual(plan)
  const removed = report.removed.map(({ key }) => key)
  expect(removed).toEqual(
    expect.arrayContaining([...orphans, 'metadata/1.snapshot.json', 'metadata/1.canary.json']),
  )
  expect(report.freed).toBe(report.removed.reduce((sum, { size }) => sum + size, 0))
  expect(await keysOf(team)).toEqual(before.filter((key) => !removed.includes(key)))
  const machine = await team.joined({ channel: 'canary' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
})

test('keeps old metadata that was in force until a moment ago: somebody may be on the way from its timestamp', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  const machine = await team.joined({ channel: 'canary' })
  await team.commit({ [SKILL]: 'two' })
  await team.publish()
  team.clock.pass(3 * DAY)
  const before = await keysOf(team)
  await team.commit({ [SKILL]: 'three' })
  let published = false
  machine.store.lies = {
    before: async ({ key }) => {
      if (published || !key.startsWith('catchup/')) return
      // This machine has the timestamp, and nothing of what it names.
      published = true
      await team.publish()
      await collectGarbage(team.ci)
    },
  }
  expect((await machine.pull()).problem).toBeUndefined()
  expect(published).toBe(true)
  const gone = (keys: readonly string[]) => before.filter((key) => !keys.includes(key))
  expect(gone(await keysOf(team))).toContain('metadata/2.canary.json')
  expect(gone(await keysOf(team))).not.toContain('metadata/3.canary.json')
  team.clock.pass(25 * HOUR)
  await collectGarbage(team.ci)
  expect(gone(await keysOf(team))).toEqual(
    expect.arrayContaining(['metadata/3.snapshot.json', 'metadata/3.canary.json']),
  )
})

test('keeps the last 100 releases of a channel and those younger than 90 days, and nothing else', async () => {
  const team = await createTeam()
  const publish = async (content: string) => {
    await team.commit({ [SKILL]: content })
    return team.publish()
  }
  await publish('oldest')
  const [oldest = ''] = await blobs(team)
  await publish('one')
  await publish('two')
  // 102 heads in all, so that the oldest is one too many, but young.
  for (let count = 3; count < 102; count++) await revert(team.ci, CANARY, undefined, yes)
  team.clock.pass(89 * DAY)
  // Ages count by the store's clock, so one that is ahead takes nothing that is young.
  await collectGarbage({ ...team.ci, clock: () => team.clock.now() + 300 * DAY })
  expect(await blobs(team)).toContain(oldest)
  team.clock.pass(2 * DAY)
  const { removed } = await collectGarbage(team.ci)
  expect(removed.map(({ key }) => key)).toContain(oldest)
  expect(await blobs(team)).toHaveLength(2)
  // Its name stays in the history; its bytes are gone.
  await renew(team.ci)
  const history = await releases({ ...team.ci, channel: CANARY, limit: 1000, now: team.clock.now() })
  expect(history).toHaveLength(102)
  await expect(
    promote(team.release, history.at(-1)?.release.version ?? '', STABLE, yes),
  ).rejects.toMatchObject({ code: 'missing' })
  expect((await collectGarbage(team.ci)).removed).toEqual([])
})

test('what another channel still points at stays', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'draft' })
  await team.publish({ channel: DRAFT })
  team.clock.pass(200 * DAY)
  await collectGarbage(team.ci)
  expect(await blobs(team)).toHaveLength(1)
})

test('an object that a publisher has written again in the meantime survives', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  const orphan = `blobs/aa/${'a'.repeat(64)}.tar.gz`
  await team.store.put(orphan, Buffer.from('x'), { absent: true })
  team.clock.pass(2 * DAY)
  let touched = false
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (touched || operation !== 'stat' || key !== orphan) return
      touched = true
      await team.store.touch(orphan, Buffer.from('x'))
    },
  })
  const { removed } = await collectGarbage(team.publisher({ store }))
  expect(touched).toBe(true)
  expect(removed.map(({ key }) => key)).not.toContain(orphan)
  expect(await keysOf(team)).toContain(orphan)
})

test('a publish of long-orphaned content that gc meets half-way keeps its content', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  let crashed = false
  const dying = new LyingStore(team.store, {
    before: ({ operation, key }) => {
      if (operation === 'put' && key.startsWith('metadata/')) throw new Error('killed')
    },
  })
  await team.publish({}, team.publisher({ store: dying })).catch(() => {
    crashed = true
  })
  expect(crashed).toBe(true)
  team.clock.pass(2 * DAY)
  const meeting = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (operation === 'put' && key === 'metadata/timestamp.json') await collectGarbage(team.ci)
    },
  })
  expect(await team.publish({}, team.publisher({ store: meeting }))).toMatchObject({ outcome: 'published' })
  const machine = await team.joined({ channel: 'canary' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
})

test('going back to a release that gc may collect keeps its archive', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'oldest' })
  const oldest = await team.publish()
  for (const content of ['one', 'two']) {
    await team.commit({ [SKILL]: content })
    await team.publish()
  }
  for (let count = 3; count < 102; count++) await revert(team.ci, CANARY, undefined, yes)
  team.clock.pass(91 * DAY)
  const meeting = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (operation === 'put' && key === 'metadata/timestamp.json') await collectGarbage(team.ci)
    },
  })
  await revert(team.publisher({ store: meeting }), CANARY, oldest.version, yes)
  const machine = await team.joined({ channel: 'canary' })
  expect(await machine.files()).toEqual({ [SKILL]: 'oldest' })
})

test('approvals stay until nobody can complete them, and a day longer', async () => {
  const second = newSigner()
  const team = await createTeam({
    others: [second],
    keySet: ({ release }) => ({ stable: { keys: [release, second], threshold: 2 } }),
  })
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  await promote(team.release, 'canary', STABLE, yes)
  const approvals = async () => (await keysOf(team)).filter((key) => key.startsWith('approvals/'))
  team.clock.pass(7 * DAY)
  await collectGarbage(team.ci)
  expect(await approvals()).toHaveLength(2)
  expect(await promote(team.publisher({ signers: [second] }), 'canary', STABLE, yes)).toMatchObject({
    outcome: 'moved',
  })
  team.clock.pass(8 * DAY + HOUR)
  await collectGarbage(team.ci)
  expect(await approvals()).toHaveLength(0)
})

test('bundles of a head stay however old it is, those of older heads go after the grace period', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  const machine = await team.joined()
  await team.ship({ [SKILL]: 'two' })
  await team.publish({ channel: DRAFT })
  const bundles = async () => (await keysOf(team)).filter((key) => key.startsWith('catchup/'))
  const all = await bundles()
  await collectGarbage(team.ci)
  expect(await bundles()).toEqual(all)
  team.clock.pass(200 * DAY)
  await renewTimestamp(team.ci)
  await collectGarbage(team.ci)
  expect(await bundles()).toEqual(all.filter((key) => !key.startsWith('catchup/stable/2/')))
  machine.store.forget()
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(machine.store.log.filter((call) => call.includes('blobs/'))).toEqual([])
})

test('bundles that a publisher has just written survive until it points', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  const machine = await team.joined()
  await team.commit({ [SKILL]: 'two' })
  const meeting = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (operation === 'put' && key === 'metadata/timestamp.json') await collectGarbage(team.ci)
    },
  })
  await team.publish({ channel: STABLE }, team.publisher({ store: meeting }))
  machine.store.forget()
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(machine.store.calls).toHaveLength(3)
})
