/** Updates, sessions and changes of surfaces at once on one home, each a process of its own. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listSurfaces } from '../../src/flows/list-surfaces.ts'
import { addSurface } from '../../src/flows/surface.ts'
import type { Installed } from '../../src/home/releases.ts'
import { rollback } from '../../src/index.ts'
import { CLI, type Ended, runProcess } from '../support/victim.ts'
import { createDesk, type Files, inventory, seen, skill } from '../surfaces/fixture.ts'
import { EVERYTHING } from './crowd.ts'

const ROUNDS = EVERYTHING ? 20 : 1
/** Done, had nothing to do, or found another at work for too long. */
const FINE = [0, 1, 8]

const releaseOf = (number: number): Files => ({
  ...skill('steady', `${number}`),
  ...skill(`only-${number}`, `${number}`),
})
const shown = (number: number): Record<string, string> => ({
  [`skills/only-${number}/SKILL.md`]: `only-${number}: ${number}\n`,
  [`skills/only-${number}/scripts/run.sh`]: `#!/bin/sh\necho ${number}\n`,
  'skills/steady/SKILL.md': `steady: ${number}\n`,
  'skills/steady/scripts/run.sh': `#!/bin/sh\necho ${number}\n`,
})
const MINE = { 'skills/mine/SKILL.md': 'mine' }

test(`${ROUNDS} crowds leave whole skills, what the person has, and a home in order`, async () => {
  const desk = await createDesk()
  const { layout, context, root } = desk
  desk.clock.now = Date.now()
  const releases: Installed[] = []
  for (let number = 0; number < 4; number++) {
    const release = await desk.install(number + 1, releaseOf(number))
    await desk.run(release)
    releases.push(release)
  }
  const user = { directory: root, variables: {} }
  const roots = ['a', 'b', 'c'].map((name) => join(root, name))
  for (const [index, place] of roots.entries()) {
    await mkdir(join(place, 'skills/mine'), { recursive: true })
    await writeFile(join(place, 'skills/mine/SKILL.md'), 'mine')
    const options = {
      root: place,
      by: index === 1 ? 'copy' : 'link',
      switch: index === 2 ? 'session' : 'now',
    } as const
    await addSurface(context, 'custom', { name: `s${index}`, ...options }, user)
  }
  const mine = () => Object.entries(inventory(root)).filter(([path]) => path.includes('/mine'))
  const before = mine()
  const command = (...args: string[]): Promise<Ended> =>
    runProcess([CLI, ...args, '--quiet'], { env: { SKILLSCTL_HOME: layout.root } })
  const version = (index: number): string => releases[index % 4]?.version ?? ''

  for (let round = 0; round < ROUNDS; round++) {
    const ended = await Promise.all([
      command('rollback', version(round)),
      command('rollback', version(round + 1)),
      command('rollback', version(round + 2)),
      command('surface', 'remove', 's0'),
      command('surface', 'add', 'custom', '--as', 's0', '--root', roots[0] ?? ''),
      command('surface', 'add', 'custom', '--as', 's1', '--root', roots[1] ?? '', '--copy'),
      command('session', 'begin', '--surface', 's2', '--id', `${round}`),
      command('session', 'end', '--surface', 's2', '--id', `${round - 1}`),
    ])
    for (const { code, stderr } of ended) expect(FINE, stderr).toContain(code)
    for (const { stderr } of ended) expect(stderr).not.toMatch(/bug|TypeError|ENOENT/)
  }
  // Whoever was last: everything of one release each.
  for (const place of roots)
    expect([0, 1, 2, 3].map((number) => ({ ...shown(number), ...MINE })).concat([MINE])).toContainEqual(
      seen(place),
    )

  expect((await command('session', 'end', '--surface', 's2', '--id', `${ROUNDS - 1}`)).code).toBe(0)
  await addSurface(context, 'custom', { name: 's0', root: roots[0] }, user)
  await rollback(context, version(3))
  await command('session', 'begin', '--surface', 's2', '--id', 'last')
  for (const place of roots) expect(seen(place)).toEqual({ ...shown(3), ...MINE })
  expect((await listSurfaces(context)).map(({ isCurrent, shadowed }) => ({ isCurrent, shadowed }))).toEqual(
    roots.map(() => ({ isCurrent: true, shadowed: [] })),
  )
  expect(mine()).toEqual(before)
  expect(existsSync(layout.lock)).toBe(false)
  expect(readdirSync(layout.staging).filter((name) => name.startsWith('.'))).toEqual([])
})
