/** One seed: some steps of a team in bad weather, the promises after each, and everybody's recovery at the end. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ErrorCode, isError, join as joinRepository } from '../../src/index.ts'
import type { ReadableStore, Store } from '../../src/store/store.ts'
import { whatRuns } from '../crash/invariant.ts'
import { CLOCK_FAULTS, wrongClock } from './clocks.ts'
import { Dice } from './dice.ts'
import { codesFor, type Fault } from './expected-codes.ts'
import { diskWeather, FaultyDisk } from './faulty-disk.ts'
import { nextLife } from './lives.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { codeIn, failureOf } from './plausible.ts'
import { Witness } from './promises.ts'
import { expectRecovery, minutesPass, signAnew } from './recovery.ts'
import type { Round } from './world.ts'

/** What a seed did and met, for the figures and for whoever has to repeat it. */
export interface Account {
  readonly steps: string[]
  readonly fired: Map<Fault, number>
  readonly codes: Map<ErrorCode, number>
}

export const newAccount = (): Account => ({ steps: [], fired: new Map(), codes: new Map() })

/** Of the steps, those on a disk that refuses, and those by a wrong clock. */
const DISK_TROUBLE = 0.25
const CLOCK_TROUBLE = 0.15
const MOST_STEPS = 5

/** How one step sees the repository. */
export interface Trouble {
  readonly machine: ReadableStore
  readonly publisher: Store
  /** What went wrong so far. */
  met(): readonly Fault[]
  /** Whether the repository may have changed. */
  isWritten(): boolean
  /** Looks whether the step kept within its limits. */
  end(): Promise<void>
}

/** @param account filled in as it goes */
export async function runSeed(
  seed: number,
  account: Account,
  begin: (dice: Dice) => Promise<Round>,
  getInto: (round: Round, operation: Operation) => Promise<Trouble>,
): Promise<void> {
  const dice = new Dice(seed)
  const round = await begin(dice)
  const witness = new Witness(round)
  try {
    await witness.look(true)
    await round.remember()
    for (let left = 1 + dice.below(MOST_STEPS); left > 0; left--) {
      if (dice.chance(0.2)) {
        account.steps.push('edit')
        await round.edit()
      }
      const operation = dice.pick(OPERATIONS)
      await witness.look(await takeStep(round, operation, await getInto(round, operation), account))
      await round.remember()
      round.clock.pass(dice.below(6 * 60) * 60_000)
    }
    account.steps.push('recovery')
    await expectRecovery(round)
    await witness.look(true)
  } finally {
    await round.dispose()
  }
}

/** @returns whether anything was written to the repository */
async function takeStep(
  round: Round,
  operation: Operation,
  trouble: Trouble,
  account: Account,
): Promise<boolean> {
  const { dice } = round
  const clockFault = dice.chance(CLOCK_TROUBLE) ? dice.pick(CLOCK_FAULTS) : undefined
  const now = clockFault === undefined ? round.clock.now : wrongClock(round.clock.now, clockFault, dice)
  const disk = dice.chance(DISK_TROUBLE) ? new FaultyDisk(diskOf(round), diskWeather(dice)) : undefined
  account.steps.push(operation.name)
  const hands = {
    machine: round.machine(round.home, trouble.machine, now),
    publisher: round.publisher(trouble.publisher, now),
  }
  const work = (): Promise<unknown> => failureOf(() => operation.run(hands, round))
  const error = await (disk === undefined ? work() : disk.during(work))
  nextLife()
  const met: Fault[] = [
    ...trouble.met(),
    ...(clockFault === undefined ? [] : [clockFault]),
    ...(disk?.hasStruck === true ? [disk.kind] : []),
  ]
  note(account, met, error)
  expectPlausible(error, operation, round.isSignedLate ? [...met, 'clock ahead'] : met)
  if (operation.side === 'publisher' && clockFault !== undefined) round.isSignedLate = true
  await trouble.end()
  await expectNewcomer(round, error, disk?.hasStruck === true)
  return trouble.isWritten()
}

/** The machine's home, that of a newcomer, and where publishers pack. */
function diskOf({ home }: Round): string[] {
  return [home, join(tmpdir(), 'skillsctl-publish-')]
}

function note({ steps, fired, codes }: Account, met: readonly Fault[], error: unknown): void {
  const code = isError(error) ? error.code : undefined
  steps.push(
    `  ${met.join(', ') || 'fair weather'} → ${code ?? (error === undefined ? 'done' : String(error))}`,
  )
  for (const fault of met) fired.set(fault, (fired.get(fault) ?? 0) + 1)
  if (code !== undefined) codes.set(code, (codes.get(code) ?? 0) + 1)
}

/** A code of the closed set, and one that fits what went wrong. */
function expectPlausible(error: unknown, { name, may }: Operation, met: readonly Fault[]): void {
  const code = codeIn(error)
  const allowed = [...codesFor(met), ...may]
  if (code === undefined || allowed.includes(code)) return
  throw new Error(`${name} fails as ${code}, expected one of ${allowed.join(', ') || 'none'}`, {
    cause: error,
  })
}

/** Joining happens as a whole or not at all; where the disk kept it from clearing away, it can be done again. */
async function expectNewcomer(round: Round, error: unknown, isDiskToBlame: boolean): Promise<void> {
  const newcomer = `${round.home}-newcomer`
  if (!existsSync(newcomer)) return
  if (error !== undefined && !existsSync(`${newcomer}/current`)) {
    if (!isDiskToBlame) throw new Error('a join that failed leaves a home behind', { cause: error })
    await minutesPass(newcomer)
    await signAnew(round)
    await joinRepository(round.machine(newcomer), round.token)
  }
  await whatRuns(newcomer, round.world.releases)
  await rm(newcomer, { recursive: true, force: true })
}
