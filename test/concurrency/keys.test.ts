/** Keys change while others read and write: root and timestamp are two objects, and nobody sees both at once. */
import { expect, test } from 'vitest'
import { renew, replaceKey } from '../../src/index.ts'
import { type Call, LyingStore } from '../support/lying-store.ts'
import { createTeam, newSigner, type Team } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'

async function published(): Promise<Team> {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  await team.publish()
  return team
}

/** Runs `meanwhile` once, right before a call. */
function before(team: Team, wanted: string, meanwhile: () => Promise<unknown>): LyingStore {
  let done = false
  return new LyingStore(team.store, {
    before: async ({ operation, key }: Call) => {
      if (done || `${operation} ${key}` !== wanted) return
      done = true
      await meanwhile()
    },
  })
}

async function changeKey(team: Team, store = team.store) {
  const next = newSigner()
  // Without the release key, which both roots list: what the old root accepts and what the new one does are disjoint.
  const signers = [team.keys.root, team.keys.ci, next]
  await replaceKey(team.publisher({ signers, store }), team.keys.ci, next)
  return next
}

test('a pull whose timestamp is older than the root that it meets asks again, and updates', async () => {
  const team = await published()
  const { layout } = await team.joined()
  await team.ship({ [SKILL]: 'two' })
  await team.publish()
  const through = before(team, 'get metadata/2.root.json', () => changeKey(team))
  const machine = await team.machine({ home: layout.root, through })
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

test('a publisher whose root is older than the timestamp that it meets asks again, and publishes', async () => {
  const team = await published()
  let next = team.keys.ci
  const store = before(team, 'get metadata/timestamp.json', async () => {
    // The root is asked for in the same moment, and was not there yet.
    await new Promise(setImmediate)
    next = await changeKey(team)
  })
  await team.commit({ [SKILL]: 'two' })
  const reading = team.publish({}, team.publisher({ signers: [team.keys.release], store }))
  await expect(reading).rejects.toMatchObject({ code: 'refused', subject: 'canary' })
  expect(await team.publish({}, team.publisher({ signers: [next] }))).toMatchObject({ outcome: 'published' })
})

test('whoever lands between the steps of a key change cannot keep it from being finished', async () => {
  const team = await published()
  const machine = await team.joined({ channel: 'canary' })
  await team.commit({ [SKILL]: 'two' })
  const store = before(team, 'put metadata/2.root.json', async () => {
    // The snapshot is signed by the old key only, the timestamp by one that stays.
    await team.publish()
    await renew(team.release)
  })
  const next = await changeKey(team, store)
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  await team.commit({ [SKILL]: 'three' })
  await team.publish({}, team.publisher({ signers: [next] }))
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
})

test('who reads while a key change is half done waits for its end', async () => {
  const team = await published()
  const machine = await team.joined({ channel: 'canary' })
  await team.commit({ [SKILL]: 'two' })
  const pulls: Promise<unknown>[] = []
  let isHalfDone = false
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (operation !== 'put') return
      if (key === 'metadata/2.root.json') await team.publish()
      if (key === 'metadata/timestamp.json' && isHalfDone) {
        pulls.push(machine.pull())
        await reached
      }
      isHalfDone ||= key === 'metadata/2.root.json'
    },
  })
  const reached = new Promise<void>((resolve) => {
    machine.store.lies = {
      before: ({ key }) => {
        if (key === 'metadata/3.root.json') resolve()
      },
    }
  })
  await changeKey(team, store)
  expect(await Promise.all(pulls)).toMatchObject([{ outcome: 'updated' }])
})
