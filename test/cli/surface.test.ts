/** `skillsctl surface …` as somebody meets it who has not read anything. */
import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'
import { seen } from '../surfaces/fixture.ts'

describe('skillsctl surface', () => {
  let site: Site

  beforeAll(async () => {
    site = await Site.create({ commits: 0 })
    await site.commit({
      'skills/review/SKILL.md': '# review\n',
      'skills/legal-nda/SKILL.md': '# nda\n',
      'commands/go.md': 'go\n',
    })
    await site.publish()
    await site.joined('home')
  })
  afterAll(() => site.remove())

  async function surface(...args: string[]) {
    const { exit, stdout, stderr } = await site.run(
      ['surface', ...args, '--home', site.home('home')],
      {},
      runHere,
    )
    return { exit, said: stdout + stderr }
  }
  const at = (name: string) => join(site.directory, name)

  it('joins where a person has skills already, says what became of them, and leaves again', async () => {
    const home = site.home("it's home")
    const skillsctl = async (...args: string[]) => {
      const { exit, stdout, stderr } = await site.run([...args, '--home', home], {}, runHere)
      return { exit, said: stdout + stderr }
    }
    const own = {
      '.claude/skills/review/SKILL.md': '# review\n',
      '.claude/skills/legal-nda/SKILL.md': 'mine\n',
      '.agents/skills/notes/SKILL.md': 'mine\n',
    }
    for (const [path, text] of Object.entries(own)) {
      await mkdir(join(site.directory, path, '..'), { recursive: true })
      await writeFile(join(site.directory, path), text)
    }
    const there = () => ({
      ...seen(at('.claude')),
      ...seen(at('.agents')),
    })
    const before = there()

    const joined = await skillsctl(
      'join',
      site.tokens.canary,
      '--surface',
      'claude-code,agents,claude-desktop',
    )
    expect(joined.exit).toBe(0)
    expect(joined.said).toMatch(/\n {2}claude-code: 1 of yours equal to the release, taken over\n/)
    expect(joined.said).toMatch(
      /\n {2}to decide: skillsctl surface add claude-code --adopt keep, or --adopt take\n/,
    )
    expect(joined.said).toMatch(/\n {2}! claude-code: skills\/legal-nda is shadowed by something of yours\n/)
    const [, snapshot = ''] = /what was there before: skillsctl kept show (\S+)\n/.exec(joined.said) ?? []
    expect((await skillsctl('kept')).said).toMatch(
      new RegExp(`${snapshot}  what was in .*\\.claude, .*\\.agents before it was filled\\n`),
    )
    expect((await skillsctl('surface', 'add', 'claude-code', '--adopt', 'keep')).said).toContain(
      '  claude-code: skills/legal-nda stays as you have it, as an edit of the release\n',
    )
    expect(await readFile(at('.claude/skills/legal-nda/SKILL.md'), 'utf8')).toBe('mine\n')
    const inTheWay = await skillsctl('kept', 'restore', snapshot)
    expect(inTheWay).toMatchObject({
      exit: 1,
      said: expect.stringContaining('! the release is shown there: '),
    })

    expect(await skillsctl('leave')).toMatchObject({ exit: 1 })
    const left = await skillsctl('leave', '--restore', '--yes')
    expect(left.said).toMatch(/removed claude-code: 3 entries of ours\n/)
    expect(left.said).toContain(`to see what it is: skillsctl kept --home '${home.replace("'", `'\\''`)}'\n`)
    expect(there()).toEqual(before)
    expect(await readdir(home)).toEqual(['kept'])
    expect((await skillsctl('leave', '--yes')).said).toContain('has not joined')
    await rm(at('.claude'), { recursive: true })
    await rm(at('.agents'), { recursive: true })
  })

  it('names every preset, and who reads it, in the help of add', async () => {
    const { said } = await surface('add', '--help')
    expect(said).toContain('\n  agents          Codex, Cursor, Gemini CLI, Copilot, OpenCode\n')
    expect(said).toContain('\n  custom ')
  })

  it('tells what to do when there is none', async () => {
    expect((await surface('list')).said).toMatch(/^no surfaces: .*skillsctl surface add claude-code\n$/)
    expect((await surface('remove', 'agents')).said).toContain(
      'hint: add it with: skillsctl surface add agents',
    )
  })

  it('is what a machine that has joined without any is told of', async () => {
    const joined = (...args: string[]) =>
      site.run(['join', site.tokens.canary, '--home', site.home('told'), ...args], {}, runHere)
    const line = /\nno agent is shown it yet: skillsctl surface add claude-code\n$/
    expect((await joined()).stdout).toMatch(line)
    expect((await joined()).stdout).toMatch(line)
    expect((await joined('--surface', 'agents')).stdout).not.toContain('no agent')
    expect((await joined()).stdout).not.toContain('no agent')
    await site.run(['surface', 'remove', 'agents', '--home', site.home('told')], {}, runHere)
  })

  it('joins, and is added, when another one is in the way of itself; a typo changes nothing', async () => {
    const home = site.home('half')
    const join = (surfaces: string) =>
      site.run(['join', site.tokens.canary, '--home', home, '--surface', surfaces], {}, runHere)
    expect(await join('agents,custom')).toMatchObject({ exit: 2 })
    expect(existsSync(home)).toBe(false)
    await writeFile(at('.claude'), '')
    const { exit, stdout, stderr } = await join('claude-code,agents')
    await rm(at('.claude'))
    expect({ exit, stderr }).toMatchObject({
      exit: 1,
      stderr: expect.stringMatching(/^error: this is not a directory: .*\.claude\n/),
    })
    expect(stdout).toMatch(/^joined canary(.|\n)*! claude-code was not added; .*\nadded agents: links in /)
    await site.run(['surface', 'remove', 'agents', '--home', home], {}, runHere)
  })

  it('says when a pattern fits nothing, and takes it back', async () => {
    const typed = await surface('add', 'agents', '--only', 'leagl-*')
    expect(typed).toMatchObject({ exit: 0 })
    expect(typed.said).toMatch(/nothing of this release fits: look at --folder, --only and --except\n$/)
    expect((await surface('add', 'agents', '--only', 'legal-*')).said).not.toContain(
      'nothing of this release',
    )
    expect(await readdir(at('.agents/skills'))).toEqual(['legal-nda'])
    expect(await surface('add', 'agents', '--only', '')).toMatchObject({ exit: 0 })
    expect(await readdir(at('.agents/skills'))).toEqual(['legal-nda', 'review'])
    expect(await surface('add', 'agents', '--except', 'x'.repeat(70_000))).toMatchObject({ exit: 2 })
    expect((await surface('list')).said).toMatch(/^agents: .*, 2 entries \(link, now\) in .*\/\.agents\n$/)
  })

  it('keeps the order of the list when one is changed, and works in places with odd names', async () => {
    const root = at(`it's "a" place, ü`)
    expect(await surface('add', 'custom', '--as', 'notes', '--root', root)).toMatchObject({ exit: 0 })
    expect((await lstat(join(root, 'skills/review'))).isSymbolicLink()).toBe(true)
    expect(await readFile(join(root, 'skills/review/SKILL.md'), 'utf8')).toBe('# review\n')
    await surface('add', 'agents', '--switch', 'session')
    const { said } = await surface('list')
    expect(said.split('\n').map((line) => line.replace(/:.*/, ''))).toEqual(['agents', 'notes', ''])
    expect((await surface('remove', 'note')).said).toContain('hint: did you mean notes?')
    expect((await surface('remove', 'notes')).said).toBe('removed notes: 2 entries of ours\n')
    expect(await readdir(join(root, 'skills'))).toEqual([])
  })

  it('tells how to adopt what is shadowed, and which it may be', async () => {
    await mkdir(at('.claude/skills/review'), { recursive: true })
    await writeFile(at('.claude/skills/review/SKILL.md'), 'mine\n')
    const added = await surface('add', 'claude-code')
    expect(added.said).toContain('  ! claude-code: skills/review is shadowed by something of yours\n')
    expect((await surface('list')).said).toContain('skillsctl surface adopt skills/review moves it to kept/')
    const typo = await surface('adopt', 'reveiw')
    expect(typo).toMatchObject({ exit: 1, said: expect.stringContaining('hint: did you mean review?') })
    const [, kept = ''] = /yours is in (.+)\n$/.exec((await surface('adopt', 'review')).said) ?? []
    const found = await readdir(kept, { recursive: true })
    expect(found.some((path) => path.endsWith('SKILL.md'))).toBe(true)
  })

  it('offers no choice where no file arrives', async () => {
    const chosen = await surface('add', 'claude-desktop', '--copy')
    expect(chosen).toMatchObject({ exit: 2 })
    expect(chosen.said).toMatch(/nothing to choose but a name[\s\S]+hint: .*skillsctl export --all --zip/)
    expect(await surface('add', 'claude-desktop', '--as', 'team')).toMatchObject({ exit: 0 })
    expect((await surface('list')).said).toContain('team: manual: never exported, not verifiable\n')
  })
})
