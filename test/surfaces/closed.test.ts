/** Skills of a person that may not be read, or not be written to. */
import { lstatSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { restoreKept } from '../../src/flows/kept.ts'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { isRoot } from '../support/unprivileged.ts'
import { createDesk, skill } from './fixture.ts'

test.skipIf(isRoot)(
  'what may not be read is left out and stays; what may not be written to goes, and comes back, as it was',
  async () => {
    const desk = await createDesk()
    const claude = join(desk.root, '.claude')
    const pathOf = (name: string): string => join(claude, 'skills', name)
    for (const name of ['closed', 'locked', 'own']) {
      await mkdir(pathOf(name), { recursive: true })
      await writeFile(join(pathOf(name), 'SKILL.md'), 'mine')
    }
    await chmod(join(pathOf('closed'), 'SKILL.md'), 0)
    await chmod(pathOf('locked'), 0o555)
    await chmod(pathOf('own'), 0o555)
    await desk.run(await desk.install(1, { ...skill('closed', 'x'), ...skill('locked', 'x') }))
    const user = { directory: desk.root, variables: {} }
    const { leftOut, settled } = await addSurface(desk.context, 'claude-code', { adopt: 'take' }, user)
    expect(leftOut).toMatchObject([
      { place: 'skills/closed', why: expect.stringContaining('cannot be read') },
    ])
    expect(settled).toMatchObject({
      contact: { taken: ['skills/locked'] },
      shown: { shadowed: ['skills/closed'] },
    })
    const [aside = ''] = settled?.shown?.aside ?? []
    expect(lstatSync(join(aside, 'skills/locked')).mode & 0o777).toBe(0o555)
    await removeSurface(desk.context, 'claude-code')
    await chmod(pathOf('own'), 0o755)
    await rm(pathOf('own'), { recursive: true })
    await restoreKept(desk.context, 'before-join', undefined)
    for (const name of ['own', 'locked']) {
      expect(lstatSync(pathOf(name)).mode & 0o777).toBe(0o555)
      expect(await readFile(join(pathOf(name), 'SKILL.md'), 'utf8')).toBe('mine')
    }
  },
)
