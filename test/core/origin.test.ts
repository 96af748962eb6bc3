import { describe, expect, test } from 'vitest'
import { type Changes, NO_CHANGES } from '../../src/core/changes.ts'
import type { ChannelHead, ReleaseEntry } from '../../src/core/channel.ts'
import { originOf } from '../../src/core/origin.ts'

function entry(name: string, changes: Partial<Changes>, author?: string): ReleaseEntry {
  const at = '2026-11-20T09:00:00Z'
  return {
    release: { version: name, commit: name, committedAt: at, publishedAt: at, author },
    archive: { path: '', integrity: '', size: 1 },
    changes: { ...NO_CHANGES, ...changes },
    manifest: { sha256: name, length: 1 },
  }
}

const OLDER = { sha256: '0', length: 1 }

function head(entries: readonly ReleaseEntry[], older?: typeof OLDER): ChannelHead {
  const [first = entry('none', {}), ...history] = entries
  return { entry: first, history, older, raw: {} }
}

const ENTRIES = [
  entry('fifth', { modified: ['skills/other'] }, 'Eve'),
  entry('fourth', { renamed: [['skills/b', 'skills/qb']] }, 'Dan'),
  entry('third', { modified: ['skills/group/one'] }, 'Cem'),
  entry('second', { removed: ['commands/plan/old.md'] }),
  entry('first', { added: ['skills/a'], more: 3 }, 'Ada'),
]

describe('the origin of bytes', () => {
  test.each([
    ['skills/other', 'fifth', 'Eve'],
    ['skills/qb', 'fourth', 'Dan'],
    ['skills/group', 'third', 'Cem'],
    ['skills/group/one/SKILL.md', 'third', 'Cem'],
    ['commands/plan', 'second', undefined],
    ['skills/a', 'first', 'Ada'],
    ['skills/unnamed', 'first', 'Ada'],
  ])('of %s is the newest release that touched it: %s', (path, version, author) => {
    const { cameWith, ...release } = originOf(head(ENTRIES), 'fifth', path)
    expect(cameWith).toMatchObject({ version })
    expect(cameWith?.author).toBe(author)
    expect(release.author).toBe('Eve')
  })

  test('counts from the release that runs, not from the head', () => {
    const { author, cameWith } = originOf(head(ENTRIES), 'third', 'skills/other')
    expect({ author, version: cameWith?.version }).toEqual({ author: 'Cem', version: 'first' })
  })

  test('is not known beyond what the entries tell', () => {
    expect(originOf(head(ENTRIES.slice(0, 3), OLDER), 'fifth', 'skills/a').cameWith).toBeUndefined()
    const cut = [entry('new', { modified: ['skills/a'], more: 9 }), ...ENTRIES]
    expect(originOf(head(cut), 'new', 'skills/qb').cameWith).toBeUndefined()
    expect(originOf(head(cut), 'new', 'skills/a').cameWith?.version).toBe('new')
    for (const nothing of [
      originOf(head(ENTRIES), 'x', 'skills/a'),
      originOf(undefined, 'fifth', 'skills/a'),
    ])
      expect(nothing).toEqual({ author: undefined, cameWith: undefined })
  })

  test('is not that of a neighbour whose name begins alike', () => {
    const entries = [entry('new', { modified: ['skills/plan-b'] }), entry('old', { added: ['skills/plan'] })]
    expect(originOf(head(entries), 'new', 'skills/plan').cameWith?.version).toBe('old')
  })
})
