import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../src/core/manifest.ts'
import {
  checkSurfaceName,
  entriesOf,
  FOLDERS,
  findPreset,
  PRESETS,
  parseSurface,
} from '../../src/core/surface.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Path → content; a target after `->`, an executable after `!`. */
function files(tree: Readonly<Record<string, string>>): Entry[] {
  return Object.entries(tree)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, content]): Entry => {
      if (content.startsWith('->')) return { mode: 'link', path, target: content.slice(2) }
      const mode = content.startsWith('!') ? '755' : '644'
      return { mode, path, size: content.length, integrity: `sha256-${sha256(content)}` }
    })
}

const entries = (
  tree: Readonly<Record<string, string>>,
  folders: readonly (typeof FOLDERS)[number][] = FOLDERS,
  takes: (place: string) => boolean = () => true,
) => entriesOf(files(tree), folders, takes, sha256)
const places = (...args: Parameters<typeof entries>) => [...entries(...args).keys()].sort()
/** Path in the entry → path in the release, or `-> target`. */
const content = (place: string, tree: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    (entries(tree).get(place)?.parts ?? []).map((file) => [
      file.path,
      file.mode === 'link' ? `-> ${file.target}` : file.from,
    ]),
  )
const digest = (place: string, tree: Readonly<Record<string, string>>) => entries(tree).get(place)?.digest

describe('what a surface shows of a release', () => {
  test('is each directory of skills, and each file and directory of its other folders', () => {
    const tree = {
      'README.md': 'r',
      'skills/a/SKILL.md': 'a',
      'skills/a/deep/er/file': 'x',
      'skills/b/SKILL.md': 'b',
      'skills/README.md': 'r',
      'commands/one.md': '1',
      'commands/group/two.md': '2',
      'agents/three.md': '3',
      'prompts/four.md': '4',
      'other/five.md': '5',
    }
    expect(places(tree)).toEqual([
      'agents/three.md',
      'commands/group',
      'commands/one.md',
      'prompts/four.md',
      'skills/a',
      'skills/b',
    ])
    expect(places(tree, ['commands'])).toEqual(['commands/group', 'commands/one.md'])
    expect(entries(tree).get('commands/one.md')?.kind).toBe('file')
    expect(entries(tree).get('commands/group')?.kind).toBe('directory')
  })

  test('is each directory with a SKILL.md at the top, where there is no skills folder', () => {
    const tree = {
      'a/SKILL.md': 'a',
      'a/run.sh': '!',
      'b/README.md': 'b',
      'c/SKILL.md': 'c',
      'SKILL.md': 's',
    }
    expect(places(tree)).toEqual(['skills/a', 'skills/c'])
    expect(entries(tree).get('skills/a')?.source).toBe('a')
    expect(places(tree, ['commands'])).toEqual([])
    expect(places({ ...tree, 'skills/x/SKILL.md': 'x' })).toEqual(['skills/x'])
  })

  test('is nothing with a dot in front, which agents skip or take for their own', () => {
    expect(
      places({ 'skills/.system/SKILL.md': 's', 'commands/.hidden.md': 'h', 'skills/a/.env': 'e' }),
    ).toEqual(['skills/a'])
    expect(places({ '.github/SKILL.md': 'g', 'a/SKILL.md': 'a' })).toEqual(['skills/a'])
  })

  test('is no folder of its own, though somebody put a SKILL.md into it', () => {
    expect(places({ 'commands/SKILL.md': 'c', 'commands/one.md': '1', 'a/SKILL.md': 'a' })).toEqual([
      'commands/SKILL.md',
      'commands/one.md',
      'skills/a',
    ])
  })

  test('is what its patterns let in', () => {
    const tree = { 'skills/a/SKILL.md': 'a', 'skills/b/SKILL.md': 'b' }
    expect(places(tree, FOLDERS, (place) => place !== 'skills/b')).toEqual(['skills/a'])
  })
})

describe('the digest of an entry', () => {
  const tree = { 'skills/a/SKILL.md': 'a', 'skills/a/run.sh': '!run', 'skills/a/l': '->run.sh' }
  const now = digest('skills/a', tree)

  test('is the same wherever the same lies', () => {
    const moved = { 'skills/b/SKILL.md': 'a', 'skills/b/run.sh': '!run', 'skills/b/l': '->run.sh' }
    expect(digest('skills/b', { ...moved, 'README.md': 'other' })).toBe(now)
  })

  test.each([
    ['a file', { 'skills/a/SKILL.md': 'A' }],
    ['a mode', { 'skills/a/run.sh': 'run' }],
    ['the target of a link', { 'skills/a/l': '->SKILL.md' }],
    ['what is there', { 'skills/a/more': '' }],
  ])('changes with %s', (_what, change) => {
    expect(digest('skills/a', { ...tree, ...change })).not.toBe(now)
  })

  test('changes with what a link outside of the entry leads to', () => {
    const linked = { 'skills/a/SKILL.md': 'a', 'skills/a/shared': '->../../lib', 'lib/text': 'old' }
    expect(digest('skills/a', { ...linked, 'lib/text': 'new' })).not.toBe(digest('skills/a', linked))
    expect(digest('skills/a', { ...linked, 'lib2/text': 'new' })).toBe(digest('skills/a', linked))
  })
})

describe('links in an entry', () => {
  test('that stay inside are links', () => {
    expect(content('skills/a', { 'skills/a/SKILL.md': 'a', 'skills/a/x/l': '->../SKILL.md' })).toEqual({
      'SKILL.md': 'skills/a/SKILL.md',
      'x/l': '-> ../SKILL.md',
    })
  })

  test('that lead out of it stand for what they lead to, also through other links', () => {
    expect(
      content('skills/a', {
        'skills/a/SKILL.md': '->../../texts/a.md',
        'skills/a/lib': '->../../lib/now',
        'skills/a/again': '->lib',
        'skills/a/round': '->../a/SKILL.md',
        'texts/a.md': 'a',
        'lib/now': '->v2',
        'lib/v2/one': '1',
        'lib/v2/in': '->one',
        'lib/v2/out': '->../v1/zero',
        'lib/v1/zero': '0',
      }),
    ).toEqual({
      'SKILL.md': 'texts/a.md',
      'lib/one': 'lib/v2/one',
      'lib/in': '-> one',
      'lib/out': 'lib/v1/zero',
      'again/one': 'lib/v2/one',
      'again/in': '-> one',
      'again/out': 'lib/v1/zero',
      round: 'texts/a.md',
    })
  })

  test('lead where a kernel goes: through a link first, then up from where it ends', () => {
    const tree = {
      'skills/a/d': '->../../shared/sub',
      'skills/a/f': '->d/../top.md',
      'shared/sub/x': 'x',
      'shared/top.md': 'top',
    }
    expect(content('skills/a', tree)).toEqual({ 'd/x': 'shared/sub/x', f: 'shared/top.md' })
    expect(digest('skills/a', { ...tree, 'shared/top.md': 'new' })).not.toBe(digest('skills/a', tree))
  })

  test('that go through a link inside stay links, though their names alone would lead out', () => {
    const tree = { 'skills/a/d': '->e/f', 'skills/a/e/f/x': 'x', 'skills/a/l': '->d/../f/x' }
    expect(content('skills/a', tree)).toEqual({
      d: '-> e/f',
      'e/f/x': 'skills/a/e/f/x',
      l: '-> d/../f/x',
    })
  })

  test('that stand for more files than anybody wants are refused', () => {
    const many = Array.from({ length: 1000 }, (_, number) => [`big/${number}`, ''])
    const tree = Object.fromEntries(many)
    for (let number = 0; number < 101; number++) tree[`big2/${number}`] = '->../big'
    expect(entries({ ...tree, 'skills/a/d': '->../../big' }).get('skills/a')?.parts).toHaveLength(1000)
    expect(() => entries({ ...tree, 'skills/a/d': '->../../big2', 'skills/a/e': '->../../big2' })).toThrow(
      expect.objectContaining({ code: 'refused', subject: 'skills/a' }),
    )
  })

  test('behind more links than a kernel follows lead nowhere', () => {
    const levels = Array.from({ length: 3000 }, (_, level) => [`d/${level}/x`, `->../${level + 1}`])
    const tree = { ...Object.fromEntries(levels), 'd/3000/x': 'f', 'skills/a/d': '->../../d/0' }
    expect(places(tree)).toEqual([])
  })

  test.each([
    ['up and around', { 'skills/a/up': '->../..' }],
    ['to the entry above', { 'skills/a/up': '->..' }],
    ['in a circle', { 'skills/a/x': '->../b/y', 'skills/b/y': '->../a/x' }],
    ['through what is not there', { 'skills/a/none': '->../none/../a/SKILL.md' }],
    ['through a file', { 'skills/a/none': '->../a/SKILL.md/../SKILL.md' }],
    ['to where nothing is', { 'skills/a/none': '->../b/none' }],
    [
      'between each other for ever',
      { 'skills/a/x': '->../../d', 'd/back': '->../skills/a', 'd/e': '->../d' },
    ],
  ])('that lead %s are left out', (_where, tree) => {
    expect(content('skills/a', { 'skills/a/SKILL.md': 'a', ...tree })).toEqual({
      'SKILL.md': 'skills/a/SKILL.md',
    })
  })

  test('that are an entry are of the kind that they lead to; one that leads nowhere is none', () => {
    const tree = {
      'commands/file.md': '->../texts/a.md',
      'commands/folder': '->../texts',
      'commands/nowhere.md': '->../texts/none',
      'texts/a.md': 'a',
    }
    expect(places(tree)).toEqual(['commands/file.md', 'commands/folder'])
    expect(entries(tree).get('commands/file.md')?.kind).toBe('file')
    expect(content('commands/file.md', tree)).toEqual({ '': 'texts/a.md' })
    expect(entries(tree).get('commands/folder')?.kind).toBe('directory')
    expect(content('commands/folder', tree)).toEqual({ 'a.md': 'texts/a.md' })
  })
})

describe('the table of presets', () => {
  test('names each place once, and only folders that agents know', () => {
    expect(new Set(PRESETS.map(({ name }) => name)).size).toBe(PRESETS.length)
    expect(PRESETS.every(({ name }) => checkSurfaceName(name) === name)).toBe(true)
    expect(findPreset('claude-code')?.root).toBe('.claude')
    expect(findPreset('nobody')).toBeUndefined()
  })
})

describe('the definition of a surface', () => {
  const fields = {
    name: 'a',
    preset: 'custom',
    root: '/a',
    folders: ['skills'],
    by: 'copy',
    switch: 'session',
  }

  test('is read with fields and folders of a newer skillsctl', () => {
    const surface = parseSurface({ ...fields, maxWait: 5, folders: ['rules', 'skills'], icon: 'x' }, 'it')
    expect(surface).toMatchObject({ ...fields, maxWait: 5, only: [], except: [] })
  })

  test.each([
    { name: 'A' },
    { name: '../x' },
    { root: 'relative' },
    { by: 'magic' },
    { switch: 'never' },
    { maxWait: -1 },
    { only: 'text' },
  ])('is refused as corrupt with %o', (wrong) => {
    expect(() => parseSurface({ ...fields, maxWait: 5, ...wrong }, 'it')).toThrow(
      expect.objectContaining({ code: 'corrupt' }),
    )
  })
})
