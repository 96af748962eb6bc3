/** Joining where a person has skills already, and leaving again, as somebody sees it who has not read anything. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'
import { seen } from '../surfaces/fixture.ts'

let site: Site

beforeAll(async () => {
  site = await Site.create({ commits: 0, prepare: runHere })
  await site.commit({
    'skills/review/SKILL.md': '# review\n',
    'skills/nda/SKILL.md': '# nda\n',
    'skills/plan/SKILL.md': '# plan\n',
  })
  await site.publish()
})
afterAll(() => site.remove())

it('is told what became of what was there, and gets it back', async () => {
  const home = site.home("it's home")
  const skillsctl = async (...args: string[]) => {
    const { exit, stdout, stderr } = await site.run([...args, '--home', home], {}, runHere)
    return { exit, said: stdout + stderr }
  }
  const own = {
    '.claude/skills/review/SKILL.md': '# review\n',
    '.claude/skills/nda/SKILL.md': 'mine\n',
    '.agents/skills/notes/SKILL.md': 'mine\n',
  }
  for (const [path, text] of Object.entries(own)) {
    await mkdir(join(site.directory, path, '..'), { recursive: true })
    await writeFile(join(site.directory, path), text)
  }
  const there = () => ({
    ...seen(join(site.directory, '.claude')),
    ...seen(join(site.directory, '.agents')),
  })
  const before = there()

  const joined = await skillsctl('join', site.tokens.canary, '--surface', 'claude-code,agents,claude-desktop')
  expect(joined.exit).toBe(0)
  expect(joined.said).toMatch(/\n {2}claude-code: 1 of yours equal to the release, taken over\n/)
  expect(joined.said).toMatch(
    /\n {2}to decide: skillsctl surface add claude-code --adopt keep, or --adopt take\n/,
  )
  expect(joined.said).toMatch(/\n {2}! claude-code: skills\/nda is shadowed by something of yours\n/)
  const [, snapshot = ''] = /what was there before: skillsctl kept show (\S+)\n/.exec(joined.said) ?? []
  expect((await skillsctl('kept')).said).toMatch(
    new RegExp(`${snapshot}  what was in .*\\.claude, .*\\.agents before it was filled\\n`),
  )
  expect((await skillsctl('surface', 'add', 'claude-code', '--adopt', 'keep')).said).toContain(
    '  claude-code: skills/nda stays as you have it, as an edit of the release\n',
  )
  expect(await readFile(join(site.directory, '.claude/skills/nda/SKILL.md'), 'utf8')).toBe('mine\n')
  const inTheWay = await skillsctl('kept', 'restore', snapshot)
  expect(inTheWay).toMatchObject({ exit: 1, said: expect.stringContaining('! the release is shown there: ') })

  expect(await skillsctl('leave')).toMatchObject({ exit: 1 })
  const left = await skillsctl('leave', '--restore', '--yes')
  expect(left.said).toMatch(/removed claude-code: 3 entries of ours\n/)
  expect(left.said).toContain(`to see what it is: skillsctl kept --home '${home.replace("'", `'\\''`)}'\n`)
  expect(there()).toEqual(before)
  expect(await readdir(home)).toEqual(['kept'])
  expect((await skillsctl('leave', '--yes')).said).toContain('has not joined')
  // And it can join again.
  expect(await skillsctl('join', site.tokens.canary)).toMatchObject({ exit: 0 })
})
