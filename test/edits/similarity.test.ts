import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { findRenamed, similarity, type UnitFile } from '../../src/core/similarity.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `line ${1000 + from + index}\n`).join('')

describe('similarity', () => {
  it.each<[string, string, string, number]>([
    ['the same', 'a\nb\n', 'a\nb\n', 1],
    ['both empty', '', '', 1],
    ['one empty', 'a\n', '', 0],
    ['nothing in common', 'a\nb\n', 'c\nd\n', 0],
    ['another order', numbered(0, 10), numbered(5, 10) + numbered(0, 5), 1],
    ['half of it', numbered(0, 10), numbered(0, 5), 0.5],
    ['half of it is new', numbered(0, 10), numbered(0, 20), 0.5],
    ['a line as often as the other has it', 'a\na\na\na\n', 'a\n', 0.25],
    ['no newline at the end', 'a\nb', 'a\nc', 2 / 3],
    ['a long line that differs at its end', `${'x'.repeat(640)}\n`, `${'x'.repeat(640)}!`, 640 / 641],
  ])('of %s', (_, a, b, expected) => {
    expect(similarity(bytes(a), bytes(b))).toBeCloseTo(expected, 5)
    expect(similarity(bytes(b), bytes(a))).toBeCloseTo(expected, 5)
  })
})

describe('a renamed unit', () => {
  const read: string[] = []

  /** Path → content, or `-> target`. */
  function unit(files: Readonly<Record<string, string>>): UnitFile[] {
    return Object.entries(files).map(([path, content]) => {
      const get = (): Uint8Array => {
        read.push(path)
        return bytes(content)
      }
      if (content.startsWith('-> ')) return { mode: 'link', path, target: content.slice(3), bytes: get }
      const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
      return { mode: '644', path, size: content.length, integrity, bytes: get }
    })
  }

  function renamed(
    base: Readonly<Record<string, string>>,
    candidates: Readonly<Record<string, Record<string, string>>>,
  ) {
    read.length = 0
    const units = new Map(Object.entries(candidates).map(([name, files]) => [name, unit(files)]))
    return findRenamed(unit(base), units)
  }

  const SKILL = { 'SKILL.md': numbered(0, 40), 'scripts/run.sh': numbered(50, 60), 'old.md': '-> SKILL.md' }
  const OTHER = { 'SKILL.md': numbered(100, 140), 'scripts/run.sh': numbered(150, 160) }

  it('is found by equal files, without reading any', () => {
    expect(renamed(SKILL, { other: OTHER, same: SKILL })).toBe('same')
    expect(read).toEqual([])
  })

  it('is found when its files were edited, also where they moved within it', () => {
    const edited = { 'SKILL.md': `name: new\n${numbered(1, 40)}`, 'bin/run.sh': SKILL['scripts/run.sh'] }
    expect(renamed(SKILL, { other: OTHER, edited })).toBe('edited')
    expect(renamed(SKILL, { edited })).toBe('edited')
    expect(read).not.toContain('scripts/run.sh')
  })

  it('is the one that is most alike', () => {
    const less = { ...SKILL, 'SKILL.md': numbered(10, 40) }
    const more = { ...SKILL, 'SKILL.md': numbered(5, 40) }
    expect(renamed(SKILL, { less, more })).toBe('more')
  })

  it('is none of two that are equally alike', () => {
    expect(renamed(SKILL, { one: SKILL, two: SKILL })).toBeUndefined()
  })

  it('is none with less than half in common, however it is spread', () => {
    expect(renamed(SKILL, { other: OTHER })).toBeUndefined()
    expect(renamed(SKILL, { 'half gone': { 'SKILL.md': numbered(0, 20) } })).toBeUndefined()
    expect(renamed(SKILL, { 'much more': { ...SKILL, 'data.txt': numbered(200, 300) } })).toBeUndefined()
    expect(renamed(SKILL, {})).toBeUndefined()
  })

  it('reads nothing of a candidate that could not be it whatever it held', () => {
    expect(renamed(SKILL, { short: { 'SKILL.md': 'short\n' } })).toBeUndefined()
    expect(read).toEqual([])
  })

  it('does without what cannot be read', () => {
    const unreadable = unit({ ...SKILL, 'SKILL.md': numbered(1, 40) }).map((file) => ({
      ...file,
      bytes: () => undefined,
    }))
    expect(findRenamed(unit(SKILL), new Map([['unreadable', unreadable]]))).toBeUndefined()
  })
})
