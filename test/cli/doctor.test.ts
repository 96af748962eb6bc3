/** `doctor` and `why` as a person runs them: exit codes, lines, and nothing changed unless asked. */
import { mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contents, Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

describe('doctor', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ commits: 1, prepare: runHere })
    await site.commit({ 'skills/review/SKILL.md': '---\nname: review\ndescription: Reviews.\n---\n' })
    await site.publish()
    await site.joined('home')
    await here(['surface', 'add', 'claude-code'])
  })
  afterAll(() => site.remove())

  const here = (args: string[]) => site.run([...args, '--home', site.home('home')], {}, runHere)
  const at = (path: string) => join(site.directory, path)

  it('ends with 0 and a line per surface when nothing is wrong', async () => {
    const before = await contents(site.home('home'))
    const line = 'claude-code: 1 of 1 skills visible to Claude Code\n'
    expect(await site.run(['doctor', '--home', site.home('home')])).toEqual({
      exit: 0,
      stdout: line,
      stderr: '',
    })
    expect(await contents(site.home('home'))).toEqual(before)
  })

  it('with --all tells what is right, and of every skill', async () => {
    const { exit, stdout } = await here(['doctor', '--all'])
    expect({ exit, lines: stdout.split('\n') }).toMatchObject({
      exit: 0,
      lines: expect.arrayContaining(['  skills/review: visible to Claude Code', '+ canary: is followed']),
    })
  })

  it('ends with 1 when something is wrong, with 0 when it has fixed it, and so again', async () => {
    await unlink(at('.claude/skills/review'))
    const broken = await here(['doctor'])
    expect(broken.exit).toBe(1)
    expect(broken.stdout).toMatch(/^! claude-code: entries are missing: skills\/review \(.*doctor --fix/)
    const fixed = await here(['doctor', '--fix'])
    expect(fixed.exit).toBe(0)
    expect(fixed.stdout).toMatch(
      /^fixed: claude-code: entries are missing: skills\/review\nclaude-code: 1 of 1/,
    )
    expect((await here(['doctor', '--fix'])).stdout).toMatch(/^claude-code: 1 of 1/)
  })

  it('ends with 1 after --fix when a person has to do something', async () => {
    await rename(at('.claude/skills'), at('.claude/away'))
    await writeFile(at('.claude/skills'), 'mine')
    const { exit, stdout } = await here(['doctor', '--fix'])
    expect(exit).toBe(1)
    expect(stdout).toMatch(/^! .+skills: a file \(or an alias\) is in its place .move it away/m)
    await rm(at('.claude/skills'))
    expect((await here(['doctor', '--fix'])).exit).toBe(0)
  })

  it('ends with 0 when something of the person has the place of an entry: it stays', async () => {
    await unlink(at('.claude/skills/review'))
    await writeFile(at('.claude/skills/review'), 'mine')
    const { exit, stdout } = await here(['doctor', '--fix'])
    expect(exit).toBe(0)
    expect(stdout).toMatch(
      /^- claude-code: skills\/review: shadowed by .+skillsctl surface adopt skills\/review/m,
    )
    await rm(at('.claude/skills/review'))
    expect((await here(['doctor', '--fix'])).exit).toBe(0)
  })

  it('goes on with the other surfaces when one is odd, and a pull says so once', async () => {
    const path = join(site.home('home'), 'config.json')
    const before = await readFile(path, 'utf8')
    const config = JSON.parse(before)
    await writeFile(path, JSON.stringify({ ...config, surfaces: [...config.surfaces, { name: 'odd' }] }))
    const { exit, stdout } = await here(['doctor'])
    expect({ exit, stdout }).toEqual({
      exit: 1,
      stdout: expect.stringMatching(/^! .+config\.surfaces\[1\]\.preset.+\nclaude-code: 1 of 1/),
    })
    const pulled = await here(['pull'])
    expect(pulled.exit).toBe(0)
    expect(pulled.stderr.match(/a surface cannot be read/g)).toHaveLength(1)
    await writeFile(path, before)
    expect((await here(['doctor'])).exit).toBe(0)
  })

  it('says in a few lines why a skill is what it is', async () => {
    const { exit, stdout } = await here(['why', 'review'])
    expect(exit).toBe(0)
    const [first, from, by, surface, verified, ...rest] = stdout.split('\n')
    expect(first).toMatch(/^skills\/review: 2026\.01\.12-[0-9a-f]{7} on canary$/)
    expect(from).toMatch(
      /^ {2}from commit [0-9a-f]{12} of 2026-01-12T09:00:00Z, by Ada, digest [0-9a-f]{16}$/,
    )
    expect(by).toMatch(/^ {2}last changed in commit [0-9a-f]{12} of 2026-01-12T09:00:00Z, by Ada$/)
    expect(surface).toMatch(
      /^ {2}claude-code: the same bytes, shown with 2026\.01\.12-[0-9a-f]{7} since 2\S+Z, not edited; visible to Claude Code$/,
    )
    expect(verified).toMatch(/^ {2}verified .+ ago, signed 2\S+Z$/)
    expect(rest).toEqual([''])
    const machine = await site.run(['why', 'review', '--home', site.home('home')], { cwd: at('.') }, runHere)
    expect(machine.stdout.split('\n').slice(1, 3)).toEqual([
      from,
      expect.stringMatching(
        /^ {2}came with 2026\.01\.12-\w{7}, commit \w{12} of 2026-01-12T09:00:00Z, by Ada$/,
      ),
    ])
  })

  it('does not say of what is not there, or not ours, that it is active', async () => {
    const onSurface = async () => {
      const line = (await here(['why', 'review'])).stdout.split('\n')[3]
      const [shown] = JSON.parse((await here(['why', 'review', '--json'])).stdout).surfaces
      return { line, is: shown.is, hasActive: 'active' in shown }
    }
    await unlink(at('.claude/skills/review'))
    expect(await onSurface()).toEqual({
      line: '  claude-code: nothing; to have it made again: skillsctl doctor --fix',
      is: 'missing',
      hasActive: false,
    })
    await mkdir(at('.claude/skills/review'))
    expect(await onSurface()).toEqual({
      line: `  claude-code: yours, not of the release; shadowed by ${at('.claude/skills/review')}`,
      is: 'taken',
      hasActive: false,
    })
    await rm(at('.claude/skills/review'), { recursive: true })
    await here(['doctor', '--fix'])
    expect(await onSurface()).toMatchObject({ is: 'ours', hasActive: true })
  })
})
