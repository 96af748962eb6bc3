/** Exit codes (SPEC.md, "Errors and exit codes"). */
import type { ErrorCode } from '../src/index.ts'

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  pending: 3,
  denied: 4,
  unverified: 5,
  drift: 6,
  unchecked: 7,
  locked: 8,
  raced: 9,
}

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  usage: EXIT.usage,
  refused: EXIT.failed,
  unreachable: EXIT.failed,
  denied: EXIT.denied,
  absent: EXIT.failed,
  missing: EXIT.unverified,
  corrupt: EXIT.unverified,
  untrusted: EXIT.unverified,
  stale: EXIT.failed,
  unsupported: EXIT.failed,
  drift: EXIT.drift,
  locked: EXIT.locked,
  raced: EXIT.raced,
  'no-space': EXIT.failed,
  failed: EXIT.failed,
}

export function exitOf(code: ErrorCode): number {
  return BY_CODE[code]
}

/** For a check of the store that failed while an installed release keeps running. */
export function exitOfCheck(code: ErrorCode, isInstalled: boolean): number {
  const unchecked = code === 'unreachable' || code === 'stale' || code === 'absent'
  return unchecked && isInstalled ? EXIT.unchecked : exitOf(code)
}
