/** Rollback and repair, killed: old or new, and what was begun is finished by the next run. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pull, rollback, verify as verifyInstalled } from '../../src/index.ts'
import { recordOperations } from '../support/victim.ts'
import {
  type Edit,
  expectEditsReachable,
  expectHistoryConsistent,
  expectNoDebris,
  whatRuns,
} from './invariant.ts'
import { killAtEach, killPoints } from './kill.ts'
import { Scene } from './scene.ts'

let scene: Scene
let edits: Edit[]
beforeAll(async () => {
  scene = await Scene.build({ ahead: true })
  edits = [
    { version: scene.release(4).version, path: 'README.md', content: 'my own words\n' },
    { version: scene.release(4).version, path: 'notes.txt', content: 'a note\n' },
  ]
  await scene.restore()
  await scene.edit(edits)
  // The oldest is to be fetched.
  await rm(join(scene.home, 'releases', scene.release(1).version), { recursive: true })
  await scene.keep()
})
afterAll(() => scene.dispose())

async function expectAtRest(): Promise<void> {
  await expectEditsReachable(scene.home, edits)
  await expectNoDebris(scene.home)
  await expectHistoryConsistent(scene.home)
}

describe('a rollback that is killed', () => {
  const WAYS = [
    { where: 'on disk', round: 3 },
    { where: 'to be fetched', round: 1 },
  ]
  test.each(WAYS)('to a release $where leaves the old or that one', async ({ round }) => {
    const target = scene.release(round)
    const job = { flow: 'rollback', home: scene.home, now: scene.now, version: target.version }
    await scene.restore()
    const operations = await recordOperations(job)
    await killAtEach({
      job,
      points: killPoints(operations, () => true, 1),
      restore: () => scene.restore(),
      verify: async () => {
        expect([scene.release(4), target]).toContain(await whatRuns(scene.home, scene.releases, edits))
        await expectEditsReachable(scene.home, edits)

        await scene.minutesPass()
        const { pin } = JSON.parse(await readFile(join(scene.home, 'state.json'), 'utf8'))
        expect((await pull(scene.machine())).problem).toBeUndefined()
        const expected = pin === undefined ? scene.release(5) : target
        expect(await whatRuns(scene.home, scene.releases, edits)).toBe(expected)
        await expectAtRest()

        await rollback(scene.machine(), target.version)
        expect(await whatRuns(scene.home, scene.releases, edits)).toBe(target)
        expect((await pull(scene.machine())).outcome).toBe('pinned')
        await expectAtRest()
      },
    })
  })
})

test('a repair that is killed leaves the edited or the restored release', async () => {
  const job = { flow: 'verify', home: scene.home, now: scene.now }
  await scene.restore()
  const operations = await recordOperations(job)
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 1),
    restore: () => scene.restore(),
    verify: async () => {
      expect(await whatRuns(scene.home, scene.releases, edits)).toBe(scene.release(4))
      await expectEditsReachable(scene.home, edits)
      await scene.minutesPass()
      await verifyInstalled(scene.machine(), { repair: true })
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(4))
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
      await expectAtRest()
    },
  })
})

test('a pull that was mending a lost `current` and is killed leaves none or a complete one', async () => {
  const job = { flow: 'pull', home: scene.home, now: scene.now }
  const lose = async (): Promise<void> => {
    await scene.restore()
    await rm(join(scene.home, 'current'))
  }
  await lose()
  const operations = await recordOperations(job)
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 1),
    restore: lose,
    verify: async () => {
      await scene.minutesPass()
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
      await expectAtRest()
    },
  })
})
