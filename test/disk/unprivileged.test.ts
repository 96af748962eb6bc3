import { expect, test } from 'vitest'
import { canDropPrivileges, runTestsUnprivileged } from '../support/unprivileged.ts'

/** Whoever writes, moves and removes. The other tests of these rooms only compute, or are many of one kind. */
const PATHS = [
  'test/disk',
  'test/home/activation',
  'test/home/drift',
  'test/home/staging',
  'test/home/tidy',
  'test/surfaces/show',
  'test/surfaces/closed',
  'test/archive/pack',
  'test/doctor/closed',
]

test.runIf(canDropPrivileges())(
  'the tests of disk, home and surfaces pass for a user that is not root, too',
  async () => {
    const { code, output } = await runTestsUnprivileged(PATHS)
    expect(code, output).toBe(0)
    expect(output).toMatch(/Tests .*\d+ passed/)
  },
  180_000,
)
