/** The real command line, killed at random moments. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join as joinRepository, prepareStandby, pull, rollback } from '../../src/index.ts'
import { randoms } from '../support/randoms.ts'
import { CLI, runProcess } from '../support/victim.ts'
import { expectHistoryConsistent, expectNoDebris, whatRuns } from './invariant.ts'
import { EVERYTHING } from './kill.ts'
import { KEYS, Scene } from './scene.ts'

/** To repeat a failure: SKILLSCTL_SEED=<the number that it printed>. */
const SEED = Number(process.env['SKILLSCTL_SEED'] ?? Date.now() % 1_000_000_007)

let follower: Scene
let publisher: Scene
beforeAll(async () => {
  follower = await Scene.build({ ahead: true })
  publisher = await Scene.build({ ahead: false })
})
afterAll(() => Promise.all([follower.dispose(), publisher.dispose()]))

interface Command {
  readonly name: string
  readonly scene: () => Scene
  /** How it finds the scene. */
  readonly restore?: (scene: Scene) => Promise<void>
  readonly args: () => string[]
  readonly kills: number
  readonly verify: (scene: Scene) => Promise<void>
}

const COMMANDS: readonly Command[] = [
  {
    name: 'pull',
    scene: () => follower,
    args: () => ['pull'],
    kills: EVERYTHING ? 80 : 1,
    verify: async (scene: Scene) => {
      expect([scene.release(4), scene.release(5)]).toContain(await whatRuns(scene.home, scene.releases))
      await scene.minutesPass()
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
    },
  },
  {
    name: 'pull, with a standby,',
    scene: () => follower,
    restore: (scene) => scene.restoreReady(),
    args: () => ['pull'],
    kills: EVERYTHING ? 80 : 1,
    verify: async (scene: Scene) => {
      expect([scene.release(4), scene.release(5)]).toContain(await whatRuns(scene.home, scene.releases))
      await scene.minutesPass()
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
    },
  },
  {
    name: 'pull, with nothing new,',
    scene: () => publisher,
    restore: (scene) => scene.restoreInstalled(),
    args: () => ['pull'],
    kills: EVERYTHING ? 80 : 1,
    verify: async (scene: Scene) => {
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(4))
      await scene.minutesPass()
      expect((await pull(scene.machine())).outcome).toBe('current')
      expect(await prepareStandby(scene.machine())).toBe(true)
      await scene.publish(scene.publisher(), scene.release(5).commit)
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
    },
  },
  {
    name: 'publish',
    scene: () => publisher,
    args: () => ['publish'],
    kills: EVERYTHING ? 80 : 1,
    verify: async (scene: Scene) => {
      expect((await pull(scene.machine())).problem).toBeUndefined()
      const head = await whatRuns(scene.home, scene.releases)
      expect([scene.release(4), scene.release(5)]).toContain(head)
      const home = scene.at('newcomer')
      await joinRepository(scene.machine({ home }), scene.joinToken)
      expect(await whatRuns(home, scene.releases)).toBe(head)
      await scene.minutesPass()
      const again = await scene.publish(scene.publisher(), scene.release(5).commit)
      expect(again.outcome).toBe(head === scene.release(5) ? 'unchanged' : 'published')
      expect((await pull(scene.machine())).problem).toBeUndefined()
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(5))
    },
  },
  {
    name: 'rollback',
    scene: () => follower,
    args: () => ['rollback', follower.release(2).version],
    kills: EVERYTHING ? 40 : 1,
    verify: async (scene: Scene) => {
      expect([scene.release(2), scene.release(4)]).toContain(await whatRuns(scene.home, scene.releases))
      await scene.minutesPass()
      await rollback(scene.machine(), scene.release(2).version)
      expect(await whatRuns(scene.home, scene.releases)).toBe(scene.release(2))
    },
  },
]

describe.each(COMMANDS)(
  'skillsctl $name, killed at random moments',
  ({ name, scene, restore = (found) => found.restore(), args, kills, verify }) => {
    test(`${kills} times, leaves old or new, and the next run ends well`, async () => {
      const { home, token, git, temporary } = scene()
      const run = (killAfter?: number) =>
        runProcess([CLI, ...args()], {
          cwd: git.directory,
          env: { SKILLSCTL_HOME: home, SKILLSCTL_TOKEN: token, SKILLSCTL_KEY: KEYS.ci, TMPDIR: temporary },
          ...(killAfter === undefined ? {} : { killAfter }),
        })
      await restore(scene())
      const started = performance.now()
      expect(await run()).toMatchObject({ code: 0 })
      const whole = performance.now() - started
      const random = randoms(SEED + name.length)
      for (let kill = 1; kill <= kills; kill++) {
        // Loading the program takes the first part of it, in which nothing can go wrong.
        const after = Math.round(whole * (0.2 + 0.85 * random.next().value))
        await restore(scene())
        const { killed, code, stderr } = await run(after)
        try {
          if (!killed) expect(code, stderr).toBe(0)
          await verify(scene())
          await expectNoDebris(home)
          await expectHistoryConsistent(home)
        } catch (error) {
          throw new Error(
            `kill ${kill}, after ${after} of ${Math.round(whole)} ms, SKILLSCTL_SEED=${SEED}: ${error}`,
            {
              cause: error,
            },
          )
        }
      }
    })
  },
)
