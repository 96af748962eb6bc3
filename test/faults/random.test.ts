/** Many small histories, each in its own bad weather. */
import { test, vi } from 'vitest'
import { inBadWeather } from './bad-weather.ts'
import { runSeed } from './run.ts'
import { hurry, runSeeds, runs, SEED } from './seeds.ts'
import { World } from './world.ts'

vi.mock('node:timers/promises', async (original) => {
  const timers = await original<typeof import('node:timers/promises')>()
  return { ...timers, setTimeout: (ms: number) => timers.setTimeout(ms / 100) }
})

vi.mock('../../src/disk/process-identity.ts', async (original) => {
  const { mortal } = await import('./lives.ts')
  return mortal(await original())
})

const RUNS = runs(3)

test(`${RUNS} runs from seed ${SEED} on keep every promise, whatever store, disk and clock do`, async () => {
  hurry()
  const world = await World.build()
  await runSeeds(RUNS, (seed, account) => runSeed(seed, account, (dice) => world.restore(dice), inBadWeather))
})
