import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { switchCurrent } from '../../src/home/activation.ts'
import { listInstalled } from '../../src/home/releases.ts'
import { openStaging, type StagingArea } from '../../src/home/staging.ts'
import { updateState } from '../../src/home/state.ts'
import { tidyHome } from '../../src/home/tidy.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = Date.UTC(2026, 10, 21)

let home: TestHome
let area: StagingArea

beforeEach(async () => {
  home = await createTestHome()
  area = await openStaging(home.layout)
})
afterEach(() => home.remove())

/** Installs and activates releases `1`, `2`, … a day apart, the last one today. @returns their directories */
async function run(count: number, daysApart = 20): Promise<string[]> {
  const directories: string[] = []
  for (let index = 1; index <= count; index++) {
    const { directory } = await home.install({ a: `${index}` }, { commit: `${index}`.repeat(40) })
    const at = NOW - (count - index) * daysApart * DAY
    await switchCurrent(home.layout, directory, 'update', 'test', at)
    directories.push(directory)
  }
  return directories
}

const installed = (): string[] => listInstalled(home.layout).map(({ directory }) => directory)
const tidy = () => tidyHome(home.layout, area.directory, NOW)

test('current and the two before it stay, older ones go with their records', async () => {
  const [first, second, ...rest] = await run(5)
  expect(await tidy()).toEqual({ removed: [first, second].reverse(), kept: [] })
  expect(installed()).toEqual(rest)
  expect(readdirSync(home.layout.manifests)).toHaveLength(2 * rest.length)
  expect(readdirSync(area.directory).sort()).toEqual(['owner.json', 'tree'])
})

test('what ran in the last 14 days stays', async () => {
  const all = await run(6, 2)
  expect((await tidy()).removed).toEqual([])
  expect(installed()).toEqual(all)
})

test('what is pinned stays, however old', async () => {
  const [first = ''] = await run(5)
  const pinned = listInstalled(home.layout).find(({ directory }) => directory === first)
  if (pinned === undefined) throw new Error('nothing was installed')
  await updateState(home.layout, { pin: { version: pinned.version, manifest: pinned.manifest } })
  await tidy()
  expect(installed()).toContain(first)
})

test('a second time there is nothing to do', async () => {
  await run(5)
  await tidy()
  expect(await tidy()).toEqual({ removed: [], kept: [] })
})

test('edits in a release that goes are kept first', async () => {
  const [first = ''] = await run(4)
  const path = join(home.layout.releases, first, 'a')
  rmSync(path)
  writeFileSync(path, 'my work')
  const { removed, kept } = await tidy()
  expect(removed).toEqual([first])
  expect(kept.map((directory) => readFileSync(join(directory, 'files/a'), 'utf8'))).toEqual(['my work'])
  expect(existsSync(join(home.layout.releases, first))).toBe(false)
})

test('a release whose edits cannot be kept is not removed', async () => {
  const [first = ''] = await run(4)
  rmSync(join(home.layout.releases, first, 'a'))
  writeFileSync(join(home.layout.releases, first, 'a'), 'my work')
  rmSync(home.layout.kept, { recursive: true })
  writeFileSync(home.layout.kept, 'in the way')
  await expect(tidy()).rejects.toMatchObject({ name: 'SkillsctlError' })
  expect(readFileSync(join(home.layout.releases, first, 'a'), 'utf8')).toBe('my work')
})

test('a release with a torn manifest is no reason to fail', async () => {
  const [first = ''] = await run(5)
  await truncate(join(home.layout.manifests, `${first}.json`), 10)
  expect((await tidy()).removed).toHaveLength(1)
})
