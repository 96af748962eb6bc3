/** Trouble at the port: a faulty store in front of the true one. */
import { expect } from 'vitest'
import { collectGarbage, renew } from '../../src/index.ts'
import { withRetries } from '../../src/store/retry.ts'
import type { Dice } from './dice.ts'
import { FaultyStore, READING, type Weather, WRITING } from './faulty-store.ts'
import type { Operation } from './operations.ts'
import type { Trouble } from './run.ts'
import type { Round } from './world.ts'

/** With every call hit, three attempts each, more than any flow needs. */
const MOST_CALLS = 600
/** Metadata is never longer, whatever a store says. Bytes. */
const LONGEST = 16 * 1024 * 1024
const CHANGING: ReadonlySet<string> = new Set(['put', 'touch', 'remove'])

export async function inBadWeather(round: Round, operation: Operation): Promise<Trouble> {
  const { dice, clock, earlier } = round
  const store = new FaultyStore(round.store, {
    dice,
    clock,
    earlier,
    weather: weatherFrom(dice, operation),
    rival: () => rival(round),
  })
  const retrying = withRetries(store)
  return {
    machine: retrying,
    publisher: retrying,
    met: () => [...store.fired],
    isWritten: () => store.fired.has('rival') || store.calls.some((call) => CHANGING.has(call.operation)),
    async end() {
      expectModest(store)
    },
  }
}

/** Publishers meet trouble of writers half of the time; otherwise they would rarely come as far as to write. */
function weatherFrom(dice: Dice, { side }: Operation): Weather {
  if (dice.chance(0.1)) return { kinds: [], rate: 0, most: 0 }
  const kinds = side === 'publisher' && dice.chance(0.5) ? WRITING : READING
  return { kinds: dice.some(kinds, 4), rate: dice.pick([0.05, 0.1, 0.2, 0.5, 1]), most: 1 + dice.below(8) }
}

/** What somebody else may do at any moment. */
async function rival(round: Round): Promise<void> {
  const context = round.publisher()
  if (round.dice.chance(0.5)) await renew(context)
  else await collectGarbage(context)
}

/** No request beyond caps, and not endlessly many. */
function expectModest({ calls }: FaultyStore): void {
  expect(calls.length, 'calls of one command').toBeLessThan(MOST_CALLS)
  for (const { key, maxBytes = 0 } of calls) expect(maxBytes, `limit for ${key}`).toBeLessThanOrEqual(LONGEST)
}
