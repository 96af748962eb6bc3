import { expect, test } from 'vitest'
import { canDropPrivileges, runTestsUnprivileged } from '../support/unprivileged.ts'

/** Whoever writes trees. The other tests of archives only compute. */
const PATHS = ['test/disk', 'test/home', 'test/surfaces', 'test/archive/patch-tree', 'test/archive/pack']

test.runIf(canDropPrivileges())(
  'the tests of disk, home and surfaces pass for a user that is not root, too',
  async () => {
    const { code, output } = await runTestsUnprivileged(PATHS)
    expect(code, output).toBe(0)
    expect(output).toMatch(/Tests .*\d+ passed/)
  },
  180_000,
)
