import { describe, expect, test } from 'vitest'
import { cleanAuthor, parseAuthor } from '../../src/core/author.ts'

describe('the name of an author', () => {
  test.each([
    ['Ada Lovelace', 'Ada Lovelace'],
    ['  Zoë   Ångström ', 'Zoë Ångström'],
    ['李小龍', '李小龍'],
    ['Ada\u001b[31m\r\nok', 'Ada [31m ok'],
    ['Ada\u202eevil\u2066\u200b', 'Ada evil'],
    ['Ada\u{e0049}\u{e0067}', 'Ada'],
    ['Ada \ud800', 'Ada'],
    ['x'.repeat(10_000), 'x'.repeat(100)],
    [`${'x'.repeat(99)} y`, 'x'.repeat(99)],
    ['😀'.repeat(3000), '😀'.repeat(100)],
    ['\u0000\u0007 ', undefined],
    ['', undefined],
  ])('%j is published as %j, which reads back', (name, cleaned) => {
    expect(cleanAuthor(name)).toBe(cleaned)
    if (cleaned !== undefined) expect(parseAuthor(cleaned, 'author')).toBe(cleaned)
  })

  test.each([
    ...['', ' Ada', 'Ada\n', 'Ada\u001b[2J', '\u202eadA', 'Ada\u{e0041}', 'Ada \ud800', 'A  B'],
    ...['x'.repeat(101), 'x'.repeat(10_240), 7, null, ['Ada'], { name: 'Ada' }],
  ])('%j is refused, because no publisher writes it', (value) => {
    expect(() => parseAuthor(value, 'author')).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })
})
