/** A store that fails while a copy of the installed release is made, which happens while a bundle travels. */
import { existsSync, readdirSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SkillsctlError } from '../../src/index.ts'
import { begin } from './behind.ts'
import { expectRecovery } from './recovery.ts'
import { hurry } from './seeds.ts'
import { type Round, World } from './world.ts'

vi.mock('node:timers/promises', async (original) => {
  const timers = await original<typeof import('node:timers/promises')>()
  return { ...timers, setTimeout: (ms: number) => timers.setTimeout(ms / 100) }
})
beforeEach(() => hurry())
afterEach(() => vi.unstubAllGlobals())

/** Resolves when the copy is there in part at least: the staged tree holds something. */
async function copyIsUnderWay(round: Round): Promise<void> {
  const { staging } = round.machine().layout
  const holdsAny = (tree: string): boolean => existsSync(tree) && readdirSync(tree).length > 0
  const isThere = (): boolean => readdirSync(staging).some((name) => holdsAny(join(staging, name, 'tree')))
  while (!isThere()) await setImmediate()
}

const isBundle = (key: string): boolean => key.startsWith('catchup/')

const cutOff = (): never => {
  throw new SkillsctlError('unreachable', 'the line is cut')
}

describe.each([
  ['without a standby', false],
  ['with a standby', true],
] as const)('%s', (_, isReady) => {
  const BUNDLES: Readonly<Record<string, (truth: Buffer) => Buffer | undefined>> = {
    'does not arrive': cutOff,
    'is not there': () => undefined,
    'is cut off': (truth) => truth.subarray(0, truth.length >> 1),
    'has a flipped bit in its contents': (truth) =>
      Buffer.from(truth.map((byte, place) => (place === truth.length - 2 ? byte ^ 1 : byte))),
  }

  test('an update follows a bundle; one that is spoiled while the copy is made costs the archive only', async () => {
    const world = await World.build()
    const fair = await begin(world, isReady)
    expect(await fair.update()).toMatchObject({ outcome: 'updated' })
    expect(fair.store.log.filter((call) => call.includes('blobs/'))).toEqual([])
    for (const [what, spoil] of Object.entries(BUNDLES)) {
      const { round, store, witness, update } = await begin(world, isReady)
      store.lies = {
        before: async ({ key }) => {
          if (isBundle(key)) await copyIsUnderWay(round)
        },
        body: (key, truth) => (isBundle(key) && truth !== undefined ? spoil(truth) : truth),
      }
      expect(await update(), what).toMatchObject({ outcome: 'updated' })
      expect(
        store.log.some((call) => call.includes('blobs/')),
        what,
      ).toBe(true)
      expect(await readdir(round.machine().layout.staging), what).toEqual([])
      await witness.look(false)
      await expectRecovery(round)
    }
  })

  test('a store that fails while the copy is made leaves what runs, and nobody writes afterwards', async () => {
    const world = await World.build()
    for (const refused of [/root\.json$/, /catchup|snapshot/, /catchup|blobs/]) {
      const { round, store, witness, update } = await begin(world, isReady)
      store.lies = {
        before: async ({ key }) => {
          if (!refused.test(key)) return
          if (/catchup|root/.test(key)) await copyIsUnderWay(round)
          cutOff()
        },
      }
      expect(await update(), String(refused)).toMatchObject({
        outcome: 'failed',
        problem: { code: 'unreachable' },
      })
      expect(await readdir(round.machine().layout.staging), String(refused)).toEqual([])
      await witness.look(false)
      await expectRecovery(round)
    }
  })
})
