import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideRetention, type InstalledRelease, RECENT_BYTES, RECENT_MS } from '../../src/core/retention.ts'

const NOW = Date.UTC(2026, 10, 21)
const MB = 1024 ** 2

function release(directory: string, details: Partial<InstalledRelease> = {}): InstalledRelease {
  return { directory, size: MB, lastUsed: NOW - 2 * RECENT_MS, held: false, ...details }
}

describe('retention', () => {
  test('keeps what is held and the two that ran before it, however old and large', () => {
    const huge = { size: 3 * RECENT_BYTES }
    const releases = ['a', 'b', 'c', 'd'].map((name) => release(name, { ...huge, held: name === 'd' }))
    const { keep, remove, crowdedOut } = decideRetention(releases, ['c', 'b', 'a'], NOW)
    expect(keep.toSorted()).toEqual(['b', 'c', 'd'])
    expect({ remove, crowdedOut }).toEqual({ remove: ['a'], crowdedOut: [] })
  })

  test('keeps what ran in the last 14 days, to the millisecond', () => {
    const releases = [
      release('at the limit', { lastUsed: NOW - RECENT_MS }),
      release('beyond it', { lastUsed: NOW - RECENT_MS - 1 }),
    ]
    expect(decideRetention(releases, [], NOW)).toEqual({
      keep: ['at the limit'],
      remove: ['beyond it'],
      crowdedOut: [],
    })
  })

  test('gives up the oldest recent ones beyond 2 GB, and says so', () => {
    const releases = [1, 2, 3].map((age) =>
      release(`${age}`, { size: RECENT_BYTES / 2, lastUsed: NOW - age }),
    )
    expect(decideRetention([...releases, release('current', { held: true })], [], NOW)).toEqual({
      keep: ['current', '1'],
      remove: ['2', '3'],
      crowdedOut: ['2', '3'],
    })
  })

  test('decides about every release once, never against one that is held', () => {
    const releases = fc.uniqueArray(
      fc.record({
        directory: fc.stringMatching(/^[a-f]$/),
        size: fc.nat(RECENT_BYTES),
        lastUsed: fc.integer({ min: NOW - 2 * RECENT_MS, max: NOW }),
        held: fc.boolean(),
      }),
      { selector: ({ directory }) => directory },
    )
    fc.assert(
      fc.property(releases, fc.array(fc.stringMatching(/^[a-f]$/)), (installed, previous) => {
        const { keep, remove, crowdedOut } = decideRetention(installed, previous, NOW)
        expect([...keep, ...remove].toSorted()).toEqual(
          installed.map(({ directory }) => directory).toSorted(),
        )
        expect(installed.filter(({ held, directory }) => held && remove.includes(directory))).toEqual([])
        expect(remove).toEqual(expect.arrayContaining([...crowdedOut]))
      }),
    )
  })
})
