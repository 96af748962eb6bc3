import { expect, test } from 'vitest'
import { formatInstant } from '../../src/core/parse.ts'
import { staleness, type UpdateState } from '../../src/core/staleness.ts'

const NOW = Date.UTC(2026, 10, 20, 9)
const HOUR = 60 * 60 * 1000
const ago = (hours: number): string => formatInstant(NOW - hours * HOUR)
const fresh: UpdateState = { checkedAt: ago(1), signedAt: ago(10), expiresAt: ago(-500) }
const of = (more: Partial<UpdateState>): string | undefined =>
  staleness({ ...fresh, ...more }, 'R', NOW)?.replace('skillsctl: skills are of release R; ', '')

test.each<[name: string, more: Partial<UpdateState>, line: string | undefined]>([
  ['that follows', {}, undefined],
  ['that looked 23 hours ago', { checkedAt: ago(23) }, undefined],
  ['that looked 25 hours ago', { checkedAt: ago(25) }, 'updates were last looked for 25 h ago'],
  ['that never looked', { checkedAt: undefined }, 'updates were never looked for'],
  ['whose clock went back', { checkedAt: ago(-5) }, undefined],
  ['of a frozen repository', { signedAt: ago(24 * 5) }, 'the repository was last signed 5 days ago'],
  ['of an expired one', { expiresAt: ago(1) }, 'the signature of the repository has expired'],
  ['that is pinned', { pin: { version: 'V' } }, 'this machine is pinned to V'],
  [
    'that fails',
    { problem: { code: 'unreachable', at: ago(2) } },
    'the last look failed 2 h ago (unreachable)',
  ],
  [
    'of which all of that is true',
    { checkedAt: ago(96), problem: { code: 'denied', at: ago(2) }, pin: { version: 'V' } },
    'updates were last looked for 4 days ago; the last look failed 2 h ago (denied); this machine is pinned to V',
  ],
])('of a machine %s', (_name, more, line) => {
  expect(of(more)).toBe(line)
})
