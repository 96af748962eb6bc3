/** What surfaces have shown may be gone, with all that was known of it: that keeps nobody from looking at the rest. */
import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { heldHere } from '../../src/flows/follow-surfaces.ts'
import { inStaging } from '../../src/home/staging.ts'
import { tidyHome } from '../../src/home/tidy.ts'
import { createSurfaceHome, pathIn } from '../support/surface-home.ts'

const FILE = 'skills/a/SKILL.md'
const DAY = 24 * 60 * 60 * 1000
const MONTH = 30 * DAY

type Home = Awaited<ReturnType<typeof createSurfaceHome>>

const shown = (root: string): string => readFileSync(pathIn(root, 'a'), 'utf8')

/** A day later, and tidied as after any pull. */
async function update(home: Home, content: string): Promise<void> {
  home.clock.pass(DAY)
  await home.update({ [FILE]: content })
  await tidy(home)
}

async function tidy({ layout, clock, context }: Home): Promise<void> {
  await inStaging(layout, async (area) =>
    tidyHome(layout, area.directory, clock.now(), await heldHere(context)),
  )
}

test('surfaces follow after a release that they have left was tidied away', async () => {
  const home = await createSurfaceHome()
  await home.update({ [FILE]: '1' })
  const root = await home.add()
  for (const content of ['2', '3', '4']) await update(home, content)
  home.clock.pass(MONTH)
  await tidy(home)
  for (const content of ['5', '6']) {
    await home.update({ [FILE]: content })
    expect(shown(root)).toBe(content)
  }
})

test('a surface whose root was away for a month follows when it is back', async () => {
  const home = await createSurfaceHome()
  await update(home, '1')
  const root = await home.add()
  for (const content of ['2', '3']) await update(home, content)
  renameSync(root, `${root}.away`)
  home.clock.pass(MONTH)
  for (const content of ['4', '5']) await update(home, content)
  renameSync(`${root}.away`, root)
  await update(home, '6')
  expect(shown(root)).toBe('6')
})

test('a surface of which somebody has removed the release shows the next one', async () => {
  const home = await createSurfaceHome()
  const { directory } = await home.update({ [FILE]: '1' })
  const root = await home.add()
  const { releases, manifests } = home.layout
  for (const path of [
    join(releases, directory),
    ...['json', 'stat'].map((end) => join(manifests, `${directory}.${end}`)),
  ])
    rmSync(path, { recursive: true })
  await home.update({ [FILE]: '2' })
  expect(shown(root)).toBe('2')
})
