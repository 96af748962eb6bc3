import { describe, expect, it } from 'vitest'
import { headProblems, nameProblem, reservedWord, unspecifiedFields } from '../../src/core/skill-rules.ts'

const HEAD = { name: 'quarterback', description: 'Calls the play.' }

/** `field problem` of each problem. */
function problems(fields: Readonly<Record<string, unknown>>, directory = 'quarterback'): string[] {
  return headProblems({ ...HEAD, ...fields }, directory).map(({ field, problem }) => `${field} ${problem}`)
}

describe('a name', () => {
  it.each(['a', '7', 'quarterback', 'pdf-2', 'a-b-c', 'x'.repeat(64)])('may be %s', (name) => {
    expect(nameProblem(name)).toBeUndefined()
    expect(problems({ name }, name)).toEqual([])
  })

  it.each(['Quarterback', 'quarter_back', '-a', 'a-', 'a--b', 'é', 'a b', 'a/b', '..', 'a\n', '\u{1f3c8}'])(
    'may not be %j',
    (name) => {
      expect(problems({ name }, name)).toEqual([
        'name may have lower-case letters (a-z), digits and single hyphens between them only',
      ])
    },
  )

  it('has 64 characters at most', () => {
    const name = 'x'.repeat(65)
    expect(problems({ name }, name)).toEqual(['name is longer than 64 characters'])
  })

  it('is that of the directory', () => {
    expect(problems({ name: 'qb' })).toEqual(['name is qb, and the directory quarterback'])
  })

  it.each([undefined, null, ''])('is missing as %j', (name) => {
    const [problem] = headProblems({ ...HEAD, name }, 'quarterback')
    expect(problem).toMatchObject({ problem: 'is missing', hint: 'add the line: name: quarterback' })
  })

  it('that YAML takes for a number needs quotes', () => {
    expect(problems({ name: 2026 }, '2026')).toEqual(['name is not text'])
  })

  it('may hold a word that uploads reserve, which is asked for separately', () => {
    expect(reservedWord('claude-helper')).toBe('claude')
    expect(reservedWord('my-anthropic')).toBe('anthropic')
    expect(reservedWord('clod')).toBeUndefined()
    expect(problems({ name: 'claude-helper' }, 'claude-helper')).toEqual([])
  })
})

describe('a description', () => {
  it('has 1,024 characters at most, as people count them', () => {
    expect(problems({ description: '\u{1f3c8}'.repeat(1024) })).toEqual([])
    expect(problems({ description: 'x'.repeat(1025) })).toEqual([
      'description is 1025 characters long, at most 1024 are allowed',
    ])
  })

  it.each([
    [undefined, 'is missing'],
    [null, 'is missing'],
    [' \n', 'is empty'],
    [['a'], 'is not text'],
    ['for <b>', 'holds < or >'],
    ['a > b', 'holds < or >'],
  ])('%j %s', (description, problem) => {
    expect(problems({ description })).toEqual([`description ${problem}`])
  })
})

describe('the other fields', () => {
  it('may be left out', () => {
    expect(problems({ license: undefined, metadata: null })).toEqual([])
  })

  it.each([
    [{ license: 'MIT', compatibility: 'x'.repeat(500), 'allowed-tools': 'Bash Read' }, []],
    [{ license: 2 }, ['license is not text']],
    [{ compatibility: 'x'.repeat(501) }, ['compatibility is longer than 500 characters']],
    [{ 'allowed-tools': ['Bash'] }, ['allowed-tools is not text']],
    [{ metadata: { author: 'acme', version: '1.0' } }, []],
    [{ metadata: { version: 1.5, draft: true } }, []],
    [{ metadata: { tags: ['a'] } }, ['metadata is not a map of texts']],
    [{ metadata: ['a'] }, ['metadata is not a map of texts']],
  ])('%j: %j', (fields, expected) => {
    expect(problems(fields)).toEqual(expected)
  })

  it('that the specification does not know are no problem, but named', () => {
    const fields = { ...HEAD, model: 'opus', 'argument-hint': '[x]', metadata: {} }
    expect(headProblems(fields, 'quarterback')).toEqual([])
    expect(unspecifiedFields(fields)).toEqual(['model', 'argument-hint'])
  })
})

it('tells all problems at once, in the order of the specification', () => {
  expect(problems({ metadata: 1, description: '', name: 'X' })).toEqual([
    'name may have lower-case letters (a-z), digits and single hyphens between them only',
    'description is empty',
    'metadata is not a map of texts',
  ])
})
