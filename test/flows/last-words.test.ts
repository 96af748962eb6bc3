import { expect, test } from 'vitest'
import { lastWords } from '../../src/flows/last-words.ts'

const unit = 'skills/a'

test('an edit that waited, until what it was made from was fetched, is only said to be merged', () => {
  expect(
    lastWords([
      { unit, became: 'kept' },
      { unit, became: 'waits', paths: ['skills/a/SKILL.md'] },
      { unit, surface: 'other', became: 'waits' },
      { unit, became: 'merged', kept: 'somewhere' },
    ]).map(({ became, surface }) => surface ?? became),
  ).toEqual(['kept', 'other', 'merged'])
})

test('what waits still is said once', () => {
  expect(
    lastWords([
      { unit, became: 'unreadable' },
      { unit, became: 'unreadable' },
    ]),
  ).toHaveLength(1)
})
