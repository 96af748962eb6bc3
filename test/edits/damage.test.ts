import { readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEdits } from '../../src/edits/record.ts'
import { blessEdit } from '../../src/flows/edits.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { listEdits } from '../../src/flows/list-edits.ts'
import { status } from '../../src/flows/status.ts'
import { createScene, head, linesOf, type Scene } from '../doctor/scene.ts'

const [PLAN, REVIEW] = ['skills/plan/SKILL.md', 'skills/review/SKILL.md']

function edit(path: string, content: string): void {
  unlinkSync(path)
  writeFileSync(path, content)
}

/** Two skills are edited, each kept as an overlay; the next release changes a third. */
async function twoEdits(): Promise<Scene & { seen(path: string): string; update(): Promise<unknown> }> {
  const scene = await createScene()
  const seen = (path: string): string => readFileSync(scene.at('.claude', path), 'utf8')
  for (const path of [PLAN, REVIEW]) edit(scene.at('.claude', path), `${seen(path)}mine\n`)
  await followCurrent(scene.context)
  const update = async (): Promise<unknown> => {
    const skills = {
      [PLAN]: head('plan'),
      [REVIEW]: head('review'),
      'skills/quarterback/SKILL.md': head('q'),
    }
    const { directory } = await scene.install(skills, '4'.repeat(40))
    await scene.activate(directory)
    return (await followCurrent(scene.context)).edits
  }
  return { ...scene, seen, update }
}

async function contentOf({ layout }: Scene, unit: string): Promise<string> {
  const { overlays } = await readEdits(layout)
  return join(layout.overlays, overlays.find((one) => one.unit === unit)?.content ?? '')
}

describe('a damaged overlay', () => {
  test('comes back from where it is shown still, before anything moves', async () => {
    const scene = await twoEdits()
    rmSync(await contentOf(scene, 'skills/plan'), { recursive: true })
    expect((await listEdits(scene.context)).edits.map(({ state }) => state)).toEqual(['kept', 'damaged'])
    expect(linesOf(await scene.look())).toContainEqual(
      expect.stringMatching(/^! skills\/plan: your edit is damaged: .+ \(skillsctl doctor --fix fixes it\)$/),
    )
    expect(await scene.update()).toEqual([])
    expect(scene.seen(PLAN)).toContain('mine')
    expect((await listEdits(scene.context)).edits.map(({ state }) => state)).toEqual(['kept', 'kept'])
  })

  test('that was edited since is what is shown now', async () => {
    const scene = await twoEdits()
    rmSync(await contentOf(scene, 'skills/plan'), { recursive: true })
    edit(scene.at('.claude', PLAN), `${head('plan')}later\n`)
    expect(await scene.update()).toMatchObject([{ unit: 'skills/plan', became: 'kept' }])
    expect(scene.seen(PLAN)).toContain('later')
    expect(scene.seen(REVIEW)).toContain('mine')
    expect(scene.seen('skills/quarterback/SKILL.md')).toBe(head('q'))
  })

  test('that is nowhere any more holds up nobody else: the release is shown, nothing is deleted, doctor says what to do', async () => {
    const scene = await twoEdits()
    const content = await contentOf(scene, 'skills/plan')
    const backup = readFileSync(join(content, 'content.json'))
    writeFileSync(join(content, 'content.json'), '{')
    rmSync(scene.layout.views, { recursive: true })
    expect(await scene.update()).toEqual([{ unit: 'skills/plan', surface: undefined, became: 'damaged' }])
    expect(scene.seen(PLAN)).toBe(head('plan'))
    expect(scene.seen(REVIEW)).toContain('mine')
    expect(readFileSync(join(content, 'mine', PLAN), 'utf8')).toContain('mine')
    expect(linesOf(await scene.look({ fix: true }))).toContainEqual(
      expect.stringMatching(/^! skills\/plan: your edit is damaged: .+ give it up: skillsctl edits drop/),
    )
    writeFileSync(join(content, 'content.json'), backup)
    await followCurrent(scene.context)
    expect(scene.seen(PLAN)).toContain('mine')
    expect(await listEdits(scene.context)).toMatchObject({ edits: [{ state: 'kept' }, { state: 'kept' }] })
  })
})

describe('a record of edits', () => {
  test.each([
    ['that cannot be read', (path: string) => writeFileSync(path, '{"format":"skillsctl-edits/1"')],
    ['that is gone', (path: string) => rmSync(path)],
  ])('%s is made anew by doctor --fix, of what surfaces show', async (_, damage) => {
    const scene = await twoEdits()
    await blessEdit(scene.context, { skill: 'review' }, 'on purpose')
    const before = await readEdits(scene.layout)
    damage(scene.layout.edits)
    expect((await scene.look()).findings).toContainEqual(
      expect.objectContaining({ check: 'edits', level: 'problem', fix: 'edits' }),
    )
    const { fixed, failed } = await scene.look({ fix: true })
    expect({ fixed: fixed.length > 0, failed }).toEqual({ fixed: true, failed: [] })
    const after = await readEdits(scene.layout)
    const known = ({ overlays }: typeof after): object[] =>
      overlays
        .map(({ unit, content, base }) => ({ unit, content, base }))
        .sort((a, b) => (a.unit < b.unit ? -1 : 1))
    expect(known(after)).toEqual(known(before))
    expect(scene.seen(PLAN)).toContain('mine')
    expect(scene.seen(REVIEW)).toContain('mine')
  })

  test('that cannot be read stops neither status nor the release, and costs nobody an edit', async () => {
    const scene = await twoEdits()
    writeFileSync(scene.layout.edits, '{')
    expect((await status(scene.context)).reasons).toContainEqual(
      expect.stringMatching(/^edits cannot be looked at: .+: see skillsctl doctor$/),
    )
    await scene.update()
    expect(readdirSync(scene.layout.overlays)).toHaveLength(2)
    expect(scene.seen(PLAN)).toContain('mine')
  })
})
