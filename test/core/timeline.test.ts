import { describe, expect, test } from 'vitest'
import { type Activation, lastRuns, runOrder } from '../../src/core/timeline.ts'

/** One activation per minute; `<b` is a rollback to b. */
function activations(...steps: readonly string[]): Activation[] {
  const directories = steps.map((step) => step.replace('<', ''))
  return directories.map((to, index) => ({
    at: `2026-11-20T09:${String(index).padStart(2, '0')}:00Z`,
    from: directories[index - 1],
    to,
    why: steps[index]?.startsWith('<') ? 'rollback' : 'update',
    by: 'test',
  }))
}

describe('the order of what ran', () => {
  test.each([
    ['nothing yet', [], []],
    ['updates follow each other', ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['going back drops what was ahead', ['a', 'b', 'c', '<b'], ['a', 'b']],
    ['going back twice leads one further', ['a', 'b', 'c', '<b', '<a'], ['a']],
    ['an update after going back follows what it replaced', ['a', 'b', 'c', '<a', 'd'], ['a', 'd']],
    ['a repair in place changes nothing', ['a', 'b', 'b'], ['a', 'b']],
    ['forward again after a rollback', ['a', 'b', '<a', 'b'], ['a', 'b']],
    ['an update to older content follows what it replaced', ['a', 'b', 'c', 'a'], ['a', 'b', 'c', 'a']],
    ['and a rollback from there leads to that', ['a', 'b', 'c', 'a', '<c'], ['a', 'b', 'c']],
  ])('%s', (_, ran, order) => {
    expect(runOrder(activations(...ran))).toEqual(order)
  })
})

test('a release ran last when it was replaced, or when it became current', () => {
  const minute = (n: number): number => Date.UTC(2026, 10, 20, 9, n)
  expect([...lastRuns(activations('a', 'b', 'a'))]).toEqual([
    ['a', minute(2)],
    ['b', minute(2)],
  ])
})
