/** The disk refuses one call, or every call from one on: at a spread of the calls that each command makes. */
import { expect, test, vi } from 'vitest'
import { join, pull, rollback, verify } from '../../src/index.ts'
import { Dice } from './dice.ts'
import { codesFor } from './expected-codes.ts'
import { DISK_FAULTS, type DiskFault, FaultyDisk } from './faulty-disk.ts'
import { nextLife } from './lives.ts'
import { codeOf } from './plausible.ts'
import { Witness } from './promises.ts'
import { expectRecovery, minutesPass } from './recovery.ts'
import { type Round, World } from './world.ts'

/** 1 is every single call. */
const STRIDE = Number(process.env['SKILLSCTL_STRIDE'] ?? 7)

vi.mock('../../src/disk/process-identity.ts', async (original) => {
  const { mortal } = await import('./lives.ts')
  return mortal(await original())
})

const COMMANDS: Readonly<Record<string, (round: Round) => Promise<unknown>>> = {
  pull: async (round) => (await pull(round.machine())).problem,
  rollback: async (round) => void (await rollback(round.machine())),
  'verify --repair': async (round) => void (await verify(round.machine(), { repair: true })),
  join: async (round) => {
    const { pull: report } = await join(round.machine(`${round.home}-newcomer`), round.token)
    return report.problem
  },
}

const KINDS = DISK_FAULTS.filter((kind) => kind !== 'slow disk')
const LENGTHS = [1, Number.POSITIVE_INFINITY]

test.each(Object.keys(COMMANDS))(
  '%s, whichever call to the disk fails, says so by its code',
  async (name) => {
    const world = await World.build()
    const command = COMMANDS[name]
    for (const kind of KINDS) {
      for (const length of LENGTHS) {
        for (let after = 0; await strikesAt({ kind, after, length }); after += STRIDE);
      }
    }

    /** @returns false when the command made fewer calls than that */
    async function strikesAt(weather: { kind: DiskFault; after: number; length: number }): Promise<boolean> {
      const round = await world.restore(new Dice(1))
      try {
        await round.edit()
        const witness = new Witness(round)
        await witness.look(true)
        const disk = new FaultyDisk([round.home], weather)
        const code = await disk.during(() => codeOf(() => command?.(round) ?? Promise.resolve()))
        nextLife()
        if (code !== undefined) expect([...codesFor([weather.kind])]).toContain(code)
        await witness.look(false)
        await minutesPass(`${round.home}-newcomer`)
        if (name === 'join') await join(round.machine(`${round.home}-newcomer`), round.token)
        await expectRecovery(round)
        return disk.hasStruck
      } catch (error) {
        throw new Error(`${weather.kind} at call ${weather.after + 1}, for ${weather.length}: ${error}`, {
          cause: error,
        })
      } finally {
        await round.dispose()
      }
    }
  },
)
