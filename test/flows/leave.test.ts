/** Leaving: everything of ours goes, nothing that a person wrote does, and whatever was killed is finished by doing it again. */
import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { setAfterSwitch } from '../../src/flows/after-switch.ts'
import { beginEdit } from '../../src/flows/edit-skill.ts'
import { restoreKept, showKept } from '../../src/flows/kept.ts'
import { leave, leaving } from '../../src/flows/leave.ts'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { installHook } from '../../src/flows/surface-hook.ts'
import { requireConfig } from '../../src/home/config.ts'
import { listKept } from '../../src/home/kept.ts'
import { surfacesOf } from '../../src/surfaces/definitions.ts'
import { EVERY, takeLease } from '../../src/surfaces/lease.ts'
import { snapshots } from '../../src/surfaces/snapshot.ts'
import { createDesk, type Desk, inventory, seen, skill } from '../surfaces/fixture.ts'

const RELEASE = {
  ...skill('equal', 'x'),
  ...skill('other', 'x'),
  ...skill('linked', 'x'),
  ...skill('copied', 'x'),
}
const SETTINGS = '{ "model": "x" }\n'
const PROGRAM = { node: '/opt/node', program: '/opt/skillsctl/hook.cjs' }

interface Joined extends Desk {
  readonly claude: string
  readonly copies: string
  /** As it was before anything of ours came. */
  readonly before: Readonly<Record<string, string>>
}

/** Two surfaces, one by copy, with a hook, and the person's own version of a skill. */
async function joined(): Promise<Joined> {
  const desk = await createDesk()
  const [claude, copies] = [join(desk.root, '.claude'), join(desk.root, 'copies')]
  for (const [place, text] of [
    ['equal', 'equal: x\n'],
    ['other', 'other: mine\n'],
    ['own', 'own\n'],
  ] as const) {
    await mkdir(join(claude, 'skills', place), { recursive: true })
    await writeFile(join(claude, 'skills', place, 'SKILL.md'), text)
  }
  await mkdir(join(claude, 'skills/equal/scripts'))
  await writeFile(join(claude, 'skills/equal/scripts/run.sh'), '#!/bin/sh\necho x\n', { mode: 0o755 })
  await writeFile(join(claude, 'settings.json'), SETTINGS)
  const before = seen(desk.root)
  await desk.run(await desk.install(1, RELEASE))
  const user = { directory: desk.root, variables: {} }
  await addSurface(desk.context, 'claude-code', { adopt: 'keep' }, user)
  await addSurface(desk.context, 'custom', { name: 'copies', root: copies, by: 'copy' }, user)
  return { ...desk, claude, copies, before }
}

function texts(directory: string): string[] {
  return Object.values(seen(directory))
}

test('takes every entry, hook and release away, and keeps every byte that a person wrote, whole', async () => {
  const desk = await joined()
  const { layout, claude, copies, context } = desk
  await installHook(context, 'claude-code', { ...PROGRAM, home: layout.root })
  await setAfterSwitch(context, { command: 'true', timeout: 5 })
  // In a copy, in the release through a link, and in a copy made to work on.
  appendFileSync(join(copies, 'skills/copied/SKILL.md'), 'in a copy\n')
  const linked = join(claude, 'skills/linked/SKILL.md')
  await chmod(linked, 0o644)
  writeFileSync(linked, 'through a link\n')
  const { path } = await beginEdit(context, { skill: 'equal' })
  await writeFile(join(path, 'SKILL.md'), 'not saved yet\n')

  const report = await leave(context)
  expect(report.surfaces.map(({ surface }) => surface)).toEqual(['claude-code', 'copies'])
  expect(report.left).toEqual(['kept'])
  expect(readFileSync(join(claude, 'settings.json'), 'utf8')).toBe(SETTINGS)
  expect(Object.keys(seen(desk.root)).sort()).toEqual([
    '.claude/settings.json',
    '.claude/skills/own/SKILL.md',
  ])
  // Where there was nothing, there is nothing again.
  expect(existsSync(copies)).toBe(false)
  expect(readdirSync(claude).sort()).toEqual(['settings.json', 'skills'])
  for (const text of ['other: mine\n', 'copied: x\nin a copy\n', 'through a link\n', 'not saved yet\n'])
    expect(texts(layout.kept), text).toContain(text)

  // It is listed, and comes back.
  const kinds = listKept(layout).map(({ kind }) => kind)
  expect([...new Set(kinds)].sort()).toEqual(['adopted', 'draft', 'edit', 'edits', 'snapshot'])
  const edit = listKept(layout).find(({ kind }) => kind === 'edit')
  const to = join(desk.root, 'back')
  await restoreKept(context, edit?.name ?? '', to)
  expect(readFileSync(join(to, 'skills/other/SKILL.md'), 'utf8')).toBe('other: mine\n')
})

test('with --restore brings back what was there before, but never over what came since', async () => {
  const desk = await joined()
  const { claude, context, before, layout } = desk
  const own = inventory(join(claude, 'skills/own'))
  const { restored } = await leave(context, { restore: true })
  expect(restored.map(({ outcome }) => outcome).sort()).toEqual(['restored', 'restored', 'same'])
  expect(seen(desk.root)).toEqual(before)
  expect(inventory(join(claude, 'skills/own'))).toEqual(own)
  expect(readdirSync(layout.root)).toEqual(['kept'])
})

test('what a person has made since, in the place of what was there, stays and is named', async () => {
  const desk = await joined()
  const { claude, context, layout } = desk
  await rm(join(claude, 'skills/other'))
  await mkdir(join(claude, 'skills/other'))
  await writeFile(join(claude, 'skills/other/SKILL.md'), 'made since\n')
  const { restored } = await leave(context, { restore: true })
  expect(restored.find(({ path }) => path.endsWith('other'))).toMatchObject({ outcome: 'taken' })
  expect(readFileSync(join(claude, 'skills/other/SKILL.md'), 'utf8')).toBe('made since\n')
  expect(texts(layout.kept)).toContain('other: mine\n')
})

test('a home in which nothing was ever written is gone, and can be joined again', async () => {
  const desk = await createDesk()
  await desk.run(await desk.install(1, RELEASE))
  await addSurface(desk.context, 'agents', {}, { directory: desk.root, variables: {} })
  expect(await leave(desk.context)).toMatchObject({ left: [], kept: [] })
  expect(existsSync(desk.layout.root)).toBe(false)
  await expect(leave(desk.context)).rejects.toMatchObject({ code: 'usage' })
})

test('a home with something of somebody else in it stays, and that is named', async () => {
  const desk = await createDesk()
  await writeFile(join(desk.layout.root, 'notes.txt'), 'mine')
  expect((await leave(desk.context)).left).toEqual(['notes.txt'])
})

test('a release that nobody can read the manifest of is kept as it is: somebody may have edited it', async () => {
  const desk = await createDesk()
  const release = await desk.install(1, RELEASE)
  await desk.run(release)
  await writeFile(join(desk.layout.manifests, `${release.directory}.json`), 'torn')
  await leave(desk.context)
  expect(listKept(desk.layout)).toMatchObject([
    { kind: 'damaged', name: `damaged-${release.directory}`, files: 8 },
  ])
})

test('who is reading is told of', async () => {
  const desk = await joined()
  const { layout, context, clock } = desk
  takeLease(layout, { id: 'one', surface: EVERY, release: 'x', since: clock.now })
  expect(await leaving(context)).toEqual({ surfaces: ['claude-code', 'copies'], readers: 1 })
})

test('is refused before anything is changed where the root of a surface is away, which can be given up', async () => {
  const desk = await joined()
  const { copies, context, layout } = desk
  await rename(copies, `${copies} away`)
  await expect(leave(context)).rejects.toMatchObject({
    code: 'absent',
    hint: expect.stringContaining('--gone'),
  })
  await expect(removeSurface(context, 'claude-code', { gone: true })).rejects.toMatchObject({
    code: 'refused',
  })
  await removeSurface(context, 'copies', { gone: true })
  expect(surfacesOf(await requireConfig(layout)).map(({ name }) => name)).not.toContain('copies')
  expect(existsSync(join(layout.ledgers, 'copies.json'))).toBe(false)
  await leave(context, { restore: true })
  expect(readdirSync(layout.root)).toEqual(['kept'])
})

test('with --restore is refused when the snapshot is gone', async () => {
  const desk = await joined()
  await removeTree(join(desk.layout.kept, snapshots(desk.layout)[0]?.name ?? ''))
  await expect(leave(desk.context, { restore: true })).rejects.toMatchObject({ code: 'absent' })
  expect(lstatSync(join(desk.claude, 'skills/equal')).isSymbolicLink()).toBe(true)
})

test('an edit of one surface goes to kept/ with it', async () => {
  const desk = await joined()
  const { kept } = await removeSurface(desk.context, 'claude-code')
  expect(kept).toEqual([expect.stringContaining('edit-other~')])
  expect(await readFile(join(kept[0] ?? '', 'mine/skills/other/SKILL.md'), 'utf8')).toBe('other: mine\n')
  expect(JSON.parse(await readFile(desk.layout.edits, 'utf8')).overlays).toEqual([])
})

test('what was kept is found by the beginning of its name, and put back without putting anything over', async () => {
  const desk = await joined()
  const { context, layout, claude } = desk
  const found = showKept(layout, 'before-join')
  expect(found.roots).toMatchObject([{ surface: 'claude-code', root: claude }])
  expect(found.paths.map(({ path }) => path)).toContain('claude-code/skills/own/SKILL.md')
  // The surface is shown there: what is in the way is named.
  const { places } = await restoreKept(context, 'before-join', undefined)
  expect(places.map(({ outcome }) => outcome).sort()).toEqual(['ours', 'ours', 'same'])
  const to = join(desk.root, 'to')
  await mkdir(join(to, 'claude-code/skills'), { recursive: true })
  await writeFile(join(to, 'claude-code/skills/own'), 'a file in the place of a directory')
  const copied = await restoreKept(context, 'before-join', to)
  expect(copied.places.map(({ outcome }) => outcome).sort()).toEqual([
    'restored',
    'restored',
    'restored',
    'taken',
  ])
  expect((await restoreKept(context, found.name, to)).places.map(({ outcome }) => outcome).sort()).toEqual([
    'same',
    'same',
    'same',
    'taken',
  ])
  const aside = listKept(layout).find(({ kind }) => kind === 'adopted')
  await expect(restoreKept(context, aside?.name ?? '', undefined)).rejects.toMatchObject({ code: 'usage' })
  await expect(restoreKept(context, 'before-jion-2026', undefined)).rejects.toMatchObject({ code: 'absent' })
})
