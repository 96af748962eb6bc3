import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contentNames } from '../../src/edits/content.ts'
import { readEdits } from '../../src/edits/record.ts'
import { viewNames } from '../../src/edits/view.ts'
import { dropEdit } from '../../src/flows/edits.ts'
import { followCurrent, followLate } from '../../src/flows/follow-surfaces.ts'
import { openMachine } from '../../src/flows/machine.ts'
import { restoreEdited } from '../../src/flows/restore-edited.ts'
import { findDrift } from '../../src/home/drift.ts'
import { currentRelease } from '../../src/home/releases.ts'
import { MOST_FORMER_VIEWS } from '../../src/surfaces/ledger.ts'
import { createSurfaceHome, pathIn } from '../support/surface-home.ts'
import { HOUR } from '../support/team.ts'

const text = (...lines: string[]): string => `${lines.join('\n')}\n`
const A = text('---', 'name: a', '---', 'one', 'two', 'three', 'four', 'five')

/** As editors do: another file takes the place of the old one. */
function edit(path: string, content: string): void {
  unlinkSync(path)
  writeFileSync(path, content)
}

describe('an edit through a link', () => {
  test('becomes an overlay that the surface goes on showing, and the release is restored', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A, 'skills/b/SKILL.md': 'b' })
    await home.update({ 'skills/a/SKILL.md': A, 'skills/b/SKILL.md': 'b2' })
    const root = await home.add()
    edit(pathIn(root, 'a'), A.replace('two', 'TWO'))
    const { edits } = await followCurrent(home.context)
    expect(edits).toMatchObject([{ unit: 'skills/a', became: 'kept' }])
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('TWO')
    expect(await restoreEdited(await openMachine(home.context))).toBeDefined()
    const current = currentRelease(home.layout)
    expect(current && findDrift(home.layout, current)).toEqual([])
    expect(readFileSync(join(home.layout.current, 'skills/a/SKILL.md'), 'utf8')).toBe(A)
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('TWO')
    expect(readFileSync(pathIn(root, 'b'), 'utf8')).toBe('b2')
  })

  test('is merged with what a newer release changed elsewhere in the file', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A, 'old.txt': 'another release that has the same file' })
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add()
    edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
    await followCurrent(home.context)
    await home.update({ 'skills/a/SKILL.md': A.replace('five', 'FIVE') })
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A.replace('one', 'ONE').replace('five', 'FIVE'))
    expect((await readEdits(home.layout)).overlays).toMatchObject([{ unit: 'skills/a' }])
  })

  test('stays whole where the newer release changed the same, and waits', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add()
    edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
    await home.update({ 'skills/a/SKILL.md': A.replace('one', '1'), 'skills/b/SKILL.md': 'b' })
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A.replace('one', 'ONE'))
    expect(readFileSync(pathIn(root, 'b'), 'utf8')).toBe('b')
    expect((await readEdits(home.layout)).overlays).toMatchObject([
      { unit: 'skills/a', waits: { because: 'conflict', paths: ['skills/a/SKILL.md'] } },
    ])
  })

  test('ends when a release brings the same', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add()
    edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
    await followCurrent(home.context)
    const { directory } = await home.update({ 'skills/a/SKILL.md': A.replace('one', 'ONE') })
    expect((await readEdits(home.layout)).overlays).toEqual([])
    expect(readdirSync(home.layout.surfaces)).toEqual(['claude-code'])
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A.replace('one', 'ONE'))
    expect(directory).toBeDefined()
  })

  test('in a view is taken over again', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add()
    for (const word of ['ONE', 'EINS', 'ONE']) {
      edit(pathIn(root, 'a'), A.replace('one', word))
      writeFileSync(join(root, 'skills/a/new.txt'), word)
      await followCurrent(home.context)
      expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain(word)
      expect(readFileSync(join(root, 'skills/a/new.txt'), 'utf8')).toBe(word)
    }
    expect((await readEdits(home.layout)).overlays).toHaveLength(1)
  })
})

describe('an edit in a tree that is older than the overlay', () => {
  test('never takes back what a release changed: where both changed the same, it waits', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A, 'old.txt': 'another release that has the same file' })
    const { directory } = await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add({ switch: 'session' })
    edit(pathIn(root, 'a'), A.replace('five', 'FIVE'))
    await home.update({ 'skills/a/SKILL.md': A.replace('one', '1').replace('two', '2') })
    edit(pathIn(root, 'a'), A.replace('five', 'FIVE').replace('one', 'ONE'))
    const { edits } = await followCurrent(home.context)
    expect(edits).toMatchObject([{ became: 'kept' }, { became: 'waits', paths: ['skills/a/SKILL.md'] }])
    const { overlays } = await readEdits(home.layout)
    expect(overlays).toMatchObject([{ base: { version: directory }, waits: { because: 'conflict' } }])
  })
})

describe('an edit in a tree that the surface has left', () => {
  test('by somebody who still stands there, is taken over; what they gave up before does not come back', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A, 'old.txt': 'another release that has the same file' })
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add()
    const left = realpathSync(join(root, 'skills/a'))
    edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
    await followCurrent(home.context)
    await dropEdit(home.context, { skill: 'a' })
    home.clock.pass(HOUR)
    await home.update({ 'skills/a/SKILL.md': A.replace('five', 'FIVE') })
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A.replace('five', 'FIVE'))
    const late = join(left, 'SKILL.md')
    edit(late, A.replace('one', 'EINS'))
    utimesSync(late, new Date(home.clock.now() + HOUR), new Date(home.clock.now() + HOUR))
    await followCurrent(home.context)
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A.replace('five', 'FIVE').replace('one', 'EINS'))
  })
})

describe('a skill that writes into itself', () => {
  test('leaves no more behind than its latest versions', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add()
    const machine = await openMachine(home.context)
    for (let count = 0; count < MOST_FORMER_VIEWS + 5; count++) {
      writeFileSync(join(root, 'skills/a/state.json'), `${count}`)
      await followLate(machine)
    }
    expect(viewNames(home.layout).length).toBeLessThanOrEqual(MOST_FORMER_VIEWS + 1)
    expect(contentNames(home.layout).length).toBeLessThanOrEqual(MOST_FORMER_VIEWS + 1)
    expect((await readEdits(home.layout)).taken.size).toBeLessThanOrEqual(MOST_FORMER_VIEWS + 3)
    expect(readFileSync(join(root, 'skills/a/state.json'), 'utf8')).toBe(`${MOST_FORMER_VIEWS + 4}`)
  })
})

describe('an edit of a copy', () => {
  test('stays in its place, and is merged with a newer release', async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A })
    const root = await home.add({ by: 'copy' })
    edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
    const { edits } = await followCurrent(home.context)
    expect(edits).toMatchObject([{ unit: 'skills/a', became: 'kept' }])
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('ONE')
    expect((await followCurrent(home.context)).edits).toEqual([])
    await home.update({ 'skills/a/SKILL.md': A.replace('five', 'FIVE') })
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(A.replace('one', 'ONE').replace('five', 'FIVE'))
    expect(existsSync(home.layout.kept)).toBe(true)
    chmodSync(pathIn(root, 'a'), 0o644)
  })
})

test('a record of edits that somebody has removed is made anew by the next run, and nothing else is shown meanwhile', async () => {
  const home = await createSurfaceHome()
  await home.update({ 'skills/a/SKILL.md': A })
  const root = await home.add()
  edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
  await followCurrent(home.context)
  unlinkSync(home.layout.edits)
  await home.update({ 'skills/a/SKILL.md': A, 'skills/b/SKILL.md': 'b' })
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('ONE')
  expect((await readEdits(home.layout)).overlays).toMatchObject([{ unit: 'skills/a' }])
})

// Other systems make no such name.
test.runIf(process.platform === 'linux')(
  'a name that is not UTF-8 holds back its own skill, whole, and is told of',
  async () => {
    const home = await createSurfaceHome()
    await home.update({ 'skills/a/SKILL.md': A, 'skills/b/SKILL.md': 'b' })
    const root = await home.add()
    const odd = Buffer.concat([Buffer.from(join(root, 'skills/a/')), Buffer.from([0xff, 0x2e, 0x6d, 0x64])])
    writeFileSync(odd, 'mine')
    edit(pathIn(root, 'a'), A.replace('one', 'ONE'))
    edit(pathIn(root, 'b'), 'B')
    const { edits } = await followCurrent(home.context)
    expect(edits).toMatchObject([
      { unit: 'skills/b', became: 'kept' },
      { unit: 'skills/a', became: 'unreadable', paths: [expect.stringContaining('skills/a/')] },
    ])
    expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('ONE')
    expect(readFileSync(odd, 'utf8')).toBe('mine')
  },
)
