import { describe, expect, it } from 'vitest'
import { Links } from '../../src/core/linked.ts'
import type { Entry } from '../../src/core/manifest.ts'

/** `path` is a file, `path -> target` a link; all of the skill `skills/a`. */
function tree(...lines: string[]) {
  const entries = lines.map((line): Entry => {
    const [path = '', target] = line.split(' -> ')
    const place = `skills/a/${path}`
    if (target !== undefined) return { mode: 'link', path: place, target }
    return { mode: '644', path: place, size: 1, integrity: `sha256-${'A'.repeat(43)}=` }
  })
  const { files, problems } = new Links(entries).withoutLinks('skills/a')
  return {
    files: files.map(({ path, from }) => `${path} = ${from.slice('skills/a/'.length)}`),
    problems: problems.map(({ path, problem }) => `${path} ${problem}`),
  }
}

describe('a directory without links', () => {
  it('has what each link leads to in its place', () => {
    expect(tree('SKILL.md', 'doc/b', 'doc/c -> b', 'x -> doc/c', 'y -> ./doc/../SKILL.md')).toEqual({
      files: ['SKILL.md = SKILL.md', 'doc/b = doc/b', 'doc/c = doc/b', 'x = doc/b', 'y = SKILL.md'],
      problems: [],
    })
  })

  it('has whole directories in the place of links to them, through other links as well', () => {
    expect(tree('d/e/f', 'd/g -> e', 'h -> d', 'i -> h/g/f')).toEqual({
      files: ['d/e/f = d/e/f', 'd/g/f = d/e/f', 'h/e/f = d/e/f', 'h/g/f = d/e/f', 'i = d/e/f'],
      problems: [],
    })
  })

  it.each([
    ['x -> ../b/SKILL.md', 'x leads out of the skill, to ../b/SKILL.md'],
    ['d/x -> ../../../README.md', 'd/x leads out of the skill, to ../../../README.md'],
    ['x -> gone', 'x leads nowhere, to gone'],
    ['x -> gone/../SKILL.md', 'x leads nowhere, to gone/../SKILL.md'],
    ['x -> SKILL.md/', 'x leads nowhere, to SKILL.md/'],
    ['x -> ../a/SKILL.md', 'x leads out of the skill, to ../a/SKILL.md'],
    ['x -> .', 'x leads to a directory that it is in'],
    ['d/x -> ../d', 'd/x leads to a directory that it is in'],
  ])('is not there with %s', (line, problem) => {
    const { problems } = tree('SKILL.md', line)
    expect(problems).toEqual([problem])
  })

  it('is not there with directories that lead into each other', () => {
    const { problems } = tree('a/x -> ../b', 'b/y -> ../a')
    expect(problems).toContain('a/x leads to a directory that it is in')
  })

  it('ends where links stand for more files than anybody wants', () => {
    const levels = Array.from({ length: 20 }, (_, level) => level)
    const doubled = levels.flatMap((level) => [
      `d${level}/x -> ../d${level + 1}`,
      `d${level}/y -> ../d${level + 1}`,
    ])
    const { problems } = tree(...doubled, 'd20/f')
    expect(problems).toEqual(['skills/a holds more than 10000 files'])
  })
})
