import { expect, it } from 'vitest'
import { nearMisses } from '../../src/core/near-misses.ts'

const NAMES = ['quarterback', 'review', 'legal-nda', 'legal-terms', 'qb', 'pdf']

it.each([
  ['quaterback', ['quarterback']],
  ['reviews', ['review']],
  ['legal', ['legal-nda', 'legal-terms']],
  ['q', ['qb', 'quarterback']],
  ['pfd', ['pdf']],
  ['spreadsheet', []],
])('%s may have meant %j', (wanted, expected) => {
  expect(nearMisses(wanted, NAMES)).toEqual(expected)
})
