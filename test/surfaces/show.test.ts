import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { appendFile, chmod, cp, mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { releaseTree } from '../../src/edits/tree.ts'
import { layoutOf } from '../../src/home/layout.ts'
import { readLedger, writeLedger } from '../../src/surfaces/ledger.ts'
import { flipPointer, pointerOf, pointerPath } from '../../src/surfaces/pointer.ts'
import { showTree } from '../../src/surfaces/show.ts'
import { mayMount } from '../support/mounts.ts'
import { isRoot } from '../support/unprivileged.ts'
import { createDesk, type Desk, type Files, inventory, seen, skill, surfaceAt } from './fixture.ts'

const WAYS = ['link', 'copy'] as const
/** Another disk than that of the home, where this machine has one. */
const ELSEWHERE = ['/dev/shm', '/var/tmp'].find(
  (path) => existsSync(path) && lstatSync(path).dev !== lstatSync(process.env['TMPDIR'] ?? '/tmp').dev,
)

const COMMAND: Files = { 'commands/go.md': 'go\n' }

/** What is seen of some files of a release on a surface with these names. */
function expected(files: Files): Record<string, string> {
  const texts = Object.entries(files).map(([path, content]) => [
    path,
    typeof content === 'string' ? content : 'run' in content ? content.run : '',
  ])
  return Object.fromEntries(texts.sort())
}

/** Everything that was kept, by path → content. */
function kept({ layout }: Desk): Record<string, string> {
  const found = Object.entries(seen(layout.kept)).filter(([path]) => path.includes('/files/'))
  return Object.fromEntries(found.map(([path, text]) => [path.slice(path.indexOf('/files/') + 7), text]))
}

describe.each(WAYS)('showing a release by %s', (by) => {
  test('makes its entries appear, change and go, beside what the person has', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    await mkdir(join(desk.root, 'skills/mine'), { recursive: true })
    await writeFile(join(desk.root, 'skills/mine/SKILL.md'), 'mine')
    const mine = { 'skills/mine/SKILL.md': 'mine' }
    const first = { ...skill('a', 'one'), ...skill('b', 'one'), ...skill('same', 'x'), ...COMMAND }
    const second = { ...skill('b', 'two'), ...skill('c', 'two'), ...skill('same', 'x'), ...COMMAND }
    const [one, two] = [await desk.install(1, first), await desk.install(2, second)]

    const shown = await desk.show(surface, one)
    expect(shown).toEqual({
      changed: ['commands/go.md', 'skills/a', 'skills/b', 'skills/same'],
      shadowed: [],
      kept: [],
    })
    expect(seen(desk.root)).toEqual({ ...expected(first), ...mine })
    expect(pointerOf(desk.layout, surface.name)).toBe(one.directory)

    expect((await desk.show(surface, two)).changed).toEqual(['skills/a', 'skills/b', 'skills/c'])
    expect(seen(desk.root)).toEqual({ ...expected(second), ...mine })
    expect((await desk.show(surface, two)).changed).toEqual([])

    expect((await desk.show(surface, one)).changed).toEqual(['skills/c', 'skills/a', 'skills/b'])
    expect(seen(desk.root)).toEqual({ ...expected(first), ...mine })

    const taken = await desk.show(surface, undefined)
    expect(taken.changed).toHaveLength(4)
    expect(seen(desk.root)).toEqual(mine)
    expect(readdirSync(desk.root).sort()).toEqual(['commands', 'skills'])
    expect(readdirSync(desk.layout.staging).filter((entry) => entry.startsWith('.'))).toEqual([])
  })

  test('follows a rename, and a name that is a file now, and a directory again', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    const states: Files[] = [
      { ...skill('quarterback', 'x'), 'commands/go': 'file\n' },
      { ...skill('qb', 'x'), 'commands/go/now.md': 'directory\n' },
      { ...skill('quarterback', 'y'), 'commands/go': 'file\n' },
    ]
    for (const [number, files] of states.entries()) {
      await desk.show(surface, await desk.install(number, files))
      expect(seen(desk.root)).toEqual(expected(files))
    }
  })

  test('takes over nothing that somebody else has put there, whatever it is', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    const names = ['directory', 'equal', 'file', 'link', 'dangling', 'empty', 'free']
    const files = Object.assign({}, ...names.map((name) => skill(name, 'ours')), COMMAND)
    const at = (name: string): string => join(desk.root, 'skills', name)
    await mkdir(at('directory'), { recursive: true })
    await writeFile(join(at('directory'), 'SKILL.md'), 'mine')
    await mkdir(join(at('equal'), 'scripts'), { recursive: true })
    await writeFile(join(at('equal'), 'SKILL.md'), 'equal: ours\n')
    await writeFile(join(at('equal'), 'scripts/run.sh'), '#!/bin/sh\necho ours\n', { mode: 0o755 })
    await writeFile(at('file'), 'mine')
    await symlink(desk.layout.releases, at('link'))
    await symlink('/nowhere/at/all', at('dangling'))
    await mkdir(at('empty'))
    await mkdir(join(desk.root, 'commands'))
    await writeFile(join(desk.root, 'commands/go.md'), 'mine')
    const before = names.slice(0, 6).map((name) => lstatSync(at(name), { bigint: true }).ino)
    const shadowed = [...names.slice(0, 6).map((name) => `skills/${name}`), 'commands/go.md'].sort()

    for (const number of [1, 2]) {
      const release = await desk.install(number, { ...files, ...skill('free', `number ${number}`) })
      const shown = await desk.show(surface, release)
      expect([...shown.shadowed].sort()).toEqual(shadowed)
      expect(shown.changed).toEqual(['skills/free'])
      expect([...(await readLedger(desk.layout, surface.name)).entries.keys()]).toEqual(['skills/free'])
    }
    await desk.show(surface, undefined)
    expect(names.slice(0, 6).map((name) => lstatSync(at(name), { bigint: true }).ino)).toEqual(before)
    expect(readFileSync(join(desk.root, 'commands/go.md'), 'utf8')).toBe('mine')
    expect(kept(desk)).toEqual({})
  })

  test('comes back where the person makes room, at the next switch', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    await mkdir(join(desk.root, 'skills/a'), { recursive: true })
    const release = await desk.install(1, skill('a', 'x'))
    expect((await desk.show(surface, release)).shadowed).toEqual(['skills/a'])
    await rm(join(desk.root, 'skills/a'), { recursive: true })
    expect(await desk.show(surface, release)).toMatchObject({ shadowed: [], changed: ['skills/a'] })
    expect(seen(desk.root)).toEqual(expected(skill('a', 'x')))
  })

  test('makes an entry again that the person has deleted', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    await desk.show(surface, await desk.install(1, { ...skill('a', 'x'), ...skill('b', 'x') }))
    await rm(join(desk.root, 'skills/a'), { recursive: true })
    const next = { ...skill('a', 'x'), ...skill('b', 'y') }
    await desk.show(surface, await desk.install(2, next))
    expect(seen(desk.root)).toEqual(expected(next))
    await rm(join(desk.root, 'skills'), { recursive: true })
    await desk.show(surface, await desk.install(3, next))
    expect(seen(desk.root)).toEqual(expected(next))
  })

  test('leaves alone what the person has put in the place of an entry of ours', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    const release = await desk.install(1, { ...skill('a', 'x'), ...skill('b', 'x') })
    await desk.show(surface, release)
    for (const name of ['a', 'b']) {
      const place = join(desk.root, 'skills', name)
      await rm(place, { recursive: true })
      // An inode that is free is used again at once.
      await mkdir(place)
      await writeFile(join(place, 'SKILL.md'), 'mine')
    }
    const shown = await desk.show(surface, await desk.install(2, skill('a', 'y')))
    expect(shown).toMatchObject({ changed: [], shadowed: ['skills/a'], kept: [] })
    expect(seen(desk.root)).toEqual({ 'skills/a/SKILL.md': 'mine', 'skills/b/SKILL.md': 'mine' })
    expect((await readLedger(desk.layout, surface.name)).entries.size).toBe(0)
  })

  test('changes from links to copies and back, without anything dangling or left', async () => {
    const desk = await createDesk()
    const other = by === 'link' ? ('copy' as const) : ('link' as const)
    const files = { ...skill('a', 'x'), ...COMMAND }
    const release = await desk.install(1, files)
    for (const way of [by, other, by] as const) {
      await desk.show(surfaceAt(desk.root, { by: way }), release)
      expect(seen(desk.root)).toEqual(expected(files))
      const info = lstatSync(join(desk.root, 'skills/a'))
      expect(info.isSymbolicLink()).toBe(way === 'link')
    }
  })

  test('takes what its patterns let in, and gives back what they do no more', async () => {
    const desk = await createDesk()
    const files = { ...skill('legal-a', 'x'), ...skill('legal-b', 'x'), ...skill('c', 'x'), ...COMMAND }
    const release = await desk.install(1, files)
    const places = async (chosen: { only?: string[]; except?: string[] }) => {
      await desk.show(surfaceAt(desk.root, { by, ...chosen }), release)
      return [...(await readLedger(desk.layout, 'claude-code')).entries.keys()].sort()
    }
    expect(await places({ only: ['legal-*'] })).toEqual(['skills/legal-a', 'skills/legal-b'])
    expect(await places({ only: ['legal-*', 'commands/*'], except: ['*-b'] })).toEqual([
      'commands/go.md',
      'skills/legal-a',
    ])
    expect(await places({ except: ['skills/*'] })).toEqual(['commands/go.md'])
    expect(Object.keys(seen(desk.root))).toEqual(['commands/go.md'])
    expect(await places({})).toHaveLength(4)
  })

  test.each(['it’s a "home" – ñandú 山', "back\\slash 'n tick`$HOME"])(
    'works in a root called %s',
    async (name) => {
      const desk = await createDesk({ name })
      const files = { ...skill('a', 'x'), ...COMMAND }
      await desk.show(surfaceAt(desk.root, { by }), await desk.install(1, files))
      expect(seen(desk.root)).toEqual(expected(files))
      await desk.show(surfaceAt(desk.root, { by }), undefined)
      expect(seen(desk.root)).toEqual({})
    },
  )

  test('works where the folder is a link of the person to another directory', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    const real = join(desk.root, '..', 'dotfiles')
    await mkdir(real)
    await symlink(real, join(desk.root, 'skills'))
    for (const number of [1, 2]) {
      await desk.show(surface, await desk.install(number, skill('a', `${number}`)))
      expect(seen(desk.root)).toEqual(expected(skill('a', `${number}`)))
    }
    await desk.show(surface, undefined)
    expect(readdirSync(real)).toEqual([])
    expect(await readlink(join(desk.root, 'skills'))).toBe(real)
  })

  test.runIf(ELSEWHERE)(
    'works on another disk than that of the home, and where only a folder is',
    async () => {
      const there = await createDesk({ above: ELSEWHERE ?? '' })
      const here = await createDesk()
      const real = join(there.root, 'folder')
      await mkdir(real)
      await symlink(real, join(here.root, 'skills'))
      for (const desk of [there, here]) {
        const surface = surfaceAt(desk.root, { by, folders: ['skills'] })
        for (const number of [1, 2]) {
          const files = { ...skill('a', `${number}`), ...skill('b', 'same') }
          await desk.show(surface, await desk.install(number, files))
          expect(seen(join(desk.root, 'skills'))).toEqual(seenIn('skills/', expected(files)))
          // Where an agent may list whatever lies there.
          expect(readdirSync(join(desk.root, 'skills'))).toEqual(['a', 'b'])
        }
        await desk.show(surface, undefined)
        expect(seen(join(desk.root, 'skills'))).toEqual({})
        for (const place of [desk.root, there.root])
          expect(readdirSync(place).filter((name) => name.startsWith('.'))).toEqual([])
        expect(readdirSync(join(desk.root, 'skills'))).toEqual([])
      }
    },
  )

  test.runIf(mayMount(['--bind', tmpdir()]))(
    'works where the folder is a mount of the same disk, as in a container',
    async () => {
      const desk = await createDesk()
      const surface = surfaceAt(desk.root, { by, folders: ['skills'] })
      const folder = join(desk.root, 'skills')
      await mkdir(`${folder} real`)
      await mkdir(folder)
      execFileSync('mount', ['--bind', `${folder} real`, folder])
      onTestFinished(() => void execFileSync('umount', [folder]))
      for (const number of [1, 2]) {
        await desk.show(surface, await desk.install(number, skill('a', `${number}`)))
        expect(seen(`${folder} real`)).toEqual(seenIn('skills/', expected(skill('a', `${number}`))))
      }
      await desk.show(surface, undefined)
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test('says that the root is gone, and does not make it again', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    await desk.show(surface, await desk.install(1, skill('a', 'x')))
    const ledger = await readLedger(desk.layout, surface.name)
    await rename(desk.root, `${desk.root} gone`)
    const two = await desk.install(2, skill('a', 'y'))
    await expect(desk.show(surface, two)).rejects.toMatchObject({ code: 'absent', subject: desk.root })
    await writeFile(desk.root, 'a file')
    await expect(desk.show(surface, two)).rejects.toMatchObject({ code: 'absent', subject: desk.root })
    const below = surfaceAt(join(desk.root, 'below'), { by })
    await expect(desk.show(below, two)).rejects.toMatchObject({ code: 'absent' })
    expect(await readLedger(desk.layout, surface.name)).toEqual(ledger)
    await rm(desk.root)
    await rename(`${desk.root} gone`, desk.root)
    await desk.show(surface, two)
    expect(seen(desk.root)).toEqual(expected(skill('a', 'y')))
  })

  test.skipIf(isRoot)('fails in a folder that may not be written, and works once it may', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    await desk.show(surface, await desk.install(1, skill('a', 'x')))
    const two = await desk.install(2, skill('b', 'y'))
    await chmod(join(desk.root, 'skills'), 0o555)
    await expect(desk.show(surface, two)).rejects.toMatchObject({ code: 'failed' })
    expect(seen(desk.root)).toEqual(expected(skill('a', 'x')))
    await chmod(join(desk.root, 'skills'), 0o755)
    await desk.show(surface, two)
    expect(seen(desk.root)).toEqual(expected(skill('b', 'y')))
    expect(await readLedger(desk.layout, surface.name)).toMatchObject({ shows: { release: two.directory } })
  })

  test('mends a pointer that is lost, a file, a directory or leads astray', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    const release = await desk.install(1, skill('a', 'x'))
    await desk.show(surface, release)
    const pointer = pointerPath(desk.layout, surface.name)
    const damages = [
      () => Promise.resolve(),
      () => writeFile(pointer, 'torn'),
      () => symlink('../releases/../../..', pointer),
      () => cp(join(desk.layout.releases, release.directory), pointer, { recursive: true }),
    ]
    for (const damage of damages) {
      await rm(pointer, { recursive: true, force: true })
      await damage()
      await desk.show(surface, release)
      expect(await readlink(pointer)).toBe(`../releases/${release.directory}`)
      expect(seen(desk.root)).toEqual(expected(skill('a', 'x')))
    }
    // Whatever was in that directory is somebody's.
    expect(readdirSync(desk.layout.kept)).toHaveLength(1)
  })

  test('touches nothing when nobody knows any more what is ours', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by })
    await desk.show(surface, await desk.install(1, skill('a', 'x')))
    const before = inventory(desk.root)
    const two = await desk.install(2, skill('b', 'y'))
    const path = join(desk.layout.ledgers, `${surface.name}.json`)
    for (const [damage, code] of [
      ['{"format":"skillsctl-led', 'corrupt'],
      ['{"format":"skillsctl-ledger/9"}', 'unsupported'],
      ['{"format":"skillsctl-ledger/1","entries":[]}', 'corrupt'],
    ] as const) {
      await writeFile(path, damage)
      await expect(desk.show(surface, two)).rejects.toMatchObject({ code })
    }
    expect(inventory(desk.root)).toEqual(before)
    // A lost one is found anew, from what still is as we made it.
    await rm(path)
    expect((await desk.show(surface, await desk.install(3, skill('a', 'y')))).shadowed).toEqual([])
  })
})

/** Below a folder, by paths without it. */
function seenIn(folder: string, found: Record<string, string>): Record<string, string> {
  const within = Object.entries(found).filter(([path]) => path.startsWith(folder))
  return Object.fromEntries(within.map(([path, text]) => [path.slice(folder.length), text]))
}

describe('entries that are links', () => {
  test('are absolute, through the pointer of their surface', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root)
    await desk.show(surface, await desk.install(1, { ...skill('a', 'x'), ...COMMAND }))
    const pointer = pointerPath(desk.layout, surface.name)
    expect(await readlink(join(desk.root, 'skills/a'))).toBe(join(pointer, 'skills/a'))
    expect(await readlink(join(desk.root, 'commands/go.md'))).toBe(join(pointer, 'commands/go.md'))
  })

  test('are made anew when their skill has changed, and only then: watchers see it', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root)
    await desk.show(surface, await desk.install(1, { ...skill('a', 'x'), ...skill('same', 'x') }))
    const born = (name: string): bigint =>
      lstatSync(join(desk.root, 'skills', name), { bigint: true }).birthtimeNs
    const before = [born('a'), born('same')]
    await desk.show(surface, await desk.install(2, { ...skill('a', 'y'), ...skill('same', 'x') }))
    expect(born('a')).not.toBe(before[0])
    expect(born('same')).toBe(before[1])
  })

  test.each(['the release that was begun', 'the one before it'])(
    'after a run that was killed once the pointer had moved, all show %s, made anew, and both are remembered',
    async (which) => {
      const desk = await createDesk()
      const surface = surfaceAt(desk.root)
      const [one, two] = [await desk.install(1, skill('a', 'old')), await desk.install(2, skill('a', 'new'))]
      await desk.show(surface, one)
      flipPointer(desk.layout, surface.name, two.directory)
      const goal = which === 'the one before it' ? one : two
      expect((await desk.show(surface, goal)).changed).toEqual(['skills/a'])
      expect(seen(desk.root)).toEqual(expected(skill('a', goal === one ? 'old' : 'new')))
      const { shows, former } = await readLedger(desk.layout, surface.name)
      expect([shows?.release, former.map(({ release }) => release)]).toEqual([
        goal.directory,
        [goal === one ? two.directory : one.directory],
      ])
    },
  )

  test('follow a home that was moved', async () => {
    const desk = await createDesk()
    const release = await desk.install(1, skill('a', 'x'))
    await desk.show(surfaceAt(desk.root), release)
    const ledger = await readLedger(desk.layout, 'claude-code')
    const own = ledger.entries.get('skills/a')
    if (own === undefined) throw new Error('there is no entry')
    // As a home left it that lay elsewhere.
    const target = '/elsewhere/surfaces/claude-code/skills/a'
    await writeLedger(desk.layout, 'claude-code', {
      ...ledger,
      entries: new Map([['skills/a', { ...own, target }]]),
    })
    await rm(join(desk.root, 'skills/a'))
    await symlink(target, join(desk.root, 'skills/a'))
    await desk.show(surfaceAt(desk.root), release)
    expect(seen(desk.root)).toEqual(expected(skill('a', 'x')))
  })
})

describe('entries that are copies', () => {
  const edits = async (desk: Desk): Promise<void> => {
    await appendFile(join(desk.root, 'skills/a/SKILL.md'), 'my words\n')
    await writeFile(join(desk.root, 'skills/a/notes.txt'), 'my notes\n')
    await rm(join(desk.root, 'skills/a/scripts/run.sh'))
    await appendFile(join(desk.root, 'commands/go.md'), 'my words\n')
  }
  const EDITED = {
    'skills/a/SKILL.md': 'a: x\nmy words\n',
    'skills/a/notes.txt': 'my notes\n',
    'commands/go.md': 'go\nmy words\n',
  }

  test('are real, writable files with the modes of the release', async () => {
    const desk = await createDesk()
    await desk.show(surfaceAt(desk.root, { by: 'copy' }), await desk.install(1, skill('a', 'x')))
    const mode = (path: string): string => (lstatSync(join(desk.root, path)).mode & 0o777).toString(8)
    expect(mode('skills/a/SKILL.md')).toBe('644')
    expect(mode('skills/a/scripts/run.sh')).toBe('755')
  })

  test.each([
    ['replaced', { ...skill('a', 'y'), 'commands/go.md': 'on\n' }],
    ['taken away', skill('b', 'y')],
  ])('that were edited are %s, and the edits kept with their paths', async (_how, next) => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    await desk.show(surface, await desk.install(1, { ...skill('a', 'x'), ...COMMAND }))
    await edits(desk)
    const shown = await desk.show(surface, await desk.install(2, next))
    expect(shown.kept).toHaveLength(2)
    expect(kept(desk)).toEqual(EDITED)
    const lists = shown.kept.map((path) => JSON.parse(readFileSync(join(path, 'edits.json'), 'utf8')).edits)
    expect(lists.flat()).toContainEqual({ path: 'skills/a/scripts/run.sh', kind: 'deleted' })
    expect(seen(desk.root)).toEqual(expected(next))
  })

  test('that were edited give way to what is to be shown, also when the release says nothing new', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    await desk.show(surface, await desk.install(1, { ...skill('a', 'x'), ...COMMAND }))
    await edits(desk)
    const shown = await desk.show(surface, await desk.install(2, { ...skill('a', 'x'), ...COMMAND }))
    expect(shown.kept).toHaveLength(2)
    expect(kept(desk)).toEqual(EDITED)
    expect(seen(desk.root)).toEqual(expected({ ...skill('a', 'x'), ...COMMAND }))
  })

  test('that were edited are told from what they were made of even when that release is gone', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    const one = await desk.install(1, { ...skill('a', 'x'), ...COMMAND })
    await desk.show(surface, one)
    await edits(desk)
    await rm(join(desk.layout.manifests, `${one.directory}.json`))
    await desk.show(surface, await desk.install(2, skill('a', 'y')))
    expect(kept(desk)).toEqual(EDITED)
    expect(seen(desk.root)).toEqual(expected(skill('a', 'y')))
  })

  test('that were replaced by equal ones, as a synced folder does it, are ours', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    await desk.show(surface, await desk.install(1, { ...skill('a', 'x'), ...COMMAND }))
    for (const place of ['skills/a', 'commands/go.md']) {
      const path = join(desk.root, place)
      await cp(path, `${path}.new`, { recursive: true })
      await rm(path, { recursive: true })
      await rename(`${path}.new`, path)
    }
    const next = { ...skill('a', 'y'), 'commands/go.md': 'on\n' }
    expect(await desk.show(surface, await desk.install(2, next))).toMatchObject({ shadowed: [], kept: [] })
    expect(seen(desk.root)).toEqual(expected(next))
  })

  test('hold what their links lead to outside of them, and follow it', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    const state = (text: string): Files => ({
      'skills/a/SKILL.md': 'a\n',
      'skills/a/inside': { link: 'SKILL.md' },
      'skills/a/shared': { link: '../../lib' },
      'skills/a/text.md': { link: '../../lib/text.md' },
      'commands/go.md': { link: '../lib/text.md' },
      'lib/text.md': text,
      'lib/run.sh': { run: text },
    })
    for (const text of ['one\n', 'two\n']) {
      const shown = await desk.show(
        surface,
        await desk.install(text.length + text.charCodeAt(0), state(text)),
      )
      expect(shown).toMatchObject({ changed: ['commands/go.md', 'skills/a'], kept: [] })
      expect(seen(desk.root)).toEqual({
        'commands/go.md': text,
        'skills/a/SKILL.md': 'a\n',
        'skills/a/inside': 'a\n',
        'skills/a/shared/run.sh': text,
        'skills/a/shared/text.md': text,
        'skills/a/text.md': text,
      })
      expect(await readlink(join(desk.root, 'skills/a/inside'))).toBe('SKILL.md')
      expect(lstatSync(join(desk.root, 'skills/a/shared/run.sh')).mode & 0o111).toBe(0o111)
    }
    expect((await desk.show(surface, undefined)).kept).toEqual([])
    expect(seen(desk.root)).toEqual({})
  })

  test('hold what a link leads to through another one, and follow it', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    const state = (text: string): Files => ({
      'skills/a/d': { link: '../../shared/sub' },
      'skills/a/f': { link: 'd/../top.md' },
      'shared/sub/x': 'x',
      'shared/top.md': text,
    })
    for (const [number, text] of ['one', 'two'].entries()) {
      const { changed } = await desk.show(surface, await desk.install(number + 1, state(text)))
      expect(changed).toEqual(['skills/a'])
      expect(seen(desk.root)).toEqual({ 'skills/a/d/x': 'x', 'skills/a/f': text })
    }
  })

  test('that were replaced stay readable for whoever has them open, for ten minutes', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'copy' })
    await desk.show(surface, await desk.install(1, skill('a', 'x')))
    await desk.show(surface, await desk.install(2, skill('a', 'y')))
    const stagingArea = join(desk.root, '.skillsctl')
    expect(Object.values(seen(stagingArea)).sort()).toEqual(Object.values(expected(skill('a', 'x'))).sort())
    desk.clock.now += 11 * 60 * 1000
    await desk.show(surface, await desk.install(3, skill('a', 'y')))
    expect(existsSync(stagingArea)).toBe(false)
    await desk.show(surface, await desk.install(4, skill('a', 'z')))
    await desk.show(surface, undefined)
    expect(existsSync(stagingArea)).toBe(false)
  })
})

describe('another home', () => {
  const states = [skill('a', 'one'), skill('a', 'two')] as const

  test('that is a copy leaves the links of the first alone', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'link' })
    const [one, two] = [await desk.install(1, states[0]), await desk.install(2, states[1])]
    await desk.show(surface, one)
    const copy = layoutOf(`${desk.layout.root} copy`)
    onTestFinished(() => removeTree(copy.root))
    await cp(desk.layout.root, copy.root, { recursive: true, verbatimSymlinks: true })
    expect(await showTree(copy, surface, releaseTree(copy, two), Date.now())).toMatchObject({
      shadowed: ['skills/a'],
    })
    expect(seen(desk.root)).toEqual(expected(states[0]))
  })

  test('that is this one, moved, makes its links anew', async () => {
    const desk = await createDesk()
    const surface = surfaceAt(desk.root, { by: 'link' })
    const [one, two] = [await desk.install(1, states[0]), await desk.install(2, states[1])]
    await desk.show(surface, one)
    const moved = layoutOf(`${desk.layout.root} moved`)
    await rename(desk.layout.root, moved.root)
    onTestFinished(() => rename(moved.root, desk.layout.root))
    expect(await showTree(moved, surface, releaseTree(moved, two), Date.now())).toMatchObject({
      shadowed: [],
    })
    expect(seen(desk.root)).toEqual(expected(states[1]))
  })
})
