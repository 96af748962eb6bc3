/** A disk that refuses while a copy of the installed release is made, or changed: for the next update, or during one. */
import { describe, expect, test, vi } from 'vitest'
import { prepareStandby, pull } from '../../src/index.ts'
import { begin } from './behind.ts'
import { codesFor } from './expected-codes.ts'
import { DISK_FAULTS, type DiskFault, FaultyDisk } from './faulty-disk.ts'
import { nextLife } from './lives.ts'
import { codeOf } from './plausible.ts'
import { expectRecovery, minutesPass } from './recovery.ts'
import { type Round, World } from './world.ts'

/** 1 is every single call. */
const STRIDE = Number(process.env['SKILLSCTL_STRIDE'] ?? 7)

vi.mock('../../src/disk/process-identity.ts', async (original) => {
  const { mortal } = await import('./lives.ts')
  return mortal(await original())
})

describe('the disk refuses, sooner or later,', () => {
  const RUNS: Readonly<Record<string, (round: Round) => Promise<unknown>>> = {
    'while a standby is made': async (round) => void (await prepareStandby(round.machine(), 0)),
    'while a copy is made during an update': async (round) => (await pull(round.machine())).problem,
    'while an update changes a standby': async (round) => (await pull(round.machine())).problem,
  }
  const KINDS = DISK_FAULTS.filter((kind) => kind !== 'slow disk')

  test.each(Object.keys(RUNS))('%s: it says so, what runs keeps running, and it heals', async (name) => {
    const world = await World.build()
    const isReady = name.endsWith('a standby')
    for (const kind of KINDS) for (let after = 0; await strikesAt(kind, after); after += STRIDE);

    /** @returns false when fewer calls were made than that */
    async function strikesAt(kind: DiskFault, after: number): Promise<boolean> {
      const { round, witness } = await begin(world, isReady)
      const disk = new FaultyDisk([round.home], { kind, after, length: Number.POSITIVE_INFINITY })
      const code = await disk.during(() => codeOf(() => RUNS[name]?.(round) ?? Promise.resolve()))
      nextLife()
      if (code !== undefined) expect([...codesFor([kind])], `${kind} at call ${after + 1}`).toContain(code)
      await witness.look(false)
      await minutesPass(round.home)
      await expectRecovery(round)
      return disk.hasStruck
    }
  })
})
