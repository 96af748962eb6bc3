/** Clocks that are wrong, or change their minds. */
import { DAY } from '../support/team.ts'
import type { Dice } from './dice.ts'

export const CLOCK_FAULTS = ['clock ahead', 'clock behind', 'clock jumping'] as const
export type ClockFault = (typeof CLOCK_FAULTS)[number]

const YEAR = 365 * DAY
/** Batteries die, people mistype, satellites roll over. */
const JUMPS = [-30 * YEAR, -2 * YEAR, -40 * DAY, -DAY, DAY, 40 * DAY, 2 * YEAR, 19 * YEAR]

export function wrongClock(now: () => number, fault: ClockFault, dice: Dice): () => number {
  const fixed = dice.pick(JUMPS.filter((jump) => (fault === 'clock ahead') === jump > 0))
  if (fault !== 'clock jumping') return () => now() + fixed
  return () => now() + (dice.chance(0.5) ? 0 : dice.pick(JUMPS))
}
