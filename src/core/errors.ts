/**
 * The one error class of skillsctl. A code says what kind of failure it is (SPEC.md, "Errors and exit codes");
 * nothing ever matches on message text.
 */

/** Every way in which skillsctl fails. Missing, corrupt, untrusted, stale and unreachable are different things. */
export const ERROR_CODES = [
  'usage', // the caller asked for something that does not exist or contradicts itself
  'refused', // a rule of ours forbids it; nothing was changed
  'unreachable', // the store did not answer, or answered with a passing fault
  'denied', // the store answered: these credentials may not
  'absent', // what was asked for by name is not there, and nobody promised that it would be
  'missing', // signed metadata promises an object that the store does not have
  'corrupt', // bytes differ from what their digest, length or format says
  'untrusted', // a signature, a threshold or a version rule does not hold
  'stale', // signed metadata has expired, or is older than was demanded
  'unsupported', // needs a newer skillsctl, another platform or another store
  'drift', // installed files differ from their manifest
  'locked', // another process holds the home
  'raced', // lost the compare-and-swap again and again
  'no-space', // the disk is full
  'failed', // the local system refused: permissions, input/output, a missing program
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface ErrorDetails {
  /** What it is about: a path, an object key, a URL, a version. */
  readonly subject?: string | undefined
  readonly expected?: string | undefined
  readonly found?: string | undefined
  /** The next command or action, as a sentence without "hint:". */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** A failure with a closed code. The message is lower case and says what failed; `subject` says on what. */
export class SkillsctlError extends Error {
  readonly code: ErrorCode
  readonly subject: string | undefined
  readonly expected: string | undefined
  readonly found: string | undefined
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause })
    this.name = 'SkillsctlError'
    this.code = code
    this.subject = details.subject
    this.expected = details.expected
    this.found = details.found
    this.hint = details.hint
  }

  /** The fields that `--json` prints. */
  toJSON(): Record<string, string> {
    const { code, message, subject, expected, found, hint } = this
    const fields = { code, message, subject, expected, found, hint }
    return Object.fromEntries(
      Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined),
    )
  }
}

/** True for a SkillsctlError, with that code where one is given. */
export function isError(error: unknown, code?: ErrorCode): error is SkillsctlError {
  return error instanceof SkillsctlError && (code === undefined || error.code === code)
}
