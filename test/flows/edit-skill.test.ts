import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEdits } from '../../src/edits/record.ts'
import { beginEdit, saveEdits, saveFrom } from '../../src/flows/edit-skill.ts'
import { dropEdit, resolveEdit } from '../../src/flows/edits.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { createSurfaceHome, pathIn, type SurfaceHome } from '../support/surface-home.ts'
import { seen } from '../surfaces/fixture.ts'

const A = '---\nname: a\n---\none\ntwo\nthree\nfour\nfive\n'
const skill = 'a'

async function machine(): Promise<{ home: SurfaceHome; root: string }> {
  const home = await createSurfaceHome()
  await home.update({ 'skills/a/SKILL.md': A, 'commands/c.md': 'another release that has the same skill' })
  await home.update({ 'skills/a/SKILL.md': A, 'commands/c.md': 'c' })
  return { home, root: await home.add() }
}

async function change(home: SurfaceHome, path: string, from: string, to: string): Promise<void> {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
  await followCurrent(home.context)
}

describe('a copy that somebody works on', () => {
  test('is merged when it is saved with what releases changed meanwhile, also when it began with an edit', async () => {
    const { home, root } = await machine()
    await change(home, pathIn(root, 'a'), 'one', 'ONE')
    await change(home, pathIn(root, 'a'), 'ONE', 'EINS')
    const { path } = await beginEdit(home.context, { skill })
    await home.update({ 'skills/a/SKILL.md': A.replace('five', 'FIVE') })
    writeFileSync(join(path, 'SKILL.md'), A.replace('one', 'EINS').replace('three', 'DREI'))
    await saveEdits(home.context)
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(
      A.replace('one', 'EINS').replace('three', 'DREI').replace('five', 'FIVE'),
    )
  })

  test('saved after the edit that it began with was dropped waits for nothing', async () => {
    const { home, root } = await machine()
    await change(home, pathIn(root, 'a'), 'one', 'ONE')
    const { path } = await beginEdit(home.context, { skill })
    await dropEdit(home.context, { skill })
    writeFileSync(join(path, 'SKILL.md'), A.replace('one', 'ONE').replace('two', 'ZWEI'))
    await saveEdits(home.context)
    const { overlays } = await readEdits(home.layout)
    expect(overlays).toMatchObject([{ unit: 'skills/a' }])
    expect(overlays[0]?.waits).toBeUndefined()
  })
})

describe('what a person gives to be a skill', () => {
  const merged = (directory: string) => ({ by: 'merged', directory }) as const

  test('may be behind a link, as a copy of what an agent sees is one', async () => {
    const { home, root } = await machine()
    const [given, link] = [join(home.user, 'given'), join(home.user, 'link')]
    mkdirSync(given)
    writeFileSync(join(given, 'SKILL.md'), A.replace('one', 'ONE'))
    symlinkSync(given, link)
    await saveFrom(home.context, { skill }, link)
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('ONE')
    writeFileSync(join(given, 'SKILL.md'), '<<<<<<< mine\n')
    await expect(resolveEdit(home.context, { skill }, merged(link))).rejects.toMatchObject({
      code: 'refused',
    })
  })

  test('may hold conflict markers when it is about them', async () => {
    const { home, root } = await machine()
    const guide = `${A}<<<<<<< HEAD\n`
    await home.update({ 'skills/a/SKILL.md': guide, 'other.txt': 'another release that has the same skill' })
    await home.update({ 'skills/a/SKILL.md': guide })
    await change(home, pathIn(root, 'a'), 'one', 'ONE')
    mkdirSync(join(home.user, 'given'))
    writeFileSync(join(home.user, 'given/SKILL.md'), guide.replace('one', 'EINS'))
    await resolveEdit(home.context, { skill }, merged(join(home.user, 'given')))
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('EINS')
  })

  test('is refused where agents would not see it any more', async () => {
    const { home, root } = await machine()
    const empty = join(home.user, 'empty')
    mkdirSync(empty)
    const file = join(home.user, 'file.md')
    writeFileSync(file, 'a file')
    const other = join(home.user, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'README.md'), 'no skill')
    await expect(saveFrom(home.context, { skill }, empty)).rejects.toMatchObject({ code: 'absent' })
    await expect(saveFrom(home.context, { skill }, file)).rejects.toMatchObject({ expected: 'a directory' })
    await expect(saveFrom(home.context, { skill: 'c' }, other)).rejects.toMatchObject({ expected: 'a file' })
    await expect(saveFrom(home.context, { skill }, other)).rejects.toMatchObject({ code: 'refused' })
    await change(home, pathIn(root, 'a'), 'one', 'ONE')
    await expect(resolveEdit(home.context, { skill }, merged(file))).rejects.toMatchObject({
      code: 'refused',
    })
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('ONE')
  })

  test('is refused when nothing is left of the copy', async () => {
    const { home, root } = await machine()
    const { path } = await beginEdit(home.context, { skill })
    rmSync(path, { recursive: true })
    await expect(saveEdits(home.context)).rejects.toMatchObject({ code: 'absent' })
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A)
  })
})

test('what a person gives to settle an edit is what they wrote: a later merge sets it aside first, also where we had merged before', async () => {
  const { home, root } = await machine()
  await change(home, pathIn(root, 'a'), 'one', 'ONE')
  await home.update({ 'skills/a/SKILL.md': A.replace('five', 'FIVE') })
  const given = join(home.user, 'given')
  mkdirSync(given)
  const theirs = A.replace('one', 'UNO').replace('five', 'FIVE')
  writeFileSync(join(given, 'SKILL.md'), theirs)
  await resolveEdit(home.context, { skill }, { by: 'merged', directory: given })
  rmSync(given, { recursive: true })
  await home.update({ 'skills/a/SKILL.md': A.replace('five', 'FIVE').replace('three', 'THREE') })
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(theirs.replace('three', 'THREE'))
  expect(Object.values(seen(home.layout.kept))).toContain(theirs)
})
