import { expect, test } from 'vitest'
import { promote, renew } from '../../src/index.ts'
import { LyingStore } from '../support/lying-store.ts'
import { createTeam, DAY, listing, STABLE, type Team } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'

async function published(): Promise<Team> {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  await promote(team.release, 'canary', STABLE, async () => true)
  return team
}

const changed = async (team: Team, work: () => Promise<unknown>): Promise<string[]> => {
  const before = await listing(team.store)
  await work()
  return [...(await listing(team.store))]
    .filter(([key, body]) => before.get(key) !== body)
    .map(([key]) => key)
}

test('signs the timestamp anew and nothing else', async () => {
  const team = await published()
  const machine = await team.joined()
  team.clock.pass(2 * DAY)
  expect(await changed(team, () => renew(team.ci))).toEqual(['metadata/timestamp.json'])
  team.clock.pass(2 * DAY)
  expect(await machine.pull()).toMatchObject({ outcome: 'current', warnings: [] })
})

test('either online key may renew, the root key alone may not', async () => {
  const team = await published()
  await renew(team.ci)
  await renew(team.release)
  await expect(renew(team.publisher({ signers: [team.keys.root] }))).rejects.toMatchObject({
    code: 'refused',
  })
})

test('signs anew what has under 90 days left and its keys may sign, and warns about the rest', async () => {
  const team = await published()
  team.clock.pass(280 * DAY)
  const report = await renew(team.ci)
  expect([...report.renewed].sort()).toEqual(['canary', 'drafts'])
  expect(report.warnings.map((line) => line.split(' ')[0]).sort()).toEqual(['root', 'stable', 'targets'])
  const rest = await renew(team.release)
  expect(rest.renewed).toEqual(['stable'])
  expect(rest.warnings.map((line) => line.split(' ')[0]).sort()).toEqual(['root', 'targets'])
  const targets = await renew(team.publisher())
  expect(targets.renewed).toEqual(['targets'])
  expect(targets.warnings.map((line) => line.split(' ')[0])).toEqual(['root'])
  expect(await changed(team, () => renew(team.publisher()))).toEqual(['metadata/timestamp.json'])
})

test('a machine that renewals reach in time never meets expired metadata, and sees no new release', async () => {
  const team = await published()
  const machine = await team.joined()
  for (let day = 0; day < 360; day += 20) {
    team.clock.pass(20 * DAY)
    await renew(team.publisher())
    expect(await machine.pull()).toMatchObject({ outcome: 'current', warnings: [] })
  }
})

test('mends a repository whose timestamp had expired', async () => {
  const team = await published()
  const machine = await team.joined()
  team.clock.pass(31 * DAY)
  expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'stale' } })
  await renew(team.ci)
  expect(await machine.pull()).toMatchObject({ outcome: 'current', warnings: [] })
})

test('a renewal that loses the race against a publisher renews what that one wrote', async () => {
  const team = await published()
  await team.commit({ [SKILL]: 'two' })
  let raced = false
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (raced || operation !== 'put' || key !== 'metadata/timestamp.json') return
      raced = true
      await team.publish()
    },
  })
  await renew(team.publisher({ store }))
  expect(raced).toBe(true)
  const machine = await team.joined({ channel: 'canary' })
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})
