import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../src/core/manifest.ts'
import { branchName, commitMessage, fileEdits } from '../../src/core/proposal.ts'

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const file = (path: string, content = '', mode: '644' | '755' = '644'): Entry => ({
  mode,
  path,
  size: content.length,
  integrity: `sha256-${createHash('sha256').update(content).digest('base64')}`,
})
const link = (path: string, target: string): Entry => ({ mode: 'link', path, target })

test('what a person did to each file is told apart', () => {
  const base = [file('s/same'), file('s/text', 'old'), file('s/run'), file('s/gone'), link('s/a', 'same')]
  const now = [file('s/new'), file('s/same'), file('s/text', 'new'), file('s/run', '', '755'), file('s/a')]
  expect(fileEdits(base, now).map(({ path, kind }) => `${kind} ${path}`)).toEqual([
    'modified s/a',
    'deleted s/gone',
    'added s/new',
    'mode s/run',
    'modified s/text',
  ])
})

describe('the commit message', () => {
  const occasion = {
    machine: 'mini',
    version: '2026.11.20-3f2a9c1',
    unit: 'skills/quarterback',
    why: undefined,
  }
  const trailers =
    'Skillsctl-Machine: mini\nSkillsctl-Release: 2026.11.20-3f2a9c1\nSkillsctl-Skill: skills/quarterback\n'

  test('names machine, release and skill', () => {
    expect(commitMessage(occasion)).toBe(`quarterback: edited on mini\n\n${trailers}`)
  })

  test('has the reason as its subject, and the rest of it below', () => {
    const why = 'call plays by name\n\nThe numbers were taken.\n'
    expect(commitMessage({ ...occasion, why })).toBe(
      `quarterback: call plays by name\n\nThe numbers were taken.\n\n${trailers}`,
    )
  })

  test('has a reason that is too long for a subject whole, below', () => {
    const why = 'because '.repeat(20).trim()
    expect(commitMessage({ ...occasion, why })).toBe(`quarterback: edited on mini\n\n${why}\n\n${trailers}`)
  })

  test('steers no terminal, and gets no line from a name', () => {
    const message = commitMessage({
      machine: 'mini\nSkillsctl-Skill: other',
      version: 'v\u001b[31m',
      unit: 'skills/a\rb\u202e',
      why: 'x\u0007y\u001b]0;z\u{e0041}',
    })
    expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u{e0041}]/u)
    expect(message.split('\n')).toHaveLength(6)
  })
})

describe('the name of the branch', () => {
  const base = [file('skills/a/SKILL.md', 'old')]
  const edit = [file('skills/a/SKILL.md', 'new')]
  const name = (unit = 'skills/a', before = base, after = edit) => branchName(unit, before, after, hash)

  test('is the same for the same edit, in whatever order it is listed', () => {
    const two = [...edit, file('skills/a/z')]
    expect(name('skills/a', base, two)).toBe(name('skills/a', base, [...two].reverse()))
  })

  test('is another for another edit, another base or another skill', () => {
    const names = [name(), name('skills/b'), name('skills/a', []), name('skills/a', base, []), name('b')]
    expect(new Set(names).size).toBe(names.length)
  })

  test('says which skill it is about', () => {
    expect(name('skills/quarterback')).toMatch(/^skillsctl\/quarterback-[0-9a-f]{8}$/)
    expect(name('commands/plan.md')).toMatch(/^skillsctl\/commands-plan\.md-[0-9a-f]{8}$/)
  })

  test('is one that git takes, whatever the skill is called', () => {
    const odd = ['..', '-x', '.hidden', 'a..b', 'a@{1}', 'x.lock', 'a b~^:?*[\\', 'ü/é', '日本語'.repeat(40)]
    const names = [...odd, '😀', '\ud800', '', '/', 'a\u0000b', '@', 'HEAD'].map((unit) =>
      name(`skills/${unit}`),
    )
    for (const branch of names) {
      expect(spawnSync('git', ['check-ref-format', '--branch', branch]).status, branch).toBe(0)
      expect(Buffer.byteLength(branch.slice('skillsctl/'.length))).toBeLessThan(250)
    }
  })
})
