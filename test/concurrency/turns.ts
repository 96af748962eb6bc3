/** Chance that can be repeated: which of several flows goes on is decided by a seed, as far as disks and git allow. */
import { setImmediate as turn } from 'node:timers/promises'

/** Numbers from 0 up to 1, the same for one seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Lets others go first, now and then for long. */
export async function letOthers(random: () => number): Promise<void> {
  const turns = random() < 0.1 ? 200 * random() : 8 * random()
  for (let count = 0; count < turns; count++) await turn()
}
