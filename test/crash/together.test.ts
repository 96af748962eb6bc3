/** Many at once: real processes on one home, and on one store. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseChannel, pull, releases } from '../../src/index.ts'
import { EVERYTHING } from '../concurrency/crowd.ts'
import { CLI, runProcess } from '../support/victim.ts'
import { expectHistoryConsistent, expectNoDebris, treeOnDisk, whatRuns } from './invariant.ts'
import { KEYS, Scene } from './scene.ts'

const CROWD = EVERYTHING ? 16 : 3

let behind: Scene
let ahead: Scene
beforeAll(async () => {
  behind = await Scene.build({ ahead: false })
  ahead = await Scene.build({ ahead: true })
})
afterAll(() => Promise.all([behind.dispose(), ahead.dispose()]))

function crowd(scene: Scene, ...args: string[]) {
  const { home, token, git, temporary } = scene
  const env = { SKILLSCTL_HOME: home, SKILLSCTL_TOKEN: token, SKILLSCTL_KEY: KEYS.ci, TMPDIR: temporary }
  return Promise.all(
    Array.from({ length: CROWD }, () => runProcess([CLI, ...args], { cwd: git.directory, env })),
  )
}

test(`${CROWD} pulls of one home at once all end well, and activate the release once`, async () => {
  const scene = ahead
  await scene.restore()
  for (const { code, stderr } of await crowd(scene, 'pull')) expect(code, stderr).toBe(0)
  expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
  await expectNoDebris(scene.home)
  await expectHistoryConsistent(scene.home)
  const history = await readFile(join(scene.home, 'history.jsonl'), 'utf8')
  expect(
    history.split('\n').filter((line) => line.includes(`"to":"${scene.release(5).version}"`)),
  ).toHaveLength(1)
})

test(`${CROWD} pulls at once of a home with one standby all end well, and so do as many that make the next one`, async () => {
  const scene = ahead
  await scene.restoreReady()
  for (const { code, stderr } of await crowd(scene, 'pull')) expect(code, stderr).toBe(0)
  expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
  for (const { code, stderr } of await crowd(scene, 'pull'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
  expect(await treeOnDisk(join(scene.home, 'standby/tree'))).toEqual(scene.release(5).tree)
  await expectNoDebris(scene.home)
  await expectHistoryConsistent(scene.home)
})

test(`${CROWD} publishers of one commit at once all end well, and make one release`, async () => {
  const scene = behind
  await scene.restore()
  for (const { code, stderr } of await crowd(scene, 'publish')) expect(code, stderr).toBe(0)
  const { store, pin } = scene.publisher()
  const listed = await releases({ store, pin, now: scene.now, channel: parseChannel('canary'), limit: 100 })
  expect(listed.map(({ release }) => release.commit)).toEqual(
    scene.releases.map(({ commit }) => commit).reverse(),
  )
  expect((await pull(scene.machine())).problem).toBeUndefined()
  expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
})
