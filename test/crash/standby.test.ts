/** The two runs of a standby, killed: the pull that makes one, and the update that changes it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { prepareStandby, pull } from '../../src/index.ts'
import { recordOperations } from '../support/victim.ts'
import { expectHistoryConsistent, expectNoDebris, treeOnDisk, whatRuns } from './invariant.ts'
import { killAtEach, killPoints } from './kill.ts'
import { Scene } from './scene.ts'

let scene: Scene
afterEach(() => scene.dispose())

/** The next run of a machine at rest: it follows its channel, and is ready for what comes then. */
async function expectNextRunEndsWell(round: number): Promise<void> {
  const { home, releases } = scene
  await scene.minutesPass()
  expect((await pull(scene.machine())).problem).toBeUndefined()
  expect(await whatRuns(home, releases)).toBe(scene.release(round))
  expect(await prepareStandby(scene.machine())).toBe(true)
  expect(await readFile(join(home, 'standby/base'), 'utf8')).toBe(scene.release(round).manifest)
  expect(await treeOnDisk(join(home, 'standby/tree'))).toEqual(scene.release(round).tree)
  expect(await whatRuns(home, releases)).toBe(scene.release(round))
  await expectNoDebris(home)
  await expectHistoryConsistent(home)
}

test('an idle pull that is killed leaves what runs alone; the next ones prepare, and update', async () => {
  scene = await Scene.build({ ahead: false })
  const job = { flow: 'idle', home: scene.home, now: scene.now, temporary: scene.temporary }
  await scene.restoreInstalled()
  const operations = await recordOperations(job)
  expect(operations.map(({ step }) => step)).toContain('standby')
  let kills = 0
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 1),
    restore: () => scene.restoreInstalled(),
    verify: async () => {
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(4))
      // Half of them are updated by the next run, half of them are idle once more.
      kills += 1
      if (kills % 2 === 0) await expectNextRunEndsWell(4)
      await scene.publish(scene.publisher(), scene.release(5).commit)
      await expectNextRunEndsWell(5)
    },
  })
})

test('an update that changes a standby and is killed leaves the old or the new release, and the next one ends well', async () => {
  scene = await Scene.build({ ahead: true })
  const job = { flow: 'pull', home: scene.home, now: scene.now, temporary: scene.temporary }
  await scene.restoreReady()
  const operations = await recordOperations(job)
  expect(operations.map(({ step }) => step)).not.toContain('fetch')
  expect(operations.map(({ name }) => name)).not.toContain('copyFileSync')
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 1),
    restore: () => scene.restoreReady(),
    verify: async () => {
      expect([scene.release(4), scene.release(5)]).toContain(await whatRuns(scene.home, scene.releases))
      await expectNextRunEndsWell(5)
    },
  })
})
