/** A trial that is begun, ends or is stopped, killed: old or new, and the next run goes back without a network. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readState } from '../../src/home/state.ts'
import {
  Git,
  layoutOf,
  parseChannel,
  publish,
  pull,
  SkillsctlError,
  stopTrial,
  tryDraft,
} from '../../src/index.ts'
import { type Job, recordOperations } from '../support/victim.ts'
import { expectHistoryConsistent, expectNoDebris, whatRuns } from './invariant.ts'
import { killAtEach, killPoints } from './kill.ts'
import { Scene } from './scene.ts'

const HOUR = 60 * 60 * 1000
const DRAFT = 'drafts/idea'
/** Boundaries looked at in `npm test`. */
const FEW = 1

let scene: Scene
beforeAll(async () => {
  scene = await Scene.build({ ahead: false })
  await publish(scene.publisher(), {
    git: new Git(scene.git.directory),
    revision: scene.release(5).commit,
    channel: parseChannel(DRAFT),
    selection: { include: [], exclude: [] },
  })
  await scene.keep()
})
afterAll(() => scene.dispose())

/** Of another moment, without a network. */
const later = (hours: number) => ({
  ...scene.machine({ past: -hours * HOUR }),
  openStore: () => Promise.reject(new SkillsctlError('unreachable', 'the network is not there')),
})
const runs = () => whatRuns(scene.home, scene.releases)
const trial = async () => (await readState(layoutOf(scene.home))).trial

async function expectOver(): Promise<void> {
  await pull(later(3))
  expect(await runs()).toBe(scene.release(4))
  expect(await trial()).toBeUndefined()
  expect((await pull(scene.machine())).problem).toBeUndefined()
  expect(await runs()).toBe(scene.release(4))
  await expectNoDebris(scene.home)
  await expectHistoryConsistent(scene.home)
}

async function killed(job: Job, restore: () => Promise<void>, verify: () => Promise<void>): Promise<void> {
  await restore()
  const operations = await recordOperations(job)
  await killAtEach({
    job,
    points: killPoints(operations, () => true, FEW),
    restore,
    verify: async () => {
      expect([scene.release(4), scene.release(5)]).toContain(await runs())
      await scene.minutesPass()
      await verify()
    },
  })
}

test('begun and killed, it is not begun, or the next pull goes on with it until it is over', async () => {
  const job = { flow: 'try', home: scene.home, now: scene.now, draft: DRAFT, length: 2 * HOUR }
  const restore = () => scene.restoreInstalled()
  await killed(job, restore, async () => {
    const begun = await trial()
    expect((await pull(scene.machine())).problem).toBeUndefined()
    expect(await runs()).toBe(scene.release(begun === undefined ? 4 : 5))
    await expectOver()
  })
})

async function restoreTrying(): Promise<void> {
  await scene.restoreInstalled()
  await tryDraft(scene.machine(), DRAFT, { for: 2 * HOUR, surfaces: [] })
  expect(await runs()).toBe(scene.release(5))
}

test('over and killed while it ends, the next run ends it', async () => {
  const job = { flow: 'pull', home: scene.home, now: scene.now + 3 * HOUR }
  await killed(job, restoreTrying, expectOver)
})

test('stopped and killed, it goes on, or the next pull ends it', async () => {
  const job = { flow: 'tryStop', home: scene.home, now: scene.now }
  await killed(job, restoreTrying, async () => {
    const inForce =
      (await trial())?.until === new Date(scene.now + 2 * HOUR).toISOString().replace('.000Z', 'Z')
    await pull({ ...later(0) })
    expect(await runs()).toBe(scene.release(inForce ? 5 : 4))
    await stopTrial(scene.machine())
    await expectOver()
  })
})
