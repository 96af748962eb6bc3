import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Changes,
  compareTrees,
  NO_CHANGES,
  parseChanges,
  removalLimit,
  shortenChanges,
  summarizeChanges,
  topLevelSkills,
  vanishedSkills,
} from '../../src/core/changes.ts'
import type { Entry } from '../../src/core/manifest.ts'

/** Files with their content; another mode or a link where a test says so. */
function tree(contents: Readonly<Record<string, string>>): Entry[] {
  return Object.entries(contents).map(([path, content]) => file(path, content))
}

function file(path: string, content: string, mode: '644' | '755' = '644'): Entry {
  return { mode, path, size: content.length, integrity: `sha256-${content}` }
}

function link(path: string, target: string): Entry {
  return { mode: 'link', path, target }
}

const summary = (
  before: readonly Entry[],
  after: readonly Entry[],
  renames: [string, string][] = [],
): Changes => summarizeChanges(compareTrees(before, after, renames), before, after)

describe('comparing two trees', () => {
  test('sorts every path into what happened to it', () => {
    const before = tree({ same: '1', edited: '2', gone: '3', moved: '4' })
    const after = tree({ same: '1', edited: '2b', new: '5', elsewhere: '4' })
    expect(compareTrees(before, after)).toEqual({
      added: ['new'],
      removed: ['gone'],
      modified: ['edited'],
      renamed: [['moved', 'elsewhere']],
    })
  })

  test('takes a change of mode, or from a file to a link, for a modification', () => {
    const before = [file('run.sh', 'x'), file('a', 'y'), link('l', 'a')]
    const after = [file('run.sh', 'x', '755'), link('a', 'run.sh'), link('l', 'run.sh')]
    expect(compareTrees(before, after).modified).toEqual(['run.sh', 'a', 'l'])
  })

  test("prefers git's renames, which survive an edit, and ignores those that do not fit", () => {
    const before = tree({ a: '1', b: '2' })
    const after = tree({ c: '1 edited', b: '2' })
    expect(
      compareTrees(before, after, [
        ['a', 'c'],
        ['b', 'c'],
        ['none', 'nowhere'],
      ]),
    ).toMatchObject({
      added: [],
      removed: [],
      renamed: [['a', 'c']],
    })
  })

  test('pairs every one of several equal files with one of their new names', () => {
    const before = tree({ 'a/LICENSE': 'mit', 'b/LICENSE': 'mit', 'c/LICENSE': 'mit' })
    const after = tree({ 'x/LICENSE': 'mit', 'y/LICENSE': 'mit' })
    const { renamed, removed, added } = compareTrees(before, after)
    expect({ renames: renamed.length, removed: removed.length, added }).toEqual({
      renames: 2,
      removed: 1,
      added: [],
    })
  })

  test('leads from one tree to the other: every path is accounted for once', () => {
    const content = fc.constantFrom('1', '2', '3')
    const contents = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd/e', 'd/f'), content)
    fc.assert(
      fc.property(contents, contents, (left, right) => {
        const { added, removed, modified, renamed } = compareTrees(tree(left), tree(right))
        const paths = new Set(Object.keys(left))
        for (const gone of [...removed, ...renamed.map(([from]) => from)])
          expect(paths.delete(gone)).toBe(true)
        for (const path of modified) expect(paths.has(path)).toBe(true)
        for (const path of [...added, ...renamed.map(([, to]) => to)]) expect(paths.has(path)).toBe(false)
        for (const path of [...added, ...renamed.map(([, to]) => to)]) paths.add(path)
        expect([...paths].sort()).toEqual(Object.keys(right).sort())
      }),
    )
  })
})

describe('top-level skills', () => {
  test.each([
    [
      ['skills/a/SKILL.md', 'skills/b/SKILL.md', 'README.md'],
      ['skills/a', 'skills/b'],
    ],
    [
      ['a/SKILL.md', 'a/inner/SKILL.md', 'a-b/SKILL.md'],
      ['a', 'a-b'],
    ],
    [['SKILL.md', '-x/SKILL.md', 'a/SKILL.md'], ['.']],
    [['a/skill.md', 'a/SKILL.md.bak', 'NOT-SKILL.md'], []],
    [[], []],
  ])('of %j are %j', (paths, expected) => {
    expect(topLevelSkills(paths.map((path) => file(path, '')))).toEqual(expected)
  })
})

describe('changes by skill', () => {
  const QUARTERBACK = { 'skills/quarterback/SKILL.md': '# q', 'skills/quarterback/play.sh': 'run' }

  test('sum many files up to the skill they belong to', () => {
    const before = tree({ ...QUARTERBACK, 'skills/old/SKILL.md': '# o', 'README.md': '1' })
    const after = tree({
      ...QUARTERBACK,
      'skills/quarterback/play.sh': 'edited',
      'skills/quarterback/extra.md': 'e',
      'skills/new/SKILL.md': '# n',
      'skills/new/a.md': 'a',
      'README.md': '2',
    })
    expect(summary(before, after)).toEqual({
      added: ['skills/new'],
      removed: ['skills/old'],
      modified: ['README.md', 'skills/quarterback'],
      renamed: [],
    })
  })

  test('show a renamed skill as one rename, though a file of it was edited', () => {
    const before = tree(QUARTERBACK)
    const after = tree({ 'skills/passer/SKILL.md': '# p', 'skills/passer/play.sh': 'run' })
    const renames: [string, string][] = [['skills/quarterback/SKILL.md', 'skills/passer/SKILL.md']]
    expect(summary(before, after, renames)).toEqual({
      ...NO_CHANGES,
      renamed: [['skills/quarterback', 'skills/passer']],
    })
  })

  test('show renames outside of any skill file by file', () => {
    expect(summary(tree({ 'docs/a.md': 'a' }), tree({ 'docs/b.md': 'a' }))).toEqual({
      ...NO_CHANGES,
      renamed: [['docs/a.md', 'docs/b.md']],
    })
  })

  test('call a skill modified when a file moved within it or to another one', () => {
    const before = tree({ 'a/SKILL.md': 'a', 'a/x': 'x', 'b/SKILL.md': 'b' })
    const after = tree({ 'a/SKILL.md': 'a', 'b/SKILL.md': 'b', 'b/x': 'x' })
    expect(summary(before, after)).toEqual({ ...NO_CHANGES, modified: ['a', 'b'] })
  })

  test('stay quick for a first release of 20,000 files that belong to no skill', () => {
    const after = Array.from({ length: 20_000 }, (_, index) => file(`data/${index}`, `${index}`))
    expect(summary([], after).added).toHaveLength(20_000)
  }, 5000)
})

describe('skills that vanish', () => {
  const skills = (...names: readonly string[]): Entry[] => names.map((name) => file(`${name}/SKILL.md`, name))

  test('are those that no longer hold a SKILL.md, files left behind or not', () => {
    const before = [...skills('a', 'b', 'c'), file('b/notes', 'n'), file('README.md', 'r')]
    const after = [...skills('c'), file('b/notes', 'n')]
    expect(vanishedSkills(summary(before, after), before)).toEqual(['a', 'b'])
  })

  test('do not include a renamed one', () => {
    const before = skills('a')
    const after = [file('z/SKILL.md', 'a')]
    expect(vanishedSkills(summary(before, after), before)).toEqual([])
  })

  test('include one that was folded into another', () => {
    const before = skills('a', 'b')
    const after = [...skills('b'), file('b/a.md', 'a')]
    expect(vanishedSkills(summary(before, after), before)).toEqual(['a'])
  })

  test('include all but one of several that became the same new skill', () => {
    const before = [file('a/SKILL.md', '1'), file('b/SKILL.md', '2')]
    const after = [file('z/SKILL.md', '1'), file('z/more.md', '2')]
    const changes = summary(before, after)
    expect(vanishedSkills(changes, before)).toHaveLength(1)
    expect(changes.renamed).toHaveLength(1)
  })

  test.each([
    [0, 3],
    [3, 3],
    [19, 3],
    [20, 4],
    [104, 20],
  ])('of %d may %d go unasked', (before, limit) => {
    expect(removalLimit(before)).toBe(limit)
  })
})

describe('what signed metadata carries of it', () => {
  test('is short, says how much it left out, and keeps removals first', () => {
    const names = (prefix: string): string[] => Array.from({ length: 15 }, (_, index) => `${prefix}${index}`)
    const short = shortenChanges({ ...NO_CHANGES, added: names('a'), removed: names('r') })
    expect(short).toMatchObject({ removed: names('r'), added: names('a').slice(0, 5), more: 10 })
  })

  test('leaves very long names to the manifest', () => {
    const long = 'x'.repeat(201)
    const changes = { ...NO_CHANGES, added: [long, 'short'], renamed: [['a', long]] as const }
    expect(shortenChanges(changes)).toEqual({ ...NO_CHANGES, added: ['short'], more: 2 })
  })

  test('reads back', () => {
    const changes: Changes = { added: ['a'], removed: [], modified: ['m'], renamed: [['x', 'y']], more: 3 }
    expect(parseChanges(JSON.parse(JSON.stringify(changes)), 'changes')).toEqual(changes)
    expect(parseChanges({ ...NO_CHANGES }, 'changes')).toEqual(NO_CHANGES)
  })

  test.each([
    [{ ...NO_CHANGES, renamed: [['a']] }],
    [{ ...NO_CHANGES, renamed: [['a', 'b', 'c']] }],
    [{ ...NO_CHANGES, added: [1] }],
    [{ ...NO_CHANGES, more: -1 }],
    [{ added: [] }],
    [null],
  ])('%j is corrupt', (value) => {
    expect(() => parseChanges(value, 'changes')).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })
})
