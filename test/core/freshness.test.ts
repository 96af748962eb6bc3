import { describe, expect, test } from 'vitest'
import { formatAge, judgeFreshness } from '../../src/core/freshness.ts'
import { formatInstant } from '../../src/core/parse.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = Date.UTC(2026, 10, 21)
const ago = (ms: number): string => formatInstant(NOW - ms)

describe('freshness', () => {
  test('says nothing when all is well', () => {
    const knowledge = { checkedAt: ago(60_000), signedAt: ago(3 * DAY), expiresAt: ago(-DAY) }
    expect(judgeFreshness(knowledge, NOW)).toMatchObject({ expired: false, warnings: [] })
  })

  test('says nothing about what it never learned', () => {
    expect(judgeFreshness({}, NOW)).toEqual({
      sinceCheck: undefined,
      sinceSigned: undefined,
      expired: false,
      warnings: [],
    })
  })

  test('warns long before expiry that nobody signs any more', () => {
    const { expired, warnings } = judgeFreshness({ signedAt: ago(4 * DAY), expiresAt: ago(-26 * DAY) }, NOW)
    expect(expired).toBe(false)
    expect(warnings).toEqual([expect.stringContaining('last signed 4 days ago')])
  })

  test('gives expiry as the one reason, not also the age of the signature', () => {
    const { expired, warnings } = judgeFreshness({ signedAt: ago(31 * DAY), expiresAt: ago(0) }, NOW)
    expect(expired).toBe(true)
    expect(warnings).toEqual([expect.stringContaining('expired at')])
  })

  test('warns of a clock that is behind, but not for ten minutes', () => {
    expect(judgeFreshness({ signedAt: ago(-9 * 60_000) }, NOW).warnings).toEqual([])
    expect(judgeFreshness({ signedAt: ago(-60 * 60_000) }, NOW).warnings).toEqual([
      expect.stringContaining('60 min in the future'),
    ])
  })

  test('warns when this machine has not asked for days', () => {
    expect(judgeFreshness({ checkedAt: ago(5 * DAY) }, NOW).warnings).toEqual(['not checked for 5 days'])
  })

  test.each([
    [-5, '0 s'],
    [89_000, '89 s'],
    [90_000, '2 min'],
    [89 * 60_000, '89 min'],
    [90 * 60_000, '2 h'],
    [35 * 60 * 60_000, '35 h'],
    [36 * 60 * 60_000, '2 days'],
    [400 * DAY, '400 days'],
  ])('%d ms read as %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text)
  })
})
