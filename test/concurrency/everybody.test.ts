/** Everybody at once on one repository: publishing, promoting, changing keys, collecting, renewing, pulling. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { collectGarbage, promote, releases, renew, replaceKey, verify } from '../../src/index.ts'
import type { Signer } from '../../src/trust/key.ts'
import { LyingStore } from '../support/lying-store.ts'
import { CANARY, createTeam, DAY, HOUR, newSigner, STABLE, type Team } from '../support/team.ts'
import { EVERYTHING } from './crowd.ts'
import { letOthers, numbers } from './turns.ts'

/** `SKILLSCTL_SEED` repeats one. */
const SEED = process.env['SKILLSCTL_SEED']
const SEEDS =
  SEED === undefined ? Array.from({ length: EVERYTHING ? 60 : 1 }, (_, seed) => seed) : [Number(SEED)]

const SKILL = 'skills/a/SKILL.md'
const COMMITS = 7
const yes = async () => true

/** Pulls again and again, and looks at what runs after each. */
async function follower(team: Team, channel: string, random: () => number): Promise<() => Promise<void>> {
  const store = new LyingStore(team.store, { before: () => letOthers(random) })
  const { layout } = await team.joined({ channel })
  const machine = await team.machine({ channel, home: layout.root, through: store })
  let version = 0
  return async () => {
    for (let round = 0; round < 4; round++) {
      await letOthers(random)
      expect((await machine.pull()).problem, `pull of ${channel}`).toBeUndefined()
      expect((await verify(machine.context, {})).drift).toEqual([])
      const { signed } = JSON.parse(await readFile(join(layout.trust, 'timestamp.json'), 'utf8'))
      expect(signed.version, 'the version of the timestamp').toBeGreaterThanOrEqual(version)
      version = signed.version
    }
  }
}

test.each(SEEDS)('nobody is in anybody else’s way, with seed %i', async (seed) => {
  const random = numbers(seed)
  const team = await createTeam()
  const nextCi = newSigner()
  const commits: string[] = []
  for (let round = 0; round < COMMITS; round++) commits.push(await team.commit({ [SKILL]: `${round}` }))
  await team.publish({ revision: commits[0] ?? '' })
  await promote(team.release, 'canary', STABLE, yes)
  // What is in force is old, and may be removed as soon as it is not.
  team.clock.pass(2 * DAY)
  const as = (...signers: Signer[]) =>
    team.publisher({ signers, store: new LyingStore(team.store, { before: () => letOthers(random) }) })
  const { root, ci, release } = team.keys

  const outcomes: string[] = []
  const publishes = (rounds: readonly number[]) => async () => {
    for (const round of rounds) {
      const { outcome } = await team.publish({ revision: commits[round] ?? '' }, as(ci, nextCi))
      outcomes.push(outcome)
    }
  }
  const followers = [await follower(team, 'canary', random), await follower(team, 'stable', random)]
  await Promise.all(
    [
      ...followers,
      publishes([1, 3, 5]),
      publishes([2, 4, 6]),
      async () => {
        for (let times = 0; times < 3; times++) await promote(as(release), 'canary', STABLE, yes)
      },
      async () => {
        await letOthers(random)
        await replaceKey(as(root, ci, release, nextCi), ci, nextCi)
      },
      async () => {
        for (let times = 0; times < 3; times++) {
          // Less than garbage is left lying for, together: nobody here may sleep for longer.
          team.clock.pass(7 * HOUR * random())
          await collectGarbage(as())
        }
      },
      async () => {
        for (let times = 0; times < 2; times++) await renew(as(release))
      },
    ].map((act) => act()),
  )

  const listed = await releases({
    store: team.store,
    pin: team.root,
    now: team.clock.now(),
    channel: CANARY,
    limit: 100,
  })
  const landed = listed.map((entry) => entry.release.commit)
  expect(landed[0]).toBe(commits.at(-1))
  // In the order of git, each once, and as many as said so.
  expect(landed).toEqual(commits.filter((commit) => landed.includes(commit)).reverse())
  expect(landed).toHaveLength(1 + outcomes.filter((outcome) => outcome === 'published').length)
  expect(outcomes.filter((outcome) => outcome !== 'published' && outcome !== 'superseded')).toEqual([])

  await promote(team.release, 'canary', STABLE, yes)
  team.clock.pass(25 * HOUR)
  await collectGarbage(team.publisher({ signers: [] }))
  for (const channel of ['canary', 'stable']) {
    const machine = await team.joined({ channel })
    expect(await machine.files()).toEqual({ [SKILL]: `${COMMITS - 1}` })
  }
})
