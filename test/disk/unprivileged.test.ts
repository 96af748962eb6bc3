import { expect, test } from 'vitest'
import { canDropPrivileges, runTestsUnprivileged } from '../support/unprivileged.ts'

test.runIf(canDropPrivileges())(
  'the tests of disk, home and archive pass for a user that is not root, too',
  async () => {
    const { code, output } = await runTestsUnprivileged(['test/disk', 'test/home', 'test/archive'])
    expect(code, output).toBe(0)
    expect(output).toMatch(/Tests .*\d+ passed/)
  },
  180_000,
)
