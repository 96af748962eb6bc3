/** Adding, changing and removing surfaces, adopting what is in the way, and following `current`. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { formatInstant } from '../../src/core/parse.ts'
import type { Surface } from '../../src/core/surface.ts'
import { ownIdentity } from '../../src/disk/process-identity.ts'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { adopt } from '../../src/flows/adopt.ts'
import { followCurrent, heldHere, needsAttention } from '../../src/flows/follow-surfaces.ts'
import { listSurfaces } from '../../src/flows/list-surfaces.ts'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { rollback } from '../../src/flows/rollback.ts'
import { addSurface, type SurfaceOptions } from '../../src/flows/surface.ts'
import { requireConfig } from '../../src/home/config.ts'
import { layoutOf, statPath } from '../../src/home/layout.ts'
import type { Installed } from '../../src/home/releases.ts'
import { EVERY, endLease, takeLease } from '../../src/surfaces/lease.ts'
import { readLedger, writeLedger } from '../../src/surfaces/ledger.ts'
import { pointerPath } from '../../src/surfaces/pointer.ts'
import { isRoot } from '../support/unprivileged.ts'
import { createDesk, DAY, type Desk, type Files, HOUR, inventory, seen, skill } from './fixture.ts'

const WAYS = ['link', 'copy'] as const
const user = ({ root }: Desk, variables: Readonly<Record<string, string>> = {}) => ({
  directory: root,
  variables,
})
const add = (desk: Desk, options: SurfaceOptions = {}, preset = 'claude-code') =>
  addSurface(desk.context, preset, options, user(desk))
/** Whether a pull that finds nothing new would look after the surfaces. */
const attention = async ({ layout, context }: Desk): Promise<boolean> =>
  needsAttention({ ...context, config: await requireConfig(layout) })
const LEASE = { id: 'one', surface: EVERY, since: 0 }
const claude = ({ root }: Desk): string => join(root, '.claude')

/** Installs a release and makes it current; surfaces follow, as in a pull. */
async function update(desk: Desk, number: number, files: Files): Promise<Installed> {
  const release = await desk.install(number, files)
  await desk.run(release)
  await followCurrent(desk.context)
  return release
}

describe('the root of a surface', () => {
  test('is where the preset says, or its variable, and is made with its folders', async () => {
    const desk = await createDesk()
    const moved = join(desk.root, 'else where')
    const variables = { CLAUDE_CONFIG_DIR: moved, XDG_CONFIG_HOME: join(desk.root, 'xdg'), CODEX_HOME: '' }
    const rootOf = async (preset: string) =>
      (await addSurface(desk.context, preset, {}, user(desk, variables))).surface.root
    expect(await rootOf('claude-code')).toBe(moved)
    expect(await rootOf('opencode')).toBe(join(desk.root, 'xdg/opencode'))
    expect(await rootOf('codex')).toBe(join(desk.root, '.codex'))
    expect(await rootOf('agents')).toBe(join(desk.root, '.agents'))
    expect(await rootOf('claude-desktop')).toBeUndefined()
    expect(readdirSync(moved).sort()).toEqual(['agents', 'commands', 'skills'])
    expect(await listSurfaces(desk.context)).toHaveLength(5)
  })

  test('may be a link of the person to a directory', async () => {
    const desk = await createDesk()
    await mkdir(join(desk.root, 'dotfiles'))
    await symlink('dotfiles', claude(desk))
    await add(desk)
    await update(desk, 1, skill('a', 'x'))
    expect(Object.keys(seen(join(desk.root, 'dotfiles')))).toContain('skills/a/SKILL.md')
    expect(await readlink(claude(desk))).toBe('dotfiles')
  })

  test.each([
    ['a file', (path: string) => writeFile(path, 'alias')],
    ['a link that leads nowhere', (path: string) => symlink('/nowhere/at/all', path)],
    ['a link to a file', (path: string) => symlink('/etc/hostname', path)],
  ])('is refused when it is %s', async (_what, make) => {
    const desk = await createDesk()
    await make(claude(desk))
    await expect(add(desk)).rejects.toMatchObject({ code: 'refused', subject: claude(desk) })
    expect(await listSurfaces(desk.context)).toEqual([])
    await expect(add(desk, { root: join(claude(desk), 'below') })).rejects.toMatchObject({
      code: expect.stringMatching(/failed|absent/),
    })
  })

  test('is refused where agents would find the home, or the home them, links and all', async () => {
    const desk = await createDesk()
    const inHome = desk.layout.root
    await symlink(inHome, join(desk.root, 'link'))
    await mkdir(join(desk.root, 'above'))
    await symlink(join(inHome, '..'), join(desk.root, 'above/skills'))
    for (const root of [inHome, join(inHome, 'releases'), join(desk.root, 'link'), join(desk.root, 'above')])
      await expect(add(desk, { root })).rejects.toMatchObject({ code: 'refused' })
    // Beside it is fine, also with a name that begins with two dots.
    await add(desk, { root: join(inHome, '../..agents'), name: 'dots' })
    await rm(join(inHome, '../..agents'), { recursive: true })
  })

  test('belongs to one surface, as far as their folders are the same, one in another, or linked', async () => {
    const desk = await createDesk()
    await add(desk, { folders: ['skills'] })
    const refused = { code: 'refused', found: 'claude-code' }
    await expect(add(desk, { name: 'other', folders: ['skills', 'prompts'] })).rejects.toMatchObject(refused)
    await add(desk, { name: 'commands', folders: ['commands'] })
    await mkdir(join(desk.root, '.agents'))
    await symlink('../.claude/skills', join(desk.root, '.agents/skills'))
    await expect(add(desk, {}, 'agents')).rejects.toMatchObject(refused)
    const below = { name: 'below', root: join(claude(desk), 'skills/x') }
    await expect(add(desk, below, 'custom')).rejects.toMatchObject(refused)
    await mkdir(join(desk.root, 'linked'))
    await symlink(claude(desk), join(desk.root, 'linked/root'))
    const linked = { name: 'linked', root: join(desk.root, 'linked/root') }
    await expect(add(desk, linked, 'custom')).rejects.toMatchObject(refused)
  })

  test.each([{ name: 'Bad Name' }, { root: 'relative/path' }])(
    'and its name are refused as %o',
    async (options) => {
      await expect(add(await createDesk(), options)).rejects.toMatchObject({ code: 'usage' })
    },
  )

  test('belongs to one of two surfaces that are added at the same time', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    const options = { root: join(desk.root, 'shared') }
    const both = ['one', 'two'].map((name) => add(desk, { ...options, name }, 'custom'))
    const statuses = (await Promise.allSettled(both)).map(({ status }) => status)
    expect(statuses.sort()).toEqual(['fulfilled', 'rejected'])
    expect(await listSurfaces(desk.context)).toHaveLength(1)
  })

  test('of a surface of one’s own has to be named', async () => {
    const desk = await createDesk()
    await expect(add(desk, {}, 'custom')).rejects.toMatchObject({ code: 'usage' })
    await expect(add(desk, { name: 'mine' }, 'custom')).rejects.toMatchObject({ code: 'usage' })
    await expect(add(desk, {}, 'no-such')).rejects.toMatchObject({ code: 'usage' })
    await add(desk, { name: 'mine', root: join(desk.root, 'mine') }, 'custom')
    await expect(add(desk, { name: 'mine' }, 'claude-code')).rejects.toMatchObject({ code: 'refused' })
    expect((await add(desk, { name: 'mine', by: 'copy' }, 'custom')).isNew).toBe(false)
  })
})

describe.each(WAYS)('a surface with entries by %s', (by) => {
  test('shows what runs when it is added, follows, and leaves nothing when it is removed', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    const { settled } = await add(desk, { by })
    expect(settled).toMatchObject({ outcome: 'moved', from: undefined })
    await update(desk, 2, skill('b', 'y'))
    expect(Object.keys(seen(claude(desk)))).toEqual(['skills/b/SKILL.md', 'skills/b/scripts/run.sh'])
    expect(await removeSurface(desk.context, 'claude-code')).toMatchObject({ changed: ['skills/b'] })
    expect(seen(claude(desk))).toEqual({})
    expect(readdirSync(claude(desk)).sort()).toEqual(['agents', 'commands', 'skills'])
    expect(existsSync(pointerPath(desk.layout, 'claude-code'))).toBe(false)
    expect(await listSurfaces(desk.context)).toEqual([])
    await expect(removeSurface(desk.context, 'claude-code')).rejects.toMatchObject({ code: 'absent' })
  })

  test('that is given another root is cleared where it was', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk, { by })
    const root = join(desk.root, 'new')
    await add(desk, { root })
    expect(seen(claude(desk))).toEqual({})
    expect(Object.keys(seen(root))).toContain('skills/a/SKILL.md')
  })

  test('keeps what was chosen before, and fields of a newer skillsctl', async () => {
    const desk = await createDesk()
    await add(desk, { by, switch: 'session', maxWait: 5, except: ['x'] })
    const config = JSON.parse(await readFile(desk.layout.config, 'utf8'))
    Object.assign(config.surfaces[0], { icon: 'owl', folders: [...config.surfaces[0].folders, 'rules'] })
    await writeFile(desk.layout.config, JSON.stringify(config))
    const { surface } = await add(desk, { only: ['a*'] })
    expect(surface).toMatchObject({ by, switch: 'session', maxWait: 5, except: ['x'], only: ['a*'] })
    const kept = JSON.parse(await readFile(desk.layout.config, 'utf8')).surfaces
    expect(kept).toEqual([expect.objectContaining({ icon: 'owl' })])
    await update(desk, 1, skill('a', 'x'))
    expect(Object.keys(seen(claude(desk)))).toContain('skills/a/SKILL.md')
  })

  test('is not removed while its root is away, and is when it is back, with everything of ours', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk, { by })
    const away = `${claude(desk)}.unmounted`
    await rename(claude(desk), away)
    const refused = { code: 'absent', subject: claude(desk), hint: expect.stringContaining('mount') }
    for (const inItsPlace of [false, true]) {
      if (inItsPlace) await writeFile(claude(desk), '')
      await expect(removeSurface(desk.context, 'claude-code')).rejects.toMatchObject(refused)
      await expect(add(desk, { root: join(desk.root, 'elsewhere') })).rejects.toMatchObject(refused)
    }
    expect(await listSurfaces(desk.context)).toHaveLength(1)
    await rm(claude(desk))
    await rename(away, claude(desk))
    await removeSurface(desk.context, 'claude-code')
    expect(seen(claude(desk))).toEqual({})
  })

  test('is removed once an empty directory stands for the root that was deleted', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk, { by })
    await rm(claude(desk), { recursive: true })
    await mkdir(claude(desk))
    await removeSurface(desk.context, 'claude-code')
    expect(await listSurfaces(desk.context)).toEqual([])
  })

  test('is removed without its root when there was never anything of ours', async () => {
    const desk = await createDesk()
    await add(desk, { by })
    await rm(claude(desk), { recursive: true })
    await removeSurface(desk.context, 'claude-code')
    expect(await listSurfaces(desk.context)).toEqual([])
  })

  test.skipIf(isRoot)('that cannot be shown is not added, and nothing of it is left', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, { ...skill('a', 'x'), 'commands/go.md': 'go' }))
    await mkdir(join(claude(desk), 'skills'), { recursive: true })
    await chmod(join(claude(desk), 'skills'), 0o555)
    await expect(add(desk, { by })).rejects.toMatchObject({ code: 'failed' })
    expect(await listSurfaces(desk.context)).toEqual([])
    expect(seen(claude(desk))).toEqual({})
    await chmod(join(claude(desk), 'skills'), 0o755)
    await add(desk, { by })
    expect(Object.keys(seen(claude(desk)))).toHaveLength(3)
  })

  test('leaves thirty skills of the person alone, byte for byte and inode for inode', async () => {
    const desk = await createDesk()
    const names = Array.from({ length: 30 }, (_, index) => `mine-${index}`)
    for (const [index, name] of names.entries()) {
      const place = join(claude(desk), 'skills', name)
      await mkdir(join(place, 'scripts'), { recursive: true })
      await writeFile(join(place, 'SKILL.md'), `${name}\n`.repeat(index))
      await writeFile(join(place, 'scripts/run.sh'), 'echo', { mode: 0o700 })
      if (index % 5 === 0) await symlink('SKILL.md', join(place, 'README.md'))
    }
    await writeFile(join(claude(desk), 'settings.json'), '{}')
    // Some of them in the way of what comes.
    const release = (number: number): Files =>
      Object.assign(
        {},
        ...['mine-3', 'mine-4', 'steady', number % 2 === 0 ? 'even' : 'odd'].map((name) =>
          skill(name, `${number}`),
        ),
      )
    const own = () =>
      Object.fromEntries(
        Object.entries(inventory(claude(desk))).filter(([path]) => /mine-|settings/.test(path)),
      )
    const before = own()
    await desk.run(await desk.install(0, release(0)))
    await add(desk, { by })
    const releases = [await desk.install(1, release(1)), await desk.install(2, release(2))]
    for (let count = 0; count < 50; count++) {
      const next = releases[count % 2]
      if (next !== undefined) await desk.run(next)
      const { settled } = await followCurrent(desk.context)
      expect(settled).toMatchObject([
        { outcome: 'moved', shown: { shadowed: ['skills/mine-3', 'skills/mine-4'] } },
      ])
    }
    await removeSurface(desk.context, 'claude-code')
    expect(own()).toEqual(before)
    expect(readdirSync(join(claude(desk), 'skills')).sort()).toEqual([...names].sort())
    expect(readdirSync(desk.layout.kept)).toEqual([expect.stringMatching(/^before-join-/)])
  })
})

describe('adopting', () => {
  const at = (desk: Desk, name = 'a'): string => join(claude(desk), 'skills', name)
  const RELEASE = { ...skill('a', 'x'), ...skill('b', 'x') }

  test.each([
    [
      'a directory',
      (path: string) =>
        mkdir(join(path, 'deep'), { recursive: true }).then(() => writeFile(join(path, 'deep/file'), 'mine')),
    ],
    ['a file', (path: string) => writeFile(path, 'mine')],
    ['a link', (path: string) => symlink('../../elsewhere', path)],
  ])('%s moves it to kept, as it is', async (_what, make) => {
    const desk = await createDesk()
    await mkdir(join(claude(desk), 'skills'), { recursive: true })
    await make(at(desk))
    const { ino } = lstatSync(at(desk))
    await desk.run(await desk.install(1, RELEASE))
    expect((await add(desk)).settled?.shown?.shadowed).toEqual(['skills/a'])
    const [adopted] = await adopt(desk.context, 'a/', undefined)
    expect(adopted).toMatchObject({ surface: 'claude-code', place: 'skills/a' })
    expect(lstatSync(join(adopted?.kept ?? '', 'skills/a')).ino).toBe(ino)
    expect(seen(claude(desk))['skills/a/SKILL.md']).toBe('a: x\n')
    expect((await listSurfaces(desk.context))[0]?.shadowed).toEqual([])
    await expect(adopt(desk.context, 'a', undefined)).rejects.toMatchObject({ code: 'absent' })
  })

  test('never puts one thing over another in kept, though no time passes between', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, RELEASE))
    await add(desk)
    const kept = new Set<string>()
    for (const text of ['first', 'second']) {
      await rm(at(desk), { recursive: true })
      await writeFile(at(desk), text)
      await followAsked(desk)
      const [adopted] = await adopt(desk.context, 'skills/a', 'claude-code')
      kept.add(readFileSync(join(adopted?.kept ?? '', 'skills/a'), 'utf8'))
    }
    expect([...kept]).toEqual(['first', 'second'])
    expect(readdirSync(desk.layout.kept)).toHaveLength(2)
  })

  test.runIf(elsewhere())('copies it from another disk before it goes', async () => {
    const desk = await createDesk({ above: elsewhere() ?? '' })
    await mkdir(at(desk), { recursive: true })
    await writeFile(join(at(desk), 'file'), 'mine', { mode: 0o640 })
    await symlink('/nowhere/at/all', join(at(desk), 'link'))
    await symlink('/nowhere/at/all', at(desk, 'b'))
    await desk.run(await desk.install(1, RELEASE))
    await add(desk)
    for (const name of ['a', 'b']) {
      const [adopted] = await adopt(desk.context, name, undefined)
      const there = join(adopted?.kept ?? '', 'skills', name)
      if (name === 'b') expect(await readlink(there)).toBe('/nowhere/at/all')
      else {
        expect(readFileSync(join(there, 'file'), 'utf8')).toBe('mine')
        expect(lstatSync(join(there, 'file')).mode & 0o777).toBe(0o640)
        expect(await readlink(join(there, 'link'))).toBe('/nowhere/at/all')
      }
      expect(seen(claude(desk))[`skills/${name}/SKILL.md`]).toBe(`${name}: x\n`)
    }
    expect(readdirSync(claude(desk)).sort()).toEqual(['agents', 'commands', 'skills'])
  })

  /** As a person who asks for the same surface again. */
  async function followAsked(desk: Desk): Promise<void> {
    await add(desk)
  }
})

describe('following what runs', () => {
  describe.each(WAYS)('with entries by %s', (by) => {
    async function emptied(): Promise<Desk> {
      const desk = await createDesk()
      await desk.run(await desk.install(1, { ...skill('a', 'x'), ...skill('b', 'x') }))
      await add(desk, { by })
      expect(await attention(desk)).toBe(false)
      await rm(join(claude(desk), 'skills/a'), { recursive: true })
      return desk
    }

    test('brings back what was deleted, though nothing is new, and touches nothing else', async () => {
      const desk = await emptied()
      const b = () => lstatSync(join(claude(desk), 'skills/b'), { bigint: true }).ctimeNs
      const before = b()
      expect(await attention(desk)).toBe(true)
      const { settled } = await followCurrent(desk.context)
      expect(settled).toMatchObject([{ outcome: 'moved', shown: { changed: ['skills/a'] } }])
      expect(seen(claude(desk))['skills/a/SKILL.md']).toBe('a: x\n')
      expect(b()).toBe(before)
      expect(await attention(desk)).toBe(false)
    })

    test('leaves alone what somebody has put there, until it goes', async () => {
      const desk = await emptied()
      await writeFile(join(claude(desk), 'skills/a'), 'mine')
      await add(desk)
      expect(await attention(desk)).toBe(false)
      await rm(join(claude(desk), 'skills/a'))
      expect(await attention(desk)).toBe(true)
      await followCurrent(desk.context)
      expect(seen(claude(desk))['skills/a/SKILL.md']).toBe('a: x\n')
    })

    test('says once that the root has gone, and does not make it', async () => {
      const desk = await emptied()
      await rm(claude(desk), { recursive: true })
      expect(await attention(desk)).toBe(true)
      await followCurrent(desk.context)
      expect(desk.warnings).toEqual([expect.stringContaining('the root of this surface is not there')])
      expect(existsSync(claude(desk))).toBe(false)
    })
  })

  test('leads links anew into a home that was moved', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk)
    const moved = `${desk.layout.root}.moved`
    await rename(desk.layout.root, moved)
    onTestFinished(() => removeTree(moved))
    const context = { ...desk.context, layout: layoutOf(moved) }
    expect(seen(claude(desk))).toEqual({ 'skills/a': 'dangling' })
    expect(await needsAttention({ ...context, config: await requireConfig(context.layout) })).toBe(true)
    await followCurrent(context)
    expect(seen(claude(desk))['skills/a/SKILL.md']).toBe('a: x\n')
  })

  test('goes on with the other surfaces when one of them cannot', async () => {
    const desk = await createDesk()
    await add(desk)
    await add(desk, {}, 'agents')
    await rename(claude(desk), `${claude(desk)}.gone`)
    await desk.run(await desk.install(1, skill('a', 'x')))
    const { settled } = await followCurrent(desk.context)
    expect(settled).toMatchObject([
      { surface: 'claude-code', outcome: 'failed', problem: { code: 'absent' } },
      { surface: 'agents', outcome: 'moved' },
    ])
    expect(desk.warnings).toEqual([expect.stringContaining('claude-code could not follow')])
    await rename(`${claude(desk)}.gone`, claude(desk))
    expect((await followCurrent(desk.context)).settled).toMatchObject([
      { outcome: 'moved' },
      { outcome: 'same' },
    ])
  })

  test('tells what became of the others when a ledger is damaged, and keeps every release', async () => {
    const desk = await createDesk()
    await add(desk)
    await add(desk, {}, 'agents')
    await writeFile(join(desk.layout.ledgers, 'claude-code.json'), 'torn')
    const one = await desk.install(1, skill('a', 'x'))
    const two = await desk.install(2, skill('a', 'x'))
    await desk.run(two)
    const { settled, held } = await followCurrent(desk.context)
    expect(settled).toMatchObject([{ outcome: 'failed', problem: { code: 'corrupt' } }, { outcome: 'moved' }])
    expect(held).toEqual(new Set([one.directory, two.directory]))
  })

  test('says so when the root lies below a file now', async () => {
    const desk = await createDesk()
    const root = join(desk.root, 'above/root')
    await add(desk, { root })
    await rm(join(desk.root, 'above'), { recursive: true })
    await writeFile(join(desk.root, 'above'), '')
    await desk.run(await desk.install(1, skill('a', 'x')))
    expect((await followCurrent(desk.context)).settled).toMatchObject([
      { outcome: 'failed', problem: { code: 'absent' } },
    ])
  })

  test('says so when a surface of the configuration cannot be read, which shows nothing yet', async () => {
    const desk = await createDesk()
    await add(desk)
    const config = JSON.parse(await readFile(desk.layout.config, 'utf8'))
    config.surfaces[0].by = 'magic'
    await writeFile(desk.layout.config, JSON.stringify(config))
    await desk.run(await desk.install(1, skill('a', 'x')))
    const { settled, held } = await followCurrent(desk.context)
    expect(settled).toEqual([])
    expect([...held]).toEqual([])
    expect(desk.warnings).toEqual([expect.stringContaining('a surface cannot be read')])
  })
})

describe('a ledger that is lost', () => {
  const ledgerOf = ({ layout }: Desk, name = 'claude-code'): string => join(layout.ledgers, `${name}.json`)

  describe.each(WAYS)('of a surface with entries by %s', (by) => {
    async function lost(): Promise<Desk> {
      const desk = await createDesk()
      await mkdir(join(claude(desk), 'skills/mine'), { recursive: true })
      await writeFile(join(claude(desk), 'skills/mine/SKILL.md'), 'mine')
      await desk.run(await desk.install(1, { ...skill('a', 'x'), ...skill('stays', 'x') }))
      await add(desk, { by })
      await rm(ledgerOf(desk))
      return desk
    }

    test('is no reason to leave anything of ours behind in an update', async () => {
      const desk = await lost()
      await update(desk, 2, { ...skill('b', 'y'), ...skill('stays', 'x') })
      expect(Object.keys(seen(claude(desk))).filter((path) => path.endsWith('SKILL.md'))).toEqual([
        'skills/b/SKILL.md',
        'skills/mine/SKILL.md',
        'skills/stays/SKILL.md',
      ])
      expect((await listSurfaces(desk.context))[0]).toMatchObject({ isCurrent: true, shadowed: [] })
      expect(readdirSync(desk.layout.kept)).toEqual([expect.stringMatching(/^before-join-/)])
    })

    test('is found anew by a pull that finds nothing new, without touching an entry that is right', async () => {
      const desk = await lost()
      await rm(join(claude(desk), 'skills/a'), { recursive: true })
      const stays = () => lstatSync(join(claude(desk), 'skills/stays'), { bigint: true }).ctimeNs
      const before = stays()
      expect(await attention(desk)).toBe(true)
      expect((await followCurrent(desk.context)).settled).toMatchObject([
        { outcome: 'moved', shown: { changed: ['skills/a'], shadowed: [] } },
      ])
      expect(stays()).toBe(before)
      expect(await attention(desk)).toBe(false)
    })

    test('does not keep its surface from being removed, with everything of ours and nothing else', async () => {
      const desk = await lost()
      expect((await removeSurface(desk.context, 'claude-code')).changed).toEqual(['skills/a', 'skills/stays'])
      expect(seen(claude(desk))).toEqual({ 'skills/mine/SKILL.md': 'mine' })
    })

    test('is not taken for one of nothing while the root is away', async () => {
      const desk = await lost()
      await rename(claude(desk), `${claude(desk)}.away`)
      expect((await followCurrent(desk.context)).settled).toMatchObject([{ problem: { code: 'absent' } }])
      await expect(removeSurface(desk.context, 'claude-code')).rejects.toMatchObject({ code: 'absent' })
      expect(existsSync(ledgerOf(desk))).toBe(false)
      expect(await heldHere(desk.context)).toHaveProperty('size', 1)
      await rename(`${claude(desk)}.away`, claude(desk))
      await removeSurface(desk.context, 'claude-code')
      expect(seen(claude(desk))).toEqual({ 'skills/mine/SKILL.md': 'mine' })
    })
  })

  test('with its pointer, as of a home that was deleted and has joined anew, leaves no link that leads nowhere', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, { ...skill('gone', 'x'), ...skill('stays', 'x') }))
    await add(desk)
    await symlink('nowhere', join(claude(desk), 'skills/mine'))
    await rm(ledgerOf(desk))
    await rm(pointerPath(desk.layout, 'claude-code'))
    await desk.run(await desk.install(2, skill('stays', 'y')))
    await add(desk)
    expect(readdirSync(join(claude(desk), 'skills')).sort()).toEqual(['mine', 'stays'])
    expect((await listSurfaces(desk.context))[0]).toMatchObject({ entries: 1, shadowed: [] })
  })

  test('holds what ran in the last fourteen days, as far as it is on disk', async () => {
    const desk = await createDesk()
    await add(desk)
    await update(desk, 1, skill('a', '1'))
    desk.clock.now += HOUR
    const two = await update(desk, 2, skill('a', '2'))
    desk.clock.now += 20 * DAY
    const three = await update(desk, 3, skill('a', '3'))
    desk.clock.now += DAY
    await rm(ledgerOf(desk))
    await followCurrent(desk.context)
    expect(await heldHere(desk.context)).toEqual(new Set([two.directory, three.directory]))
    desk.clock.now += 15 * DAY
    expect(await heldHere(desk.context)).toEqual(new Set([three.directory]))
  })

  test('or damaged is set aside when its surface is there no more, and holds what it may have shown', async () => {
    const desk = await createDesk()
    await add(desk)
    await desk.install(1, skill('a', '1'))
    const two = await update(desk, 2, skill('a', '2'))
    await removeSurface(desk.context, 'claude-code')
    await writeFile(ledgerOf(desk), 'torn')
    expect(await heldHere(desk.context)).toEqual(new Set([two.directory]))
    expect(readdirSync(desk.layout.kept)).toEqual([expect.stringMatching(/^ledger-claude-code-/)])
    desk.clock.now += 15 * DAY
    expect(await heldHere(desk.context)).toEqual(new Set())
    expect(readdirSync(desk.layout.ledgers)).toEqual([])
  })

  test('or damaged stays as it is while the definition of its surface cannot be read', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk)
    const config = JSON.parse(await readFile(desk.layout.config, 'utf8'))
    config.surfaces[0].by = 'magic'
    await writeFile(desk.layout.config, JSON.stringify(config))
    await writeFile(ledgerOf(desk), 'torn')
    expect(await heldHere(desk.context)).toHaveProperty('size', 1)
    expect(readFileSync(ledgerOf(desk), 'utf8')).toBe('torn')
  })

  test('or damaged hides no other surface from a list', async () => {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk)
    await add(desk, {}, 'agents')
    await add(desk, {}, 'claude-desktop')
    await writeFile(ledgerOf(desk), 'torn')
    await writeFile(ledgerOf(desk, 'claude-desktop'), 'torn')
    const unread = expect.stringContaining('damaged')
    expect(await listSurfaces(desk.context)).toMatchObject([
      { unread },
      { entries: 1, isCurrent: true, unread: undefined },
      { unread },
    ])
  })
})

describe('a surface that switches between sessions', () => {
  const wait = (desk: Desk, lease: Partial<Parameters<typeof takeLease>[1]> = {}): void =>
    takeLease(desk.layout, {
      id: 'one',
      surface: 'claude-code',
      release: 'x',
      since: desk.clock.now,
      ...lease,
    })
  const outcome = async (desk: Desk, moment: 'pull' | 'session'): Promise<string | undefined> =>
    (await followCurrent(desk.context, moment)).settled[0]?.outcome

  async function waiting(options: Partial<Surface> = {}): Promise<Desk> {
    const desk = await createDesk()
    await desk.run(await desk.install(1, skill('a', 'x')))
    await add(desk, { switch: 'session', maxWait: 60, ...options })
    wait(desk)
    await desk.run(await desk.install(2, skill('a', 'y')))
    return desk
  }

  test('waits for whoever reads it or everything, then moves when a session begins or ends', async () => {
    for (const surface of ['claude-code', EVERY]) {
      const desk = await waiting()
      wait(desk, { surface })
      expect(await outcome(desk, 'session')).toBe('waits')
      desk.clock.now += 30_000
      expect(await outcome(desk, 'pull')).toBe('waits')
      expect((await listSurfaces(desk.context))[0]).toMatchObject({
        isCurrent: false,
        sessions: surface === EVERY ? 2 : 1,
      })
      await rm(desk.layout.leases, { recursive: true })
      expect(await outcome(desk, 'pull')).toBe('waits')
      expect(await outcome(desk, 'session')).toBe('moved')
      expect((await readLedger(desk.layout, 'claude-code')).waitsSince).toBeUndefined()
    }
  })

  test('is not kept waiting by a reader of another surface, nor by one from far in the future', async () => {
    const desk = await waiting()
    await rm(desk.layout.leases, { recursive: true })
    wait(desk, { surface: 'agents' })
    wait(desk, { since: desk.clock.now + 300 * DAY })
    expect(await outcome(desk, 'session')).toBe('moved')
  })

  test('moves under a session at last, in a pull, and says so', async () => {
    const desk = await waiting()
    expect(await outcome(desk, 'pull')).toBe('waits')
    desk.clock.now += 61_000
    wait(desk)
    expect((await followCurrent(desk.context)).settled).toMatchObject([{ outcome: 'moved', overdue: true }])
  })

  test('starts to wait anew when what it waited for was taken back, or its clock was wrong', async () => {
    const desk = await waiting()
    desk.clock.now += 300 * DAY
    wait(desk)
    expect(await outcome(desk, 'pull')).toBe('waits')
    desk.clock.now -= 300 * DAY
    wait(desk)
    expect(await outcome(desk, 'pull')).toBe('waits')
    desk.clock.now += 61_000
    expect(await outcome(desk, 'pull')).toBe('moved')
  })
})

describe('a release that a surface has shown', () => {
  test('is held for fourteen days after, also when the surface is removed, and no longer', async () => {
    const desk = await createDesk()
    await add(desk, { by: 'link' })
    const one = await update(desk, 1, skill('a', 'x'))
    const two = await update(desk, 2, skill('a', 'y'))
    expect(await heldHere(desk.context)).toEqual(new Set([one.directory, two.directory]))
    desk.clock.now += 7 * DAY
    await removeSurface(desk.context, 'claude-code')
    expect(await heldHere(desk.context)).toEqual(new Set([one.directory, two.directory]))
    desk.clock.now += 8 * DAY
    expect(await heldHere(desk.context)).toEqual(new Set([two.directory]))
    desk.clock.now += 7 * DAY
    expect(await heldHere(desk.context)).toEqual(new Set())
    expect(readdirSync(desk.layout.ledgers)).toEqual([])
  })

  test('is held from when it was shown last, however long a begun switch lay about', async () => {
    const desk = await createDesk()
    await add(desk)
    const one = await update(desk, 1, skill('a', 'x'))
    // As a kill leaves it, right after it was noted what was about to be done.
    const until = formatInstant(desk.clock.now)
    const { shows: _begun, ...ledger } = await readLedger(desk.layout, 'claude-code')
    await writeLedger(desk.layout, 'claude-code', { ...ledger, former: [{ release: one.directory, until }] })
    desk.clock.now += 20 * DAY
    await update(desk, 2, skill('a', 'y'))
    desk.clock.now += HOUR
    expect(await heldHere(desk.context)).toContain(one.directory)
  })

  test('is held as long as a lease on it lives, and no longer', async () => {
    const desk = await createDesk()
    const { directory } = await desk.install(1, skill('a', 'x'))
    takeLease(desk.layout, { id: 'one', surface: EVERY, release: directory, since: desk.clock.now })
    desk.clock.now += 23 * HOUR
    expect(await heldHere(desk.context)).toEqual(new Set([directory]))
    desk.clock.now += 2 * HOUR
    expect(await heldHere(desk.context)).toEqual(new Set())
    expect(readdirSync(desk.layout.leases)).toEqual([])
  })

  test('is spared by tidying for as long, whatever else is in the way', async () => {
    const desk = await createDesk()
    await add(desk)
    const all: Installed[] = []
    for (let number = 1; number <= 6; number++) all.push(await update(desk, number, skill('a', `${number}`)))
    // Each of them more than everything that may be kept for having run lately.
    for (const { directory } of all)
      await writeFile(statPath(desk.layout, directory), `${3 * 1024 ** 3} 0 0 0 skills/a/SKILL.md\n`)
    const [leased, shown] = [await desk.install(7, skill('a', '7')), await desk.install(8, skill('a', '8'))]
    const names = (releases: readonly (Installed | undefined)[]) =>
      releases.flatMap((release) => release?.directory ?? []).sort()
    const left = () => readdirSync(desk.layout.releases).sort()
    takeLease(desk.layout, { ...LEASE, release: leased.directory, holder: ownIdentity() })
    await desk.run(shown)
    await followCurrent(desk.context)

    desk.clock.now += 13 * DAY
    await rollback(desk.context, all[5]?.version)
    expect(left()).toEqual(names([...all, leased, shown]))
    // Two that ran before are kept for that.
    desk.clock.now += 2 * DAY
    await rollback(desk.context, all[5]?.version)
    expect(left()).toEqual(names([all[3], all[4], all[5], leased, shown]))
    endLease(desk.layout, LEASE)
    desk.clock.now += 13 * DAY
    await rollback(desk.context, all[5]?.version)
    expect(left()).toEqual(names([all[3], all[4], all[5]]))
  })

  test('is no secret to leases that are torn, or not files', async () => {
    const desk = await createDesk()
    await writeFile(join(desk.layout.leases, 'torn.json'), '{"id":')
    await mkdir(join(desk.layout.leases, 'directory.json'))
    expect(await heldHere(desk.context)).toEqual(new Set())
  })
})

/** Another disk than that of the home, where this machine has one. */
function elsewhere(): string | undefined {
  const { dev } = lstatSync(process.env['TMPDIR'] ?? '/tmp')
  return ['/dev/shm', '/var/tmp'].find((path) => existsSync(path) && lstatSync(path).dev !== dev)
}
