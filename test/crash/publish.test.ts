/** Publishing, killed in each row of the step table (DESIGN §5): every machine can pull, and publishing again succeeds. */
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join as joinRepository, parseChannel, pull, releases } from '../../src/index.ts'
import { type Operation, recordOperations } from '../support/victim.ts'
import { whatRuns } from './invariant.ts'
import { killAtEach, killPoints } from './kill.ts'
import { KEYS, Scene } from './scene.ts'

const DAY = 24 * 60 * 60 * 1000

let scene: Scene
let operations: Operation[]
beforeAll(async () => {
  scene = await Scene.build({ ahead: false })
  await scene.restore()
  operations = await recordOperations(job())
})
afterAll(() => scene.dispose())

const job = () => ({
  flow: 'publish',
  store: scene.store,
  pin: scene.pin,
  signers: [KEYS.ci],
  repository: scene.git.directory,
  revision: scene.release(5).commit,
  now: scene.now,
  temporary: scene.temporary,
})

/** The last is part of a path, for a row that shares its step with another. */
const ROWS: readonly (readonly [row: string, steps: readonly string[], part: string])[] = [
  ['collect, pack, describe', ['collect', 'pack', 'describe'], ''],
  ['upload', ['upload'], ''],
  ['catch up', ['point'], '/catchup/'],
  ['sign, point', ['point'], ''],
]

/** A day later: what dead writers left beside the objects may go. */
async function aDayPasses(): Promise<void> {
  const work = join(scene.storage, '.work')
  const then = new Date(Date.now() - 2 * DAY)
  for (const name of await readdir(work)) await utimes(join(work, name), then, then)
}

describe('a publisher that is killed leaves the old or the new head', () => {
  test('and every step of it is in the table', () => {
    expect(new Set(operations.map(({ step }) => step))).toEqual(new Set(ROWS.flatMap(([, steps]) => steps)))
  })

  test.each(ROWS)('in %s', async (row, steps, part) => {
    await killAtEach({
      job: job(),
      points: killPoints(
        operations,
        ({ step, subject }) => steps.includes(step) && subject.includes(part),
        row === 'sign, point' ? 2 : 1,
      ),
      restore: () => scene.restore(),
      verify: async () => {
        const allowed = row === 'sign, point' ? [scene.release(4), scene.release(5)] : [scene.release(4)]
        const before = await pull(scene.machine())
        expect(before.problem).toBeUndefined()
        const head = await whatRuns(scene.home, scene.releases)
        expect(allowed).toContain(head)
        const home = scene.at('newcomer')
        await joinRepository(scene.machine({ home }), scene.joinToken)
        expect(await whatRuns(home, scene.releases)).toBe(head)

        await aDayPasses()
        const again = await scene.publish(scene.publisher(), scene.release(5).commit)
        expect(again.outcome).toBe(head === scene.release(5) ? 'unchanged' : 'published')
        expect(again.manifest).toBe(scene.release(5).manifest)
        expect((await pull(scene.machine())).problem).toBeUndefined()
        expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
        const { store, pin } = scene.publisher()
        const listed = await releases({
          store,
          pin,
          now: scene.now,
          channel: parseChannel('canary'),
          limit: 100,
        })
        expect(listed.map(({ release }) => release.commit)).toEqual(
          scene.releases.map(({ commit }) => commit).reverse(),
        )
        if (again.outcome === 'published') expect(await readdir(join(scene.storage, '.work'))).toEqual([])
      },
    })
  })
})
