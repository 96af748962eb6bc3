import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { replaceFile } from '../../src/disk/replace-file.ts'
import { heldHere } from '../../src/flows/follow-surfaces.ts'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { findHook, installHook, removeHook } from '../../src/flows/surface-hook.ts'
import { layoutOf } from '../../src/home/layout.ts'
import { readClaudeSettings } from '../../src/surfaces/claude-settings.ts'
import { hookCommand, isHookCommand } from '../../src/surfaces/hook-command.ts'
import { ledgerNames } from '../../src/surfaces/ledger.ts'
import { withHooks, withoutHooks } from '../../src/surfaces/settings-text.ts'
import { execute } from '../support/cli.ts'
import { createSurfaceHome, type SurfaceHome } from '../support/surface-home.ts'
import { temporaryDirectory } from '../support/team.ts'
import { isRoot } from '../support/unprivileged.ts'

const NAME = 'claude-code'
const PROGRAM = { node: '/opt/node/bin/node', program: '/opt/skillsctl/dist/hook/main.cjs' }
const OTHER_NODE = { ...PROGRAM, node: '/opt/node-22/bin/node' }
const MINE = '{ "type": "command", "command": "say hello" }'

async function withSettings(text?: string): Promise<SurfaceHome & { path: string; read(): Promise<string> }> {
  const home = await createSurfaceHome()
  const path = join(await home.add(), 'settings.json')
  if (text !== undefined) await writeFile(path, text)
  return { ...home, path, read: () => readFile(path, 'utf8') }
}

/** Settings as people and programs write them. */
const SETTINGS: readonly [name: string, text: string][] = [
  ['empty', '{}'],
  ['empty, with a line end', '{}\n'],
  ['empty, over two lines', '{\n}\n'],
  ['in one line', '{"model":"opus","env":{"A":"1"}}'],
  ['indented by two', '{\n  "model": "opus",\n  "permissions": {\n    "allow": ["a", "b"]\n  }\n}\n'],
  ['indented by tabs, without a last line end', '{\n\t"model": "opus"\n}'],
  ['with CRLF', '{\r\n    "model": "opus"\r\n}\r\n'],
  ['oddly formatted', '{ "a" : [1,\n2 ,3],\n\n"z":{}  ,"b": null\n   }'],
  ['with no hooks in it', '{\n  "hooks": {}\n}\n'],
  ['with an empty list of hooks', '{\n  "hooks": { "SessionStart": [] },\n  "model": "opus"\n}\n'],
  [
    'with hooks of the person',
    `{\n  "hooks": {\n    "SessionStart": [\n      { "hooks": [ ${MINE} ] }\n    ],\n    "Stop": []\n  }\n}\n`,
  ],
  [
    'with hooks of the person on a line',
    `{"hooks":{"SessionEnd":[{"hooks":[${MINE}]}]},"x":"\u{1f3c8} é"}\n`,
  ],
  ['with hooks twice, of which the last counts', '{"hooks":{"Stop":[]},"hooks":{}}'],
]

// Whoever runs the tests may have a home of their own.
beforeEach(async () => {
  vi.stubEnv('HOME', await temporaryDirectory())
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('a hook', () => {
  test.each(SETTINGS)(
    'in settings %s is there once, everything else as it was, and gone without a trace',
    async (_name, text) => {
      const home = await withSettings(text)
      expect(await installHook(home.context, NAME, PROGRAM)).toMatchObject({
        hook: 'installed',
        changed: true,
      })
      const installed = await home.read()
      const before = JSON.parse(text)
      const after = JSON.parse(installed)
      for (const event of ['SessionStart', 'SessionEnd']) {
        const theirs = before.hooks?.[event] ?? []
        const ours = { type: 'command', command: hookCommand(PROGRAM, NAME), timeout: 5 }
        expect(after.hooks[event]).toEqual([...theirs, { hooks: [ours] }])
      }
      expect({ ...after, hooks: undefined }).toEqual({ ...before, hooks: undefined })
      expect(await installHook(home.context, NAME, PROGRAM)).toMatchObject({ changed: false })
      expect(await home.read()).toBe(installed)
      expect(await removeHook(home.context, NAME)).toMatchObject({ hook: 'none', changed: true })
      expect(await home.read()).toBe(text)
    },
  )

  test('is no surface, of which something might be read: releases go as they do without it', async () => {
    const { context, update } = await withSettings('{}')
    const { directory } = await update({ 'skills/a/SKILL.md': 'a' })
    await installHook(context, NAME, PROGRAM)
    expect(ledgerNames(context.layout)).toEqual([NAME])
    await mkdir(join(context.layout.releases, '2026.01.01-0123456'))
    expect(await heldHere(context)).toEqual(new Set([directory]))
  })

  test('leaves what a person writes, whatever it is put around', async () => {
    for (const [, text] of SETTINGS.slice(3)) {
      const events = ['SessionStart', 'SessionEnd']
      const installed = withHooks(text, events, { command: hookCommand(PROGRAM, NAME), timeout: 5 }, 'x')
      const rest = withoutHooks(installed, (command) => isHookCommand(command, NAME), 'x')
      expect({ hooks: {}, ...JSON.parse(rest) }).toEqual({
        ...JSON.parse(text),
        hooks: JSON.parse(rest).hooks ?? {},
      })
    }
  })

  test('makes settings where there are none, for nobody else to read, and takes them away again', async () => {
    const home = await withSettings()
    expect(await findHook(home.context, NAME, PROGRAM)).toMatchObject({ hook: 'none', path: home.path })
    await installHook(home.context, NAME, PROGRAM)
    expect((await stat(home.path)).mode & 0o777).toBe(0o600)
    expect(await findHook(home.context, NAME, PROGRAM)).toMatchObject({ hook: 'installed' })
    await removeHook(home.context, NAME)
    await expect(stat(home.path)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await removeHook(home.context, NAME)).toMatchObject({ hook: 'none', changed: false })
  })

  test('of another Node is replaced, and what was there before either comes back', async () => {
    const [, text] = SETTINGS[4] ?? ['', '']
    const home = await withSettings(text)
    await installHook(home.context, NAME, OTHER_NODE)
    expect(await findHook(home.context, NAME, PROGRAM)).toMatchObject({ hook: 'other' })
    await installHook(home.context, NAME, PROGRAM)
    expect(await home.read()).not.toContain(OTHER_NODE.node)
    expect((await home.read()).split(PROGRAM.program).length - 1).toBe(4)
    await removeHook(home.context, NAME)
    expect(await home.read()).toBe(text)
  })

  test('goes from settings that were changed since, and what was changed stays', async () => {
    const home = await withSettings('{\n  "model": "opus"\n}\n')
    await installHook(home.context, NAME, PROGRAM)
    const text = (await home.read()).replace('"opus"', '"sonnet",\n  "theme": "dark"')
    await writeFile(home.path, text)
    await removeHook(home.context, NAME)
    expect(await home.read()).toBe('{\n  "model": "sonnet",\n  "theme": "dark"\n}\n')
  })

  test('stays where it is when a person has added another behind it', async () => {
    const home = await withSettings()
    await installHook(home.context, NAME, PROGRAM)
    const settings = JSON.parse(await home.read())
    settings.hooks.SessionStart.push({ hooks: [JSON.parse(MINE)] })
    await writeFile(home.path, JSON.stringify(settings, null, 4))
    expect(await installHook(home.context, NAME, PROGRAM)).toMatchObject({ changed: false })
    await removeHook(home.context, NAME)
    expect(JSON.parse(await home.read())).toEqual({
      hooks: { SessionStart: [{ hooks: [JSON.parse(MINE)] }] },
    })
  })

  test.runIf(isRoot)('leaves the file to its owner when somebody with all rights installs it', async () => {
    const { context, path } = await withSettings('{}\n')
    await chown(path, 1234, 2345)
    await installHook(context, NAME, PROGRAM)
    expect(await stat(path)).toMatchObject({ uid: 1234, gid: 2345 })
  })

  test('is written through a link, and keeps the mode', async () => {
    const home = await withSettings()
    const dotfiles = await temporaryDirectory()
    const target = join(dotfiles, 'claude.json')
    await writeFile(target, '{}\n')
    await chmod(target, 0o640)
    await symlink(target, home.path)
    await installHook(home.context, NAME, PROGRAM)
    expect((await lstat(home.path)).isSymbolicLink()).toBe(true)
    expect(await readFile(target, 'utf8')).toContain(PROGRAM.program)
    expect((await stat(target)).mode & 0o777).toBe(0o640)
    await removeHook(home.context, NAME)
    expect((await lstat(home.path)).isSymbolicLink()).toBe(true)
    expect(await readFile(target, 'utf8')).toBe('{}\n')
  })

  test.each([
    ['text', 'model: opus', 'a mistake in line 1'],
    ['an empty file', '', 'nothing'],
    ['JSON behind a byte order mark', '\uFEFF{}', 'a byte order mark before it'],
    ['JSON with a comment', '{\n  // mine\n  "a": 1\n}', 'a mistake in line 2'],
    ['JSON that is cut short', '{"a": 1', 'a mistake in line 1'],
    ['a list', '[]', 'array'],
    ['hooks that are a list', '{"hooks": []}', 'an entry of type array'],
    ['an event that is no list', '{"hooks": {"SessionStart": {}}}', 'an entry of type object'],
  ])('is refused by settings that are %s, which stay as they are', async (_name, text, found) => {
    const home = await withSettings(text)
    for (const work of [installHook, removeHook, findHook])
      await expect(work(home.context, NAME, PROGRAM)).rejects.toMatchObject({
        code: 'corrupt',
        subject: home.path,
        found,
      })
    expect(await home.read()).toBe(text)
  })

  test('is refused by a pipe in place of settings, instead of waiting for it with the lock', async () => {
    const home = await withSettings()
    await execute('mkfifo', [home.path])
    for (const work of [installHook, removeHook, findHook])
      await expect(work(home.context, NAME, PROGRAM)).rejects.toMatchObject({ code: 'refused' })
    expect(
      readClaudeSettings(dirname(home.path), {
        user: { directory: home.user, variables: {} },
        platform: 'linux',
        root: home.user,
      }).unreadable,
    ).toEqual([home.path])
  })

  test('is refused by bytes that are no text, and by a link that leads nowhere', async () => {
    const home = await withSettings()
    const bytes = Buffer.from('{"a":"\xff"}', 'latin1')
    await writeFile(home.path, bytes)
    await expect(installHook(home.context, NAME, PROGRAM)).rejects.toMatchObject({ code: 'corrupt' })
    expect(await readFile(home.path)).toEqual(bytes)
    await rm(home.path)
    await symlink('/nowhere/settings.json', home.path)
    await expect(installHook(home.context, NAME, PROGRAM)).rejects.toMatchObject({ code: 'absent' })
  })

  test('loses nothing that somebody writes at the same time', async () => {
    const home = await withSettings('{"a":1}')
    const before = await readFile(home.path)
    await writeFile(home.path, '{"a":2}')
    expect(await replaceFile(home.path, before, 'ours')).toBe(false)
    expect(await replaceFile(home.path, before, undefined)).toBe(false)
    expect(await replaceFile(home.path, undefined, 'ours')).toBe(false)
    expect(await home.read()).toBe('{"a":2}')
    await installHook(home.context, NAME, PROGRAM)
    expect(JSON.parse(await home.read())).toMatchObject({ a: 2, hooks: {} })
  })

  test('is nothing that other agents have', async () => {
    const home = await createSurfaceHome()
    const root = join(home.user, 'notes')
    const { addSurface } = await import('../../src/flows/surface.ts')
    await addSurface(home.context, 'agents', { root }, { directory: home.user, variables: {} })
    await expect(installHook(home.context, 'agents', PROGRAM)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(installHook(home.context, NAME, PROGRAM)).rejects.toMatchObject({ code: 'absent' })
  })

  test('goes with its surface, which goes also when nobody can read the settings', async () => {
    const home = await withSettings('{}\n')
    await installHook(home.context, NAME, PROGRAM)
    await removeSurface(home.context, NAME)
    expect(await home.read()).toBe('{}\n')
    await home.add()
    await writeFile(home.path, 'not JSON')
    const emit = vi.fn()
    await removeSurface({ ...home.context, emit }, NAME)
    expect(emit).toHaveBeenCalledWith(expect.objectContaining({ status: 'warning' }))
    expect(await home.read()).toBe('not JSON')
  })
})

describe('a hook of another home', () => {
  /** Two homes of one person, of which the first has its hook in the settings of both. */
  async function twoHomes() {
    const first = await withSettings('{\n  "model": "opus"\n}\n')
    const programOf = ({ layout }: Pick<SurfaceHome, 'layout'>) => ({ ...PROGRAM, home: layout.root })
    const before = await first.read()
    await installHook(first.context, NAME, programOf(first))
    const second = await createSurfaceHome()
    await second.add({ root: join(first.user, '.claude') })
    return { first, second, before, one: programOf(first), two: programOf(second), text: await first.read() }
  }

  test('is told of, and stays when ours comes and goes', async () => {
    const { first, second, before, one, two, text } = await twoHomes()
    const otherHomes = [first.layout.root]
    expect(await findHook(second.context, NAME, two)).toMatchObject({ hook: 'foreign', otherHomes })
    expect(await removeHook(second.context, NAME)).toMatchObject({ changed: false, otherHomes })
    expect(await first.read()).toBe(text)
    expect(await installHook(second.context, NAME, two)).toMatchObject({ hook: 'installed', otherHomes })
    expect(await findHook(second.context, NAME, two)).toMatchObject({ hook: 'installed' })
    expect(await findHook(first.context, NAME, one)).toMatchObject({
      hook: 'installed',
      otherHomes: [second.layout.root],
    })
    await removeSurface(second.context, NAME)
    expect(await first.read()).toBe(text)
    await removeSurface(first.context, NAME)
    expect(await first.read()).toBe(before)
  })

  test('stays whichever of the two goes first', async () => {
    const { first, second, before, two } = await twoHomes()
    await installHook(second.context, NAME, two)
    await removeHook(first.context, NAME)
    expect(await findHook(second.context, NAME, two)).toMatchObject({ hook: 'installed', otherHomes: [] })
    await removeHook(second.context, NAME)
    expect(await first.read()).toBe(before)
  })

  test('is left alone by a copy of that home, which knows how to undo it', async () => {
    const { first, text } = await twoHomes()
    const root = join(await temporaryDirectory(), `it's a copy`)
    await cp(first.layout.root, root, { recursive: true, verbatimSymlinks: true })
    const copy = { ...first.context, layout: layoutOf(root) }
    expect(await findHook(copy, NAME, { ...PROGRAM, home: root })).toMatchObject({ hook: 'foreign' })
    await removeSurface(copy, NAME)
    expect(await first.read()).toBe(text)
  })

  test('is ours when that home has moved here, or has gone', async () => {
    const { first, one, two, second, before } = await twoHomes()
    const link = join(await temporaryDirectory(), 'link')
    await symlink(first.layout.root, link)
    const linked = { ...first.context, layout: layoutOf(link) }
    expect(await findHook(linked, NAME, one)).toMatchObject({ hook: 'installed', otherHomes: [] })
    await rename(first.layout.config, `${first.layout.config}.gone`)
    expect(await findHook(second.context, NAME, two)).toMatchObject({ hook: 'other', otherHomes: [] })
    await installHook(second.context, NAME, two)
    expect(await first.read()).not.toContain(first.layout.root)
    await removeHook(second.context, NAME)
    expect(await first.read()).toBe(before)
  })

  test('names no home when it is of the default one', async () => {
    const { first, second, two } = await twoHomes()
    const usual = join(process.env['HOME'] ?? '', '.local/share/skillsctl')
    await writeFile(first.path, '{}\n')
    await cp(first.layout.root, usual, { recursive: true, verbatimSymlinks: true })
    await installHook({ layout: layoutOf(usual) }, NAME, PROGRAM)
    const text = await first.read()
    expect(await findHook(second.context, NAME, two)).toMatchObject({ hook: 'foreign', otherHomes: [usual] })
    await removeHook(second.context, NAME)
    expect(await first.read()).toBe(text)
  })
})

describe('the command of a hook', () => {
  const shells = ['sh', 'bash', 'dash', 'zsh', 'fish']

  test('runs the program in any shell, whatever its path is called, and ends with 0 when it has gone', async () => {
    const directory = join(await temporaryDirectory(), `it's "my" $HOME \\ é`)
    await mkdir(directory)
    const program = join(directory, 'main.cjs')
    await writeFile(
      program,
      'console.log(JSON.stringify(process.argv.slice(2))); console.error("x"); process.exit(3)',
    )
    const there = { node: process.execPath, program, home: `${directory}/home` }
    for (const shell of shells) {
      const ran = await execute(shell, ['-c', hookCommand(there, NAME)], {
        // Bash takes a socket on stdin for a login from afar, and reads its settings.
        env: { HOME: directory, NODE_OPTIONS: '--require /nowhere.js' },
      }).catch(() => undefined)
      if (ran === undefined) continue // Not every machine has every shell.
      expect(ran, shell).toEqual({
        exit: 0,
        stdout: `${JSON.stringify([NAME, '--home', there.home])}\n`,
        stderr: '',
      })
    }
    for (const gone of [
      { ...there, node: '/nowhere/node' },
      { ...there, program: '/nowhere/main.cjs' },
    ])
      expect(await execute('sh', ['-c', hookCommand(gone, NAME)])).toEqual({
        exit: 0,
        stdout: '',
        stderr: '',
      })
  })
})
