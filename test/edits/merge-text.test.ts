import { describe, expect, it } from 'vitest'
import { changesOf, type LineChange } from '../../src/core/line-changes.ts'
import { linesOf } from '../../src/core/lines.ts'
import { mergeText } from '../../src/core/merge-text.ts'
import { changesByGit, mergedByGit } from './git-merge.ts'
import { type Versions, versionsOfText } from './versions-of-text.ts'

const SEED = Number(process.env['SKILLSCTL_SEED'] ?? 20261121)
/** About a second's worth of git. */
const RUNS = Number(process.env['SKILLSCTL_RUNS'] ?? 150)

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

function merge({ base, mine, theirs }: Versions): string | undefined {
  const merged = mergeText(bytes(base), bytes(mine), bytes(theirs))
  return merged && Buffer.from(merged).toString('latin1')
}

/** Name, base, mine, theirs, result; undefined is a conflict. */
const CASES: readonly (readonly [string, string, string, string, string | undefined])[] = [
  ['changes in different places', 'a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n', 'A\nb\nC\n'],
  ['the same change', 'a\nb\nc\n', 'a\nB\nc\n', 'a\nB\nc\n', 'a\nB\nc\n'],
  ['the same change and another', 'a\nb\nc\nd\n', 'a\nB\nc\nd\n', 'a\nB\nc\nD\n', 'a\nB\nc\nD\n'],
  ['the same insertion', 'a\nb\n', 'a\nx\nb\n', 'a\nx\nb\n', 'a\nx\nb\n'],
  ['different changes of one line', 'a\nb\nc\n', 'a\nB\nc\n', 'a\nß\nc\n', undefined],
  ['changes of neighbouring lines', 'a\nb\nc\nd\n', 'a\nB\nc\nd\n', 'a\nb\nC\nd\n', undefined],
  ['insertions at one place', 'a\nb\n', 'a\nx\nb\n', 'a\ny\nb\n', undefined],
  ['an insertion beside a change', 'a\nb\nc\n', 'a\nx\nb\nc\n', 'a\nB\nc\n', undefined],
  ['a change in what is gone', 'a\nb\nc\nd\n', 'a\nd\n', 'a\nB\nc\nd\n', undefined],
  ['both deleted it', 'a\nb\nc\nd\n', 'a\nd\n', 'a\nd\n', 'a\nd\n'],
  ['one deleted more', 'a\nb\nc\nd\n', 'a\nd\n', 'a\n', undefined],
  ['everything is gone here', 'a\nb\n', '', 'a\nb\n', ''],
  ['everything is gone in both', 'a\n', '', '', ''],
  ['nothing was there', '', 'a\n', '', 'a\n'],
  ['both began', '', 'a\n', 'b\n', undefined],
  ['all is empty', '', '', '', ''],
  ['CRLF stays', 'a\r\nb\r\nc\r\n', 'A\r\nb\r\nc\r\n', 'a\r\nb\r\nC\r\n', 'A\r\nb\r\nC\r\n'],
  ['mixed line endings stay', 'a\r\nb\nc\r\nd\n', 'a\r\nb\nc\r\nD\n', 'A\nb\nc\r\nd\n', 'A\nb\nc\r\nD\n'],
  ['another line ending is a change', 'a\nb\nc\n', 'a\r\nb\r\nc\r\n', 'a\nb\nC\n', undefined],
  ['CR alone ends no line', 'a\rb\nc\nd\n', 'a\rb\nc\nD\n', 'A\rb\nc\nd\n', 'A\rb\nc\nD\n'],
  ['no newline at the end', 'a\nb\nc', 'A\nb\nc', 'a\nb\nc', 'A\nb\nc'],
  ['a newline at the end is added', 'a\nb\nc', 'A\nb\nc', 'a\nb\nc\n', 'A\nb\nc\n'],
  ['a newline at the end is taken away', 'a\nb\nc\n', 'a\nb\nc', 'A\nb\nc\n', 'A\nb\nc'],
  ['the end, with and without newline', 'a\nb', 'a\nb\n', 'a\nb!', undefined],
  ['a byte order mark is added', 'a\nb\nc\n', '\xef\xbb\xbfa\nb\nc\n', 'a\nb\nC\n', '\xef\xbb\xbfa\nb\nC\n'],
  ['invalid UTF-8 stays', '\xff\nb\n\xc3\n', '\xff\nb\n\xc3\xfe\n', '\x80\nb\n\xc3\n', '\x80\nb\n\xc3\xfe\n'],
  ['texts with conflict markers', '<<<<<<<\nb\n=======\n', 'a\nb\n=======\n', '<<<<<<<\nb\nc\n', 'a\nb\nc\n'],
  ['binary here', 'a\nb\nc\n', 'a\0\nb\nc\n', 'a\nb\nc\n', undefined],
  ['binary everywhere, changed once', '\0a\n', '\0a\n', '\0b\n', undefined],
  [
    'a NUL far behind',
    `${'a\n'.repeat(4000)}\0\n`,
    `b\n${'a\n'.repeat(4000)}\0\n`,
    `${'a\n'.repeat(4000)}\0\n`,
    `b\n${'a\n'.repeat(4000)}\0\n`,
  ],
]

const numbered = (count: number, prefix: string): string =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}\n`).join('')

describe('a three-way merge', () => {
  it.each(CASES)('%s', (_, base, mine, theirs, expected) => {
    expect(merge({ base, mine, theirs })).toBe(expected)
    expect(merge({ base, mine: theirs, theirs: mine })).toBe(expected)
  })

  it('is what git makes of the same cases', async () => {
    const list = CASES.map(([, base, mine, theirs]) => ({ base, mine, theirs }))
    expect(await mergedByGit(list)).toEqual(CASES.map(([, , , , expected]) => expected))
  })

  it('takes files of which everything changed, and gives up where it would take too long', () => {
    const base = numbered(11_000, 'a')
    const mine = numbered(11_000, 'b')
    expect(merge({ base, mine, theirs: base })).toBe(mine)
    expect(merge({ base, mine, theirs: numbered(11_000, 'c') })).toBeUndefined()
    const backwards = `${base.trimEnd().split('\n').reverse().join('\n')}\n`
    expect(merge({ base, mine: backwards, theirs: base })).toBeUndefined()
  })

  it('takes either version where only one changed, and what both are where they are the same', () => {
    const texts = versionsOfText(SEED + 1)
    for (let run = 0; run < 60; run++) {
      const { base, mine, theirs } = texts.next().value
      expect(merge({ base, mine, theirs: base })).toBe(mine)
      expect(merge({ base, mine: base, theirs })).toBe(theirs)
      expect(merge({ base, mine, theirs: mine })).toBe(mine)
      expect(merge({ base, mine: theirs, theirs: mine })).toBe(merge({ base, mine, theirs }))
    }
  })
})

describe('beside git merge-file', () => {
  /*
   * Where lines are repeated, several edit scripts are equally short, and a merge depends on which one was taken. Git takes
   * another one now and then; given the same scripts, the result is always the same.
   */
  it(`gives the same bytes or the same conflict, unless git took another script of the same length (seed ${SEED})`, async () => {
    const texts = versionsOfText(SEED)
    const list = Array.from({ length: RUNS }, () => texts.next().value)
    const byGit = await mergedByGit(list)
    const different = list.filter((versions, index) => merge(versions) !== byGit[index])
    const changes = await changesByGit(different)
    for (const [index, { base, mine, theirs }] of different.entries()) {
      const ours = [scriptOf(base, mine), scriptOf(base, theirs)]
      const others = [changes[index]?.mine, changes[index]?.theirs]
      expect(ours, JSON.stringify({ base, mine, theirs })).not.toEqual(others)
      expect(ours.map(sizeOf)).toEqual(others.map(sizeOf))
    }
    expect(different.length).toBeLessThanOrEqual(Math.ceil(RUNS / 50))
    if (RUNS > 1000)
      console.log(`${different.length} of ${RUNS} merges differ because git took another script`)
  })
})

function scriptOf(before: string, after: string): LineChange[] | undefined {
  return changesOf(linesOf(bytes(before)), linesOf(bytes(after)))
}

function sizeOf(changes: readonly LineChange[] = []): number {
  return changes.reduce((sum, { from, to, start, end }) => sum + to - from + end - start, 0)
}
