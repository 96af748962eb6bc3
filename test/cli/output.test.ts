import { expect, it, onTestFinished, vi } from 'vitest'
import { Output } from '../../cli/output.ts'
import { SkillsctlError } from '../../src/core/errors.ts'

it('what a server or a damaged file says neither steers the terminal nor floods it', () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => write.mockRestore())
  const output = new Output({ json: false, quiet: false, home: undefined })
  const subject = 'a\u001b]0;title\u0007\r\n\u202eb\u009b2J'
  output.error(new SkillsctlError('corrupt', 'unexpected value', { subject, found: 'x'.repeat(1e6) }))
  output.warn(subject)
  const shown = write.mock.calls.map(([text]) => String(text)).join('')
  expect(shown).toContain('error: unexpected value: a\\u001b]0;title\\u0007\\u000d\\u000a\\u202eb\\u009b2J\n')
  expect(shown).toContain('warning: a\\u001b]0;title')
  expect(shown.length).toBeLessThan(5_000)
})
