/** A share of `npm run test:model`; the whole of it when SKILLSCTL_RUNS says how much that is. */
import { expect, test } from 'vitest'
import { runSequence } from './model.ts'

const RUNS = Number(process.env['SKILLSCTL_RUNS'] ?? 2)
const SEED = Number(process.env['SKILLSCTL_SEED'] ?? 1)
const STEPS = Number(process.env['SKILLSCTL_STEPS'] ?? 14)

test(`${RUNS} sequences of releases, edits and crashes lose no byte of a person, and leave all else as released`, async () => {
  let done = 0
  for (let run = 0; run < RUNS; run++) {
    await runSequence(SEED + run, STEPS)
    done += 1
  }
  expect(done).toBe(RUNS)
})
