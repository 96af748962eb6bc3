/** Changing keys, killed in (a), (b) and (c) of DESIGN §3: every machine follows, and running it again finishes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join as joinRepository, listKeys, pull, renew, replaceKey } from '../../src/index.ts'
import { type Operation, recordOperations } from '../support/victim.ts'
import { whatRuns } from './invariant.ts'
import { EVERYTHING, killAtEach, killPoints } from './kill.ts'
import { KEYS, Scene, signer } from './scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = await Scene.build({ ahead: true })
})
afterAll(() => scene.dispose())

/** Where (a) ends with its timestamp, and (b) with the new root. */
function boundaries(operations: readonly Operation[]): [afterA: number, afterB: number] {
  const root = operations.findIndex(
    ({ name, subject }) => name === 'link' && subject.endsWith('/2.root.json'),
  )
  const timestamp = operations
    .slice(0, root)
    .findLastIndex(({ name, subject }) => name === 'rename' && subject.endsWith('/timestamp.json'))
  return [timestamp, root]
}

const PARTS = ['(a) signing by old and new', '(b) the new root', '(c) signing anew'] as const

const CHANGES = [
  { what: 'the CI key', role: 'canary', old: KEYS.ci, next: KEYS.nextCi, signs: [KEYS.root] },
  { what: 'the root key', role: 'root', old: KEYS.root, next: KEYS.nextRoot, signs: [KEYS.ci] },
] as const

/** The root key changes everything that a CI key changes, and the root itself: enough for every day. */
describe.each(EVERYTHING ? CHANGES : CHANGES.slice(1))(
  'replacing $what, killed',
  ({ role, old, next, signs }) => {
    const job = () => ({
      flow: 'replaceKey',
      store: scene.store,
      pin: scene.pin,
      signers: [...signs, old, next],
      old,
      next,
      now: scene.now,
    })
    let operations: Operation[]
    beforeAll(async () => {
      await scene.restore()
      operations = await recordOperations(job())
    })

    test.each(PARTS)('in %s', async (part) => {
      const [afterA, afterB] = boundaries(operations)
      expect(afterA).toBeGreaterThan(0)
      const belongs = (_: Operation, index: number): boolean =>
        part === PARTS[index <= afterA ? 0 : index <= afterB ? 1 : 2]
      await killAtEach({
        job: job(),
        points: killPoints(operations, belongs, 1),
        restore: () => scene.restore(),
        verify: async () => {
          const [slept, home] = [scene.home, scene.at('newcomer')]
          expect((await pull(scene.machine())).problem).toBeUndefined()
          expect(await whatRuns(slept, scene.releases)).toBe(scene.release(5))
          await joinRepository(scene.machine({ home }), scene.joinToken)
          expect(await whatRuns(home, scene.releases)).toBe(scene.release(5))

          const keys = [...signs, old, next]
          await scene.minutesPass()
          const report = await replaceKey(scene.publisher({ keys }), signer(old), signer(next))
          expect(report.waiting).toEqual([])
          const listed = await listKeys(scene.publisher())
          expect(listed.root.version).toBe(2)
          const holders = role === 'root' ? listed.keys.root : listed.keys.channels[role]
          expect(holders?.keys.map(({ keyid }) => keyid)).toEqual([signer(next).keyid])

          const online = role === 'root' ? KEYS.ci : next
          await renew(scene.publisher({ keys: [online] }))
          if (role !== 'root')
            await expect(renew(scene.publisher({ keys: [old] }))).rejects.toMatchObject({ code: 'refused' })
          for (const machine of [slept, home]) {
            expect((await pull(scene.machine({ home: machine }))).problem).toBeUndefined()
            expect(await whatRuns(machine, scene.releases)).toBe(scene.release(5))
          }
        },
      })
    })
  },
)
