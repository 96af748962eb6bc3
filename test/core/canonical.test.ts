import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, compareBytes, type Json } from '../../src/core/canonical.ts'

/** Every value that our formats may hold. */
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 5 }),
  ),
})).value

describe('canonical JSON', () => {
  test('reads back as the value it was made from', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('is the same whatever order the keys were set in', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), json), {
      selector: ([key]) => key,
      maxLength: 8,
    })
    fc.assert(
      fc.property(entries, (fields) => {
        const forwards = canonicalJson(Object.fromEntries(fields))
        expect(canonicalJson(Object.fromEntries(fields.toReversed()))).toBe(forwards)
      }),
    )
  })

  test('is spelled as RFC 8785 says', () => {
    expect(canonicalJson({ b: [1, true, null], a: 'é\n"\u0007', '€': -0, '\u{1f600}': {}, ﬀ: [] })).toBe(
      '{"a":"é\\n\\"\\u0007","b":[1,true,null],"€":0,"\u{1f600}":{},"ﬀ":[]}',
    )
  })

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)])(
    'refuses %d, which another writer would spell differently',
    (number) => {
      expect(() => canonicalJson({ deep: [number] })).toThrow(expect.objectContaining({ code: 'failed' }))
    },
  )
})

describe('byte order', () => {
  test('is that of the UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 })
    fc.assert(
      fc.property(text, text, (left, right) => {
        const bytes = Buffer.compare(Buffer.from(left), Buffer.from(right))
        expect(Math.sign(compareBytes(left, right))).toBe(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  test('puts what lies beyond U+FFFF last, unlike the order of UTF-16', () => {
    const names = ['\u{1f600}', '\uff5e', 'a', '\ue000', 'é', '', 'aa']
    expect(names.sort(compareBytes)).toEqual(['', 'a', 'aa', 'é', '\ue000', '\uff5e', '\u{1f600}'])
  })
})
