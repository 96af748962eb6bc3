/** A publisher in bad weather: what the random runs found, one by one. */
import { expect, test } from 'vitest'
import { collectGarbage, promote, releases, renew, revert } from '../../src/index.ts'
import { withRetries } from '../../src/store/retry.ts'
import type { Store } from '../../src/store/store.ts'
import { fault, LyingStore } from '../support/lying-store.ts'
import { CANARY, createTeam, DAY, listing, STABLE, type Team } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async (): Promise<boolean> => true
const TIMESTAMP = 'metadata/timestamp.json'

async function publishing(...contents: readonly string[]): Promise<{ team: Team; versions: string[] }> {
  const team = await createTeam()
  const versions: string[] = []
  for (const content of contents) {
    await team.commit({ [SKILL]: content })
    versions.push((await team.publish()).version)
  }
  return { team, versions }
}

test('an archive that was damaged on its way to us is not written back over the good one', async () => {
  const { team } = await publishing('one')
  team.clock.pass(60 * DAY)
  await renew(team.publisher())
  const before = await listing(team.store)
  const store = new LyingStore(team.store, {
    body: (key, truth) => (key.startsWith('blobs/') ? truth?.subarray(0, -1) : truth),
  })
  const context = team.publisher({ store })
  await expect(promote(context, 'canary', STABLE, yes)).rejects.toMatchObject({ code: 'corrupt' })
  expect(await listing(team.store)).toEqual(before)
})

test('a revert whose answer is lost goes back once, also when somebody else writes meanwhile', async () => {
  const { team, versions } = await publishing('one', 'two', 'three')
  const store = withRetries(losingAnswers(team.store, () => renew(team.publisher())))
  await revert(team.publisher({ store }), CANARY, undefined, yes)
  const [head] = await releases({ ...team.ci, channel: CANARY, limit: 1, now: team.clock.now() })
  expect(head?.release.version).toBe(versions[1])
})

test('a revert leaves the release that was the head when it was asked for, whatever is published meanwhile', async () => {
  const { team, versions } = await publishing('good', 'bad')
  await team.commit({ [SKILL]: 'bad as well' })
  let isPublished = false
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (isPublished || operation !== 'put' || key !== TIMESTAMP) return
      isPublished = true
      await team.publish()
    },
  })
  expect(await revert(team.publisher({ store }), CANARY, undefined, yes)).toMatchObject({
    version: versions[0],
  })
})

test('a store that refuses every name as taken is given up, not asked for ever', async () => {
  const { team } = await publishing('one')
  await team.commit({ [SKILL]: 'two' })
  let refusals = 0
  const store: Store = Object.assign(new LyingStore(team.store), {
    put: async () => {
      refusals += 1
      return { kind: 'conflict' as const }
    },
  })
  await expect(team.publish({}, team.publisher({ store }))).rejects.toMatchObject({ code: 'raced' })
  expect(refusals).toBeLessThan(2_000)
})

test('collection behind a cache that shows an old timestamp removes nothing', async () => {
  const { team } = await publishing('one')
  const old = Buffer.from((await listing(team.store)).get(TIMESTAMP) ?? '', 'base64')
  await team.commit({ [SKILL]: 'two' })
  await team.publish()
  team.clock.pass(2 * DAY)
  const before = await listing(team.store)
  const store = new LyingStore(team.store, { body: (key, truth) => (key === TIMESTAMP ? old : truth) })
  await expect(collectGarbage(team.publisher({ store }))).rejects.toMatchObject({ code: 'raced' })
  expect(await listing(team.store)).toEqual(before)
})

/** Loses the first answer of every write of the timestamp, after it took effect and `then` happened. */
function losingAnswers(truth: Store, then: () => Promise<unknown>): Store {
  let isLost = false
  return Object.assign(new LyingStore(truth), {
    put: async (...[key, body, condition]: Parameters<Store['put']>) => {
      const answer = await truth.put(key, body, condition)
      if (isLost || key !== TIMESTAMP) return answer
      isLost = true
      await then()
      throw fault('unreachable', key)
    },
  })
}
