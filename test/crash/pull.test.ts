/** Pull, killed in each row of the step table (DESIGN §5). */
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join as joinRepository, pull } from '../../src/index.ts'
import { type Operation, recordOperations } from '../support/victim.ts'
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
beforeAll(async () => {
  scene = await Scene.build({ ahead: true })
})
afterAll(() => scene.dispose())

/** The flow does not tell when tidying starts: it is what comes after the state says that all is done. */
function isTidy(operations: readonly Operation[], index: number): boolean {
  const done = operations.findLastIndex(
    ({ name, subject }) => name === 'rename' && subject.includes('.state.json.'),
  )
  return index > done
}

const ROWS: readonly (readonly [row: string, steps: readonly string[]])[] = [
  ['probe, refresh, plan', ['', 'probe', 'refresh']],
  ['fetch, verify', ['fetch']],
  ['unpack, sync', ['unpack', 'sync']],
  ['activate', ['activate']],
  ['tidy', ['tidy']],
]

test('a pull that is killed while it follows a bundle leaves the old or the new release, too', async () => {
  const job = { flow: 'pull', home: scene.home, now: scene.now }
  await scene.restoreInstalled()
  const operations = await recordOperations(job)
  // It needed no archive.
  expect(operations.map(({ step }) => step)).not.toContain('fetch')
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 2),
    restore: () => scene.restoreInstalled(),
    verify: async () => {
      expect([scene.release(4), scene.release(5)]).toContain(await whatRuns(scene.home, scene.releases))
      await scene.minutesPass()
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
      await expectNoDebris(scene.home)
      await expectHistoryConsistent(scene.home)
    },
  })
})

describe('a pull that is killed leaves the old or the new release, and the next pull finishes', () => {
  let edits: Edit[]
  let operations: Operation[]
  const job = () => ({ flow: 'pull', home: scene.home, now: scene.now })

  beforeAll(async () => {
    await scene.restore()
    const [oldest, running] = [scene.release(1).version, scene.release(4).version]
    edits = [
      { version: running, path: 'README.md', content: 'my own words\n' },
      {
        version: running,
        path: 'skills/mine/SKILL.md'.replace('mine/', 'quarterback/mine-'),
        content: 'new\n',
      },
      { version: running, path: 'skills/unchanged/empty' },
      { version: oldest, path: 'skills/quarterback/run.sh', content: '#!/bin/sh\necho mine\n' },
      { version: oldest, path: 'notes.txt', content: 'a note\n' },
    ]
    await scene.edit(edits)
    await scene.keep()
    operations = await recordOperations(job())
  })

  test.each(ROWS)('in %s', async (row, steps) => {
    const belongs = ({ step }: Operation, index: number): boolean =>
      steps.includes(step === 'activate' && isTidy(operations, index) ? 'tidy' : step)
    await killAtEach({
      job: job(),
      points: killPoints(operations, belongs, 1),
      restore: () => scene.restore(),
      verify: async () => {
        const runs = await whatRuns(scene.home, scene.releases, edits)
        const before = row !== 'activate' && row !== 'tidy'
        if (before) expect(runs).toBe(scene.release(4))
        if (row === 'tidy') expect(runs).toBe(scene.release(5))
        expect([scene.release(4), scene.release(5)]).toContain(runs)
        await expectEditsReachable(scene.home, edits)

        await scene.minutesPass()
        const report = await pull(scene.machine())
        expect(report.problem).toBeUndefined()
        expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
        await expectEditsReachable(scene.home, edits)
        await expectNoDebris(scene.home)
        await expectHistoryConsistent(scene.home)
        const stays = [3, 4, 5].map((round) => scene.release(round).version)
        expect((await readdir(join(scene.home, 'releases'))).sort()).toEqual(stays.sort())
      },
    })
  })

  test('and when nothing is killed, what is expected after a kill holds too', async () => {
    await scene.restore()
    await pull(scene.machine())
    expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
    await expectEditsReachable(scene.home, edits)
    await expectNoDebris(scene.home)
    await expectHistoryConsistent(scene.home)
  })
})

test('a join that is killed leaves nothing or a complete release, and joining again ends well', async () => {
  const home = scene.at('new-home')
  const job = { flow: 'join', home, token: scene.joinToken, now: scene.now }
  await scene.restore()
  const operations = await recordOperations(job)
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 2),
    restore: () => scene.restore(),
    verify: async () => {
      const runs = await access(join(home, 'current')).then(
        () => true,
        () => false,
      )
      if (runs) expect(await whatRuns(home, scene.releases)).toBe(scene.release(5))
      await scene.minutesPass(home)
      const { pull: report } = await joinRepository(scene.machine({ home }), scene.joinToken)
      expect(report.problem).toBeUndefined()
      expect(await whatRuns(home, scene.releases)).toBe(scene.release(5))
      await expectNoDebris(home)
      await expectHistoryConsistent(home)
    },
  })
})
