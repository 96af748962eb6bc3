/** What a person at a terminal sees; through script(1) of util-linux, which gives the command a terminal. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSPHRASE } from '../support/cheap-keys.ts'
import { BARE, Site, shellCommand } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

const HAS_SCRIPT = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '')

/** What to type when the terminal shows this. */
type Dialogue = readonly [shows: string, type: string][]

describe('without a terminal', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ commits: 1, prepare: runHere })
  })
  afterAll(() => site.remove())

  it('nothing is asked: a passphrase comes from a file, or the command says so', async () => {
    const args = ['init', site.beside('second'), '--name', 'other', '--keys', join(site.directory, 'other')]
    const { exit, stdout, stderr } = await site.run(args, { input: `${PASSPHRASE}\n${PASSPHRASE}\n` })
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    expect(stderr).toContain('no terminal to ask for the passphrase')
    expect(stderr).toContain('--passphrase-file')
    await expect(readdir(join(site.directory, 'other'))).rejects.toThrow('ENOENT')
    const byEnvironment = { SKILLSCTL_PASSPHRASE_FILE: site.passphraseFile }
    expect(await site.run(args, { env: byEnvironment })).toMatchObject({ exit: 0 })
  })

  it('a passphrase that is too short, or a file that is empty, is refused', async () => {
    const file = join(site.directory, 'empty')
    for (const text of ['', '\n', 'short\n']) {
      await writeFile(file, text)
      const { exit, stderr } = await site.run(['init', site.beside('third'), '--passphrase-file', file])
      expect(exit).toBe(2)
      expect(stderr).toContain('at least 12 characters')
    }
  })

  it('a step back is not made without --yes', async () => {
    const machine = await site.joined('back')
    await site.run(['promote', 'canary', 'stable', '--key', site.key('release')], {}, runHere)
    await site.commit({ 'skills/review/SKILL.md': '# newer\n' })
    await site.publish()
    await machine(['pull'], {}, runHere)
    const asked = await machine(['channel', 'stable'], { input: 'y\n' })
    expect(asked.exit).toBe(1)
    expect(asked.stderr).toMatch(/hint: .*--yes/)
    expect((await machine(['channel'])).stdout).toBe('canary\n')
    expect(await machine(['channel', 'stable', '--yes'])).toMatchObject({ exit: 0 })
  })
})

describe.skipIf(!HAS_SCRIPT)('at a terminal', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ commits: 1, prepare: runHere })
    await site.run(['promote', 'canary', 'stable', '--key', site.key('release')], {}, runHere)
    await site.commit({ 'skills/review/SKILL.md': '# newer\n' })
    await site.publish()
    await mkdir(join(site.directory, 'outside'))
  })
  afterAll(() => site.remove())

  function talk(args: readonly string[], dialogue: Dialogue, env: NodeJS.ProcessEnv = {}) {
    const child = spawn(
      'script',
      ['--quiet', '--return', '--command', `exec ${shellCommand(args)}`, '/dev/null'],
      {
        cwd: join(site.directory, 'outside'),
        env: { ...BARE, TERM: 'xterm', SHELL: '/bin/sh', HOME: site.directory, ...env },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    const left = [...dialogue]
    let [screen, unanswered] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text
      unanswered += text
      const [next] = left
      if (next === undefined || !unanswered.includes(next[0])) return
      left.shift()
      unanswered = ''
      child.stdin.write(next[1])
    })
    return new Promise<{ exit: number | null; screen: string; left: number }>((resolve) => {
      child.on('close', (exit) => resolve({ exit, screen, left: left.length }))
    })
  }

  const init = (name: string) => ['init', site.beside(name), '--name', name]

  it('a passphrase is asked for twice and never shown', async () => {
    const { exit, screen, left } = await talk(init('one'), [
      ['passphrase for the root key: ', `${PASSPHRASE}\r`],
      ['once more: ', `${PASSPHRASE}\r`],
    ])
    expect({ exit, left }).toEqual({ exit: 0, left: 0 })
    expect(screen).toContain('created one')
    expect(screen).not.toContain(PASSPHRASE)
    expect(await readdir(join(site.directory, '.config/skillsctl/keys/one'))).toHaveLength(3)
  })

  it.each([
    ['two different passphrases', 'another one entirely\r', 'the two passphrases differ', 2],
    ['Ctrl-C', '\u0003', 'cancelled; nothing was changed', 1],
    ['Ctrl-D', '\u0004', 'cancelled; nothing was changed', 1],
  ])('%s: no key is made', async (_name, second, says, expected) => {
    const { exit, screen } = await talk(init('none'), [
      ['passphrase for the root key: ', `${PASSPHRASE}\r`],
      ['once more: ', second],
    ])
    expect(exit).toBe(expected)
    expect(screen).toContain(says)
    expect(screen).not.toMatch(/unsettled|Warning/)
    await expect(readdir(join(site.directory, '.config/skillsctl/keys/none'))).rejects.toThrow('ENOENT')
  })

  it('a step back is asked about, and made only for a yes', async () => {
    await site.joined('asked')
    const channel = ['channel', 'stable', '--home', site.home('asked')]
    expect((await talk(channel, [['[y/N] ', '\r']])).exit).toBe(1)
    const yes = await talk(channel, [['[y/N] ', 'y\r']])
    expect(yes).toMatchObject({ exit: 0, screen: expect.stringContaining('following stable') })
  })

  it('what a person has already is asked about once, and Ctrl-C adds nothing', async () => {
    const machine = await site.joined('met')
    const mine = join(site.directory, '.claude/skills/review/SKILL.md')
    await mkdir(join(mine, '..'), { recursive: true })
    await writeFile(mine, 'mine\n')
    const add = ['surface', 'add', 'claude-code', '--home', site.home('met')]
    const question = 'skip them for now? [keep/take/skip] '
    expect(await talk(add, [[question, '\u0003']])).toMatchObject({ exit: 1, left: 0 })
    expect((await machine(['surface', 'list'], {}, runHere)).stdout).toMatch(/^no surfaces/)
    const kept = await talk(add, [[question, 'k\r']])
    expect(kept).toMatchObject({ exit: 0, screen: expect.stringContaining('claude-code: skills/review\r\n') })
    expect(kept.screen).toContain('skills/review stays as you have it, as an edit of the release')
    expect(await talk(add, [[question, 't\r']])).toMatchObject({ exit: 0, left: 1 })
    await machine(['leave', '--yes'], {}, runHere)
  })

  it('Ctrl-C is for the command under skillsctl run, once', async () => {
    await site.joined('interrupted')
    const code = `
      let count = 0
      process.on('SIGINT', () => { count += 1; console.log('interrupted'); setTimeout(() => process.exit(count), 250) })
      setInterval(() => {}, 1000)
      console.log('ready')`
    const args = ['--home', site.home('interrupted'), 'run', '--', process.execPath, '-e', code]
    expect(await talk(args, [['ready', '\u0003']])).toMatchObject({ exit: 1, left: 0 })
  })

  it('errors are coloured, but not with NO_COLOR or on a dumb terminal', async () => {
    const mistake = ['rollback', '--home', site.home('nobody')]
    expect((await talk(mistake, [])).screen).toContain('\u001b[31merror:')
    expect((await talk(mistake, [], { NO_COLOR: '1' })).screen).not.toContain('\u001b')
    expect((await talk(mistake, [], { TERM: 'dumb' })).screen).not.toContain('\u001b')
  })
})
