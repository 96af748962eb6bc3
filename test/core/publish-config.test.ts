import { describe, expect, test } from 'vitest'
import { parsePublishConfig } from '../../src/core/publish-config.ts'

describe('skillsctl.json', () => {
  test('gives what it says and nothing else', () => {
    const text = JSON.stringify({ $schema: 'x', store: 's3://b', include: ['skills'], exclude: null })
    expect(parsePublishConfig(text, 'skillsctl.json')).toEqual({ store: 's3://b', include: ['skills'] })
  })

  test('names a setting that it does not know, because a typo is no silent default', () => {
    expect(() => parsePublishConfig('{"exclud": ["private"]}', 'skillsctl.json')).toThrow(
      expect.objectContaining({ code: 'usage', found: 'exclud', subject: 'skillsctl.json' }),
    )
  })

  test.each(['', '[]', '{"store": 5}', '{"include": "skills"}', '{"exclude": [1]}', '{"store": "a",}'])(
    '%s is a mistake of whoever wrote it, with a hint',
    (text) => {
      expect(() => parsePublishConfig(text, 'skillsctl.json')).toThrow(
        expect.objectContaining({ code: 'usage', hint: 'mend skillsctl.json' }),
      )
    },
  )
})
