import { describe, expect, test } from 'vitest'
import {
  formatInstant,
  instant,
  integer,
  list,
  object,
  optional,
  parseJson,
  string,
} from '../../src/core/parse.ts'

const corrupt = expect.objectContaining({ code: 'corrupt', subject: 'here' })

describe('readers of untrusted JSON', () => {
  test.each([null, [], 'text', 1, undefined])('object: %j is none', (value) => {
    expect(() => object(value, 'here')).toThrow(corrupt)
  })

  test.each([1.5, -1, 11, '5', Number.NaN, 2 ** 53, null])('integer from 0 to 10: %s is none', (value) => {
    expect(() => integer(value, 'here', 0, 10)).toThrow(corrupt)
  })

  test('integer: both ends belong to the range', () => {
    expect([integer(0, 'here', 0, 10), integer(10, 'here', 0, 10)]).toEqual([0, 10])
  })

  test('list: one item too many is refused', () => {
    expect(list([1, 2], 'here', 2)).toEqual([1, 2])
    expect(() => list([1, 2, 3], 'here', 2)).toThrow(corrupt)
    expect(() => list({ length: 0 }, 'here', 2)).toThrow(corrupt)
  })

  test('string: the pattern is part of the error, the value is cut short', () => {
    expect(() => string('x'.repeat(500), 'here', /^y+$/)).toThrow(
      expect.objectContaining({ expected: 'a string like ^y+$', found: `"${'x'.repeat(80)}"` }),
    )
  })

  test('optional: null and nothing are the same', () => {
    expect([optional(null, 'here', string), optional(undefined, 'here', string)]).toEqual([
      undefined,
      undefined,
    ])
    expect(() => optional(1, 'here', string)).toThrow(corrupt)
  })

  test.each(['', '{', '{"a":1}x', 'undefined', '\ufeff{}'])('%j is not JSON', (text) => {
    expect(() => parseJson(text, 'here')).toThrow(corrupt)
  })
})

describe('instants', () => {
  test.each([
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00+00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    'never',
    20260101,
  ])('%j is not one', (value) => {
    expect(() => instant(value, 'here')).toThrow(corrupt)
  })

  test('lose their fractions, never round up', () => {
    expect(formatInstant(Date.UTC(2026, 10, 21, 5, 59, 59, 999))).toBe('2026-11-21T05:59:59Z')
    expect(instant('2028-02-29T23:59:59Z', 'here')).toBe('2028-02-29T23:59:59Z')
  })
})
