/** The same histories with real requests: the HTTP reader and the S3 client behind a network that spoils answers. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { openHttpStore } from '../../src/store/http.ts'
import { withRetries } from '../../src/store/retry.ts'
import { openS3Store } from '../../src/store/s3.ts'
import type { Store } from '../../src/store/store.ts'
import { parsePolicy } from '../support/s3/policy.ts'
import { startS3Server } from '../support/s3/server.ts'
import { type BadNetwork, NETWORK_FAULTS, startBadNetwork, TRY_PATIENCE } from './bad-network.ts'
import { Dice } from './dice.ts'
import type { Trouble } from './run.ts'
import { runSeed } from './run.ts'
import { hurry, runSeeds, runs, SEED } from './seeds.ts'
import { type Round, World } from './world.ts'

vi.mock('node:timers/promises', async (original) => {
  const timers = await original<typeof import('node:timers/promises')>()
  return { ...timers, setTimeout: (ms: number) => timers.setTimeout(ms / 100) }
})

vi.mock('../../src/disk/process-identity.ts', async (original) => {
  const { mortal } = await import('./lives.ts')
  return mortal(await original())
})

const RUNS = Math.ceil(runs(2) / 10)
/** More than any flow needs with each request made three times. */
const MOST_REQUESTS = 600
/** Ten seconds of patience become half a second, enough for a server in this process. */
const HASTE = 20

test(`${RUNS} runs from seed ${SEED} on keep every promise, whatever the network does`, async () => {
  const server = await startS3Server()
  const bad = await startBadNetwork(server.endpoint, new Dice(SEED))
  onTestFinished(async () => {
    await bad.close()
    await server.close()
  })
  vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretAccessKey)
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null')
  const open = (endpoint: string, bucket: string): Promise<Store> =>
    openS3Store(`s3://${bucket}/team?endpoint=${encodeURIComponent(endpoint)}&region=us-east-1`)
  hurry(HASTE)
  const world = await World.build()

  await runSeeds(RUNS, async (seed, account) => {
    const bucket = `seed-${seed}`
    server.createBucket(bucket)
    server.bucket(bucket).policy = parsePolicy(readableByAll(bucket))
    const truth = withRetries(await open(server.endpoint, bucket))
    const onNetwork = async (round: Round): Promise<Trouble> => {
      const { dice } = round
      const kinds = dice.some(NETWORK_FAULTS, 4)
      bad.expect({ kinds, rate: dice.pick([0, 0.05, 0.1, 0.3, 1]), most: 1 + dice.below(8) })
      const publisher = withRetries(await open(bad.url, bucket))
      const web = dice.chance(0.7)
      return {
        machine: web ? withRetries(openHttpStore(`${bad.url}/${bucket}/team`)) : publisher,
        publisher,
        met: () => [
          ...bad.fired,
          ...(kinds.some((kind) => TRY_PATIENCE.has(kind)) ? (['silent'] as const) : []),
        ],
        isWritten: () => true,
        end: () => expectModest(bad),
      }
    }
    try {
      await runSeed(seed, account, (dice) => world.restore(dice, truth), onNetwork)
    } finally {
      truth.close()
    }
  })
})

function readableByAll(bucket: string): string {
  const Resource = `arn:aws:s3:::${bucket}/*`
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource }],
  })
}

async function expectModest({ requests }: BadNetwork): Promise<void> {
  expect(requests, 'requests of one command').toBeLessThan(MOST_REQUESTS)
}
