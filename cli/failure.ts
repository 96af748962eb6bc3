/** Whatever was thrown, as something to tell: a mistake of ours included. */
import { SkillsctlError } from '../src/core/errors.ts'
import { errnoOf, systemError } from '../src/disk/fault.ts'

export function asFailure(error: unknown): SkillsctlError {
  if (error instanceof SkillsctlError) return error
  if (errnoOf(error) !== undefined) {
    const path = error instanceof Error && 'path' in error ? String(error.path) : 'the system'
    return systemError(error, path)
  }
  return new SkillsctlError('failed', 'this is a mistake in skillsctl', {
    found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: 'please report it, with the output of: SKILLSCTL_DEBUG=1 skillsctl …',
    cause: error,
  })
}
