import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildProgram } from '../../cli/program.ts'
import { Site, secretOf } from '../support/cli.ts'
import { isForeign } from '../support/foreign-store.ts'
import { runHere } from '../support/in-process.ts'

describe('--json', () => {
  let site: Site
  const used = new Set<string>()

  beforeAll(async () => {
    site = await Site.create({ prepare: runHere })
  })
  afterAll(() => site.remove())

  /** One object on stdout, and nothing else there. */
  async function object(command: string, args: readonly string[], exit = 0) {
    used.add(command)
    const ran = await site.run(
      [...command.split(' '), ...args, '--json', '--home', site.home('json')],
      {},
      runHere,
    )
    expect(ran, command).toMatchObject({ exit })
    const value = JSON.parse(ran.stdout)
    expect(Object.getPrototypeOf(value), command).toBe(Object.prototype)
    expect(ran.stderr.includes('{'), command).toBe(false)
    return value
  }

  it('prints exactly one object, for every command, when it works', async () => {
    const [ci, release] = [site.key('ci'), site.key('release')]
    const ceremony = [
      '--root-key',
      join(site.keys, 'root.sealed.json'),
      '--passphrase-file',
      site.passphraseFile,
      '--key',
      release,
      '--key',
      ci,
    ]
    const at = (name: string) => join(site.directory, name)
    const flags = ['--keys', at('keys-2'), '--passphrase-file', site.passphraseFile]
    const made = await object('init', [site.beside('second'), '--name', 'second', ...flags])
    expect(made).toMatchObject({ root: { version: 1 }, tokens: { stable: expect.any(String) } })
    expect(await object('join', [site.tokens.canary])).toMatchObject({ joined: true, outcome: 'updated' })
    const [, older] = (await object('releases', ['--channel', 'canary'])).releases
    await site.commit({ 'skills/review/SKILL.md': '---\nname: review\ndescription: Reads.\n---\n' })
    expect(await object('publish', ['--key', ci])).toMatchObject({ outcome: 'published', files: 2 })
    expect(await object('pull', ['--check'], 3)).toMatchObject({ outcome: 'pending' })
    expect(await object('pull', [])).toMatchObject({ outcome: 'updated', kept: [] })
    expect(await object('export', ['review', '--zip', '--output', at('bundles')])).toMatchObject({
      exported: [{ skill: 'review', outcome: 'written', file: at('bundles/review.zip') }],
    })
    expect(await object('diff', ['--name-only'])).toMatchObject({ to: 'local files', files: [] })
    expect(await object('rollback', [])).toMatchObject({ current: {}, previous: {} })
    expect(await object('pin', [])).toMatchObject({ current: {} })
    expect(await object('unpin', [])).toMatchObject({ unpinned: {} })
    expect(await object('channel', [])).toMatchObject({ channel: 'canary' })
    expect(await object('try', [])).toEqual({ trial: null, after: 'canary' })
    expect(await object('try', ['--stop'])).toEqual({ ended: null })
    expect(await object('try', ['drafts/none'], 1)).toMatchObject({ error: { code: 'absent' } })
    expect(await object('status', [])).toMatchObject({ drift: [], channel: 'canary' })
    expect(await object('verify', [])).toMatchObject({ drift: [] })
    expect((await object('history', [])).history.length).toBe(3)
    const skill = join(site.home('json'), 'current/skills/review/SKILL.md')
    const text = await readFile(skill, 'utf8')
    await chmod(skill, 0o644)
    await writeFile(skill, `${text}edited\n`)
    await site.git('config', 'user.name', 'Ada')
    await site.git('config', 'user.email', 'ada@example.com')
    expect(await object('propose', ['review', '--repo', site.checkout])).toMatchObject({
      outcome: 'proposed',
      files: [{ path: 'skills/review/SKILL.md', kind: 'modified' }],
    })
    await writeFile(skill, text)
    await mkdir(at('.claude/skills/review'), { recursive: true })
    expect(await object('surface add', ['claude-code'])).toMatchObject({
      isNew: true,
      surface: { name: 'claude-code', root: at('.claude') },
      settled: { shown: { shadowed: ['skills/review'] } },
    })
    expect(await object('surface adopt', ['review'])).toMatchObject({
      adopted: [{ surface: 'claude-code', place: 'skills/review' }],
    })
    expect(await object('surface list', [])).toMatchObject({
      surfaces: [{ entries: 1, shadowed: [], isCurrent: true }],
    })
    expect(await object('edit', ['review'])).toMatchObject({ unit: 'skills/review', isKnown: false })
    const own = at('own')
    await mkdir(own)
    await writeFile(join(own, 'SKILL.md'), `${text}mine\n`)
    const saved = { unit: 'skills/review', outcomes: [{ became: 'kept' }] }
    expect(await object('edits save', ['review', '--from', own])).toMatchObject({ saved: [saved] })
    expect(await object('edits list', [])).toMatchObject({
      edits: [{ unit: 'skills/review', state: 'kept', changes: [{ kind: 'modified' }] }],
      open: [{ unit: 'skills/review' }],
    })
    expect(await object('edits resolve', ['review'])).toMatchObject({ yours: [{ change: 'modified' }] })
    expect(await object('edits bless', ['review', '--why', 'ours'])).toMatchObject({ unit: 'skills/review' })
    expect(await object('edits unbless', ['review'])).toMatchObject({ unit: 'skills/review' })
    expect(await object('edits policy', ['keep', 'review'])).toMatchObject({ rules: [{ policy: 'keep' }] })
    expect(await object('edits drop', ['review'])).toMatchObject({ outcomes: [{ became: 'aside' }] })
    const summary = 'claude-code: 1 of 1 skills visible to Claude Code'
    expect(await object('doctor', [])).toMatchObject({ surfaces: [{ summary }], fixed: [], failed: [] })
    expect(await object('why', ['review'])).toMatchObject({
      place: 'skills/review',
      current: { lastChange: { author: 'Ada' } },
      surfaces: [{ surface: 'claude-code', verdict: { is: 'visible' } }],
    })
    const session = ['--surface', 'claude-code', '--id', 'one']
    expect(await object('session begin', session)).toMatchObject({ surface: 'claude-code', id: 'one' })
    expect(await object('session list', [])).toMatchObject({ sessions: [{ id: 'one' }] })
    expect(await object('session end', session)).toMatchObject({ surface: 'claude-code', id: 'one' })
    expect(await object('surface hook', ['claude-code'])).toMatchObject({ surface: 'claude-code' })
    expect(await object('after-switch', [])).toEqual({ afterSwitch: null })
    expect(await object('surface hook', ['claude-code'])).toMatchObject({ hook: 'none', changed: false })
    expect(await object('surface remove', ['claude-code'])).toMatchObject({ entries: ['skills/review'] })
    const { kept } = await object('kept list', [])
    const kinds = kept.map(({ kind }: { kind: string }) => kind)
    expect(kinds).toEqual(['edits', 'adopted', 'snapshot'])
    const { name: snapshot } = kept.at(-1)
    expect(await object('kept show', [snapshot])).toMatchObject({ kind: 'snapshot', paths: [] })
    expect(await object('kept restore', [snapshot, '--to', at('back')])).toMatchObject({ places: [] })
    expect(await object('leave', ['--yes'])).toMatchObject({ left: ['kept'], surfaces: [] })
    expect(await object('join', [site.tokens.canary])).toMatchObject({ joined: true })
    expect(await object('promote', ['canary', 'stable', '--key', release])).toMatchObject({
      outcome: 'moved',
    })
    expect(
      await object('revert', ['canary', '--to', older.release.version, '--yes', '--key', ci]),
    ).toMatchObject({ outcome: 'moved', version: older.release.version })
    expect(await object('renew', ['--key', ci])).toEqual({ renewed: [], warnings: [] })
    expect(await object('gc', ['--dry-run'])).toMatchObject({ removed: [] })
    expect(await object('inspect', [site.tokens.canary])).toMatchObject({ kind: 'join token' })
    expect(await object('completion', ['bash'])).toMatchObject({ shell: 'bash' })
    const { publicKey } = await object('keys new', [at('alice.key')])
    expect(await object('keys show', [at('alice.key')])).toMatchObject({ publicKey })
    expect(await object('keys add', ['stable', publicKey, ...ceremony])).toMatchObject({ waiting: [] })
    expect(await object('keys list', [])).toMatchObject({ holders: { stable: { threshold: 1 } } })
    expect(await object('keys cosign', ['stable', '--key', at('alice.key')])).toMatchObject({ have: 1 })
    await object('keys threshold', ['stable', '1', ...ceremony])
    const { keyid } = await object('keys show', [at('alice.key')])
    await object('keys remove', ['stable', keyid, ...ceremony])
    await object('keys rotate', [ci, at('ci-2.key'), ...ceremony])
    expect(await object('keys renew', ceremony)).toMatchObject({ waiting: [] })
  })

  it('leaves no command out', () => {
    const all = buildProgram('0.0.0').commands.flatMap((command) =>
      command.commands.length === 0
        ? [command.name()]
        : command.commands.map((sub) => `${command.name()} ${sub.name()}`),
    )
    // Whatever `run` prints is of the command that it runs.
    expect([...used, 'run'].sort()).toEqual(all.sort())
  })

  it('prints exactly one object when it fails, with the code, and nothing on stderr', async () => {
    const failures: [string, string[], number, string][] = [
      ['join', ['nonsense'], 2, 'usage'],
      ['rollback', ['9999'], 1, 'absent'],
      ['publish', ['--key', site.key('release'), '--commit', 'nope'], 1, 'absent'],
      ['keys show', ['/nowhere'], 1, 'absent'],
      ['completion', ['bahs'], 2, 'usage'],
    ]
    for (const [command, args, exit, code] of failures) {
      const { error, ...rest } = await object(command, args, exit)
      expect(error).toMatchObject({ code, message: expect.any(String) })
      expect(rest).toEqual({})
    }
  })

  // Takes a directory away; the server of somebody else stays where it is.
  it.skipIf(isForeign)('tells of a failed check beside what is still running', async () => {
    const { rename } = await import('node:fs/promises')
    await rename(site.store, `${site.store}-away`)
    const { outcome, current, error } = await object('pull', [], 7)
    await rename(`${site.store}-away`, site.store)
    expect({ outcome, error }).toMatchObject({ outcome: 'failed', error: { code: 'absent' } })
    expect(current.version).toMatch(/^2026\.01\./)
  })

  it('never prints a secret key, not even of a key that it has just made', async () => {
    const secret = secretOf(await readFile(join(site.directory, 'alice.key'), 'utf8'))
    const { stdout } = await site.run(['inspect', join(site.directory, 'alice.key')])
    expect(secret).toHaveLength(20)
    expect(stdout).toMatch(/^secret key/)
    expect(stdout).not.toContain(secret)
  })
})
