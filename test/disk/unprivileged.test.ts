import { expect, test } from 'vitest'
import { canDropPrivileges, runTestsUnprivileged } from '../support/unprivileged.ts'

/** What cannot be tried as root, and whoever writes, moves and removes. */
const PATHS = [
  'test/disk/permissions',
  'test/disk/atomic-file',
  'test/home/activation',
  'test/home/tidy',
  'test/store/file',
  'test/surfaces/show',
  'test/surfaces/closed',
  'test/doctor/closed',
]

test.runIf(canDropPrivileges())(
  'the tests of disk, home, store and surfaces pass for a user that is not root, too',
  async () => {
    const { code, output } = await runTestsUnprivileged(PATHS)
    expect(code, output).toBe(0)
    expect(output).toMatch(/Tests .*\d+ passed/)
  },
  180_000,
)
