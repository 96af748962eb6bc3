import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEdits } from '../../src/edits/record.ts'
import { beginEdit, saveEdits } from '../../src/flows/edit-skill.ts'
import { dropEdit } from '../../src/flows/edits.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { createSurfaceHome, pathIn, type SurfaceHome } from '../support/surface-home.ts'

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
