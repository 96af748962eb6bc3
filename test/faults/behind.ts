/** A machine one release behind, to which everything is as it was installed: it can follow a bundle. */
import { expect, onTestFinished } from 'vitest'
import { type PullReport, prepareStandby, pull } from '../../src/index.ts'
import { recordAsInstalled } from '../support/as-installed.ts'
import { LyingStore } from '../support/lying-store.ts'
import { Dice } from './dice.ts'
import { Witness } from './promises.ts'
import type { Round, World } from './world.ts'

interface Machine {
  readonly round: Round
  readonly witness: Witness
  readonly store: LyingStore
  update(): Promise<PullReport>
}

/** @param isReady whether it has a standby */
export async function begin(world: World, isReady: boolean): Promise<Machine> {
  const round = await world.restore(new Dice(1))
  onTestFinished(() => round.dispose())
  const context = round.machine()
  await recordAsInstalled(context.layout)
  if (isReady) expect(await prepareStandby(context, 0)).toBe(true)
  const witness = new Witness(round)
  await witness.look(true)
  const store = new LyingStore(round.store)
  return { round, witness, store, update: () => pull(round.machine(round.home, store)) }
}
