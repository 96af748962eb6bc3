/** Many seeds in a row: what failed is collected, so that one finding does not hide the next. */
import { vi } from 'vitest'
import { type Account, newAccount } from './run.ts'

/** To repeat a failure: SKILLSCTL_SEED=<the number that it printed> SKILLSCTL_RUNS=1. */
export const SEED = Number(process.env['SKILLSCTL_SEED'] ?? Date.now() % 1_000_000_007)
const WANTED = process.env['SKILLSCTL_RUNS']
const MOST_FAILURES = 5

/** @param few for `npm test` */
export const runs = (few: number): number => Number(WANTED ?? few)

export async function runSeeds(
  count: number,
  run: (seed: number, account: Account) => Promise<void>,
): Promise<void> {
  const failures: Error[] = []
  const total = newAccount()
  for (let seed = SEED; seed < SEED + count && failures.length < MOST_FAILURES; seed++) {
    const account = newAccount()
    try {
      await run(seed, account)
    } catch (error) {
      const story = `SKILLSCTL_SEED=${seed} SKILLSCTL_RUNS=1\n${account.steps.join('\n')}`
      failures.push(new Error(`${story}\n${error}`, { cause: error }))
    }
    add(total.fired, account.fired)
    add(total.codes, account.codes)
  }
  if (WANTED !== undefined) console.log(Object.fromEntries(total.fired), Object.fromEntries(total.codes))
  if (failures.length > 0)
    throw new AggregateError(failures, failures.map(({ message }) => message).join('\n\n'))
}

function add<K>(sum: Map<K, number>, counts: ReadonlyMap<K, number>): void {
  for (const [key, count] of counts) sum.set(key, (sum.get(key) ?? 0) + count)
}

/** Pauses take a part of their time: nothing in these runs depends on how long they are. */
export function hurry(times = 100): void {
  const patient = globalThis.setTimeout
  const hasty = (work: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): NodeJS.Timeout =>
    patient(work, ms / times, ...given)
  vi.stubGlobal('setTimeout', Object.assign(hasty, patient))
}
