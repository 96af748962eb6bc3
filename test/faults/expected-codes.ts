/**
 * What each fault may be called. A fault that a flow survives (by a retry, a cache, another way) has no code at all;
 * one that shows must show as one of these, and as nothing else.
 */
import type { ErrorCode } from '../../src/core/errors.ts'
import type { NetworkFault } from './bad-network.ts'
import type { ClockFault } from './clocks.ts'

type DiskFault =
  | 'no space'
  | 'input/output error'
  | 'no descriptors'
  | 'read-only'
  | 'not permitted'
  | 'slow disk'

import type { StoreFault } from './faulty-store.ts'

export type Fault = StoreFault | NetworkFault | ClockFault | DiskFault

/** Bytes that are not what they should be: found by a digest, by a parser, or by a signature that does not fit. */
const WRONG_BYTES: readonly ErrorCode[] = ['corrupt', 'untrusted']
/**
 * Metadata that names it, the token that pins it, or nobody at all had promised that it would be there. Whoever does
 * not see the newest root tries to write it once more, and loses that race.
 */
const NOT_THERE: readonly ErrorCode[] = ['absent', 'missing', 'untrusted', 'raced']

const CODES: Readonly<Record<Fault, readonly ErrorCode[]>> = {
  unreachable: ['unreachable'],
  // On what signed metadata names it is `missing`, on a root it is an end of the chain (DESIGN §7).
  denied: ['denied', 'missing', 'untrusted', 'raced'],
  corrupt: ['corrupt'],
  failed: ['failed'],
  truncated: WRONG_BYTES,
  flipped: WRONG_BYTES,
  doubled: WRONG_BYTES,
  emptied: WRONG_BYTES,
  page: WRONG_BYTES,
  absent: NOT_THERE,
  // An older timestamp than one that was seen; what it names may have been collected, or have expired.
  outdated: ['untrusted', 'missing', 'stale'],
  frozen: [],
  'wrong-etag': ['raced'],
  'broken-off': ['unreachable'],
  dripping: [],
  // So slow that signatures expire, or that what was planned is done by others.
  slow: ['stale'],
  rival: [],
  lost: ['unreachable'],
  conflict: ['raced'],
  'short-list': [],
  'double-list': [],
  'clock ahead': ['stale'],
  'clock behind': [],
  'clock jumping': ['stale'],
  'page with status 200': WRONG_BYTES,
  'flipped on the wire': WRONG_BYTES,
  'short body': WRONG_BYTES,
  forbidden: ['denied', 'missing', 'untrusted', 'raced'],
  'not found': NOT_THERE,
  // Through the SDK, which reads a refusal whole, it is too long an answer.
  'not found, without end': [...NOT_THERE, 'corrupt'],
  redirect: ['unreachable'],
  unavailable: ['unreachable'],
  'too many requests': ['unreachable'],
  'always not modified': ['unreachable'],
  'lying etag': ['raced'],
  'cut off': ['unreachable'],
  'length too long': ['unreachable'],
  'length too short': ['unreachable', ...WRONG_BYTES],
  gzip: WRONG_BYTES,
  'dripping on the wire': [],
  'endless body': ['corrupt'],
  'endless header': ['unreachable'],
  'no HTTP at all': ['unreachable'],
  'hung up': ['unreachable'],
  'answer lost': ['unreachable'],
  silent: ['unreachable'],
  'no space': ['no-space'],
  'input/output error': ['failed'],
  'no descriptors': ['failed'],
  'read-only': ['failed'],
  'not permitted': ['failed'],
  'slow disk': [],
}

export function codesFor(faults: Iterable<Fault>): Set<ErrorCode> {
  return new Set([...faults].flatMap((fault) => CODES[fault]))
}
