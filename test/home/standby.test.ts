import { lstatSync, readdirSync } from 'node:fs'
import { chmod, link, lstat, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { copyTree } from '../../src/archive/copy-tree.ts'
import { baseOf, inTurns } from '../../src/flows/base-copy.ts'
import { findDrift } from '../../src/home/drift.ts'
import type { Installed } from '../../src/home/releases.ts'
import { inStaging, openStaging } from '../../src/home/staging.ts'
import { dropStandby, hasStandby, placeStandby, takeStandby } from '../../src/home/standby.ts'
import { DAMAGES, OBSTACLES } from '../support/standby-damage.ts'
import { isRoot } from '../support/unprivileged.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

const OTHER = 'ab'.repeat(20)
const FILES = {
  'README.md': 'hello',
  'skills/a/SKILL.md': '# a',
  'skills/a/run.sh': { run: '#!/bin/sh' },
  'skills/latest': { link: 'a' },
}

let home: TestHome
let release: Installed
let directory: string

beforeEach(async () => {
  home = await createTestHome()
  release = await home.install(FILES)
  directory = join(home.layout.releases, release.directory)
  // What the fixture built in, not what a run left.
  for (const name of await readdir(home.layout.staging))
    await rm(join(home.layout.staging, name), { recursive: true })
})
afterEach(() => home.remove())

/** As an idle pull does. */
function prepare(of = release): Promise<void> {
  return inStaging(home.layout, async (area) => {
    expect(await inTurns(copyTree(area.tree, baseOf(home.layout, of)), new AbortController().signal)).toBe(
      true,
    )
    await placeStandby(home.layout, of, area)
  })
}

/** Inode by path; directories have none to tell. */
function inodes(root: string): Map<string, number> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(paths.map((path) => [path.slice(root.length), lstatSync(path).ino]))
}

test('a standby says what it is a copy of, and shares no file with it', async () => {
  expect(await hasStandby(home.layout, release)).toBe(false)
  await prepare()
  const { standby } = home.layout
  expect(await hasStandby(home.layout, release)).toBe(true)
  expect(await hasStandby(home.layout, { manifest: 'another' })).toBe(false)
  expect((await readdir(standby)).sort()).toEqual(['base', 'stat', 'tree'])
  expect(await readFile(join(standby, 'base'), 'utf8')).toBe(release.manifest)
  const [there, here] = [inodes(join(standby, 'tree')), inodes(directory)]
  expect([...there.keys()].sort()).toEqual([...here.keys()].sort())
  expect([...there.values()].filter((inode) => [...here.values()].includes(inode))).toEqual([])
  expect(await readdir(home.layout.staging)).toEqual([])
})

test('a copy that the system refuses fails with its reason: bytes that could not be read are not wrong ones', async () => {
  await rm(join(directory, 'skills'), { recursive: true })
  const base = { ...baseOf(home.layout, release), isUntouched: () => true }
  await inStaging(home.layout, async (area) => {
    const copied = inTurns(copyTree(area.tree, base), new AbortController().signal)
    await expect(copied).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('it is taken as it was made, file by file, once', async () => {
  await prepare()
  const made = inodes(join(home.layout.standby, 'tree'))
  await inStaging(home.layout, async (area) => {
    const record = await takeStandby(home.layout, release, area)
    expect([...(record?.keys() ?? [])].sort()).toEqual([
      'README.md',
      'skills/a/SKILL.md',
      'skills/a/run.sh',
      'skills/latest',
    ])
    expect(inodes(area.tree)).toEqual(made)
    expect((await readdir(area.directory)).sort()).toEqual(['owner.json', 'tree'])
    expect(await hasStandby(home.layout, release)).toBe(false)
    const other = await openStaging(home.layout)
    expect(await takeStandby(home.layout, release, other)).toBeUndefined()
    await other.discard()
  })
})

test('of many that want it at once, one gets it', async () => {
  await prepare()
  const areas = await Promise.all(Array.from({ length: 8 }, () => openStaging(home.layout)))
  const records = await Promise.all(areas.map((area) => takeStandby(home.layout, release, area)))
  expect(records.filter((record) => record !== undefined)).toHaveLength(1)
  const trees = areas.filter(({ tree }) => readdirSync(tree).length > 0)
  expect(trees).toHaveLength(1)
  for (const area of areas) await area.discard()
})

test('that of another release is not used; its room is free at once', async () => {
  const other = await home.install({ ...FILES, 'README.md': 'other' }, { commit: OTHER })
  await prepare(other)
  await inStaging(home.layout, async (area) => {
    expect(await takeStandby(home.layout, release, area)).toBeUndefined()
    expect((await readdir(area.directory)).sort()).toEqual(['owner.json', 'tree'])
  })
})

test('a new one replaces the one before', async () => {
  const other = await home.install({ ...FILES, 'README.md': 'other' }, { commit: OTHER })
  await prepare(other)
  await prepare()
  expect(await hasStandby(home.layout, release)).toBe(true)
  expect(await readFile(join(home.layout.standby, 'tree/README.md'), 'utf8')).toBe('hello')
  expect((await readdir(home.layout.staging)).filter((name) => name.startsWith('run-'))).toHaveLength(1)
})

test('one that nobody needs is dropped; where there is none, nothing happens', async () => {
  await prepare()
  await inStaging(home.layout, async (area) => {
    await dropStandby(home.layout, area)
    await dropStandby(home.layout, area)
    expect((await readdir(area.directory)).sort()).toEqual(['owner.json', 'tree'])
  })
  expect(await hasStandby(home.layout, release)).toBe(false)
})

describe('a standby with', () => {
  const damages = isRoot ? DAMAGES : { ...DAMAGES, ...OBSTACLES }

  test.each(Object.keys(damages))('%s is not used, is gone, and can be made again', async (name) => {
    await prepare()
    const before = inodes(directory)
    damages[name]?.(home.layout.standby, directory)
    await inStaging(home.layout, async (area) => {
      const took = await takeStandby(home.layout, release, area).catch(() => undefined)
      expect(took).toBeUndefined()
      expect(lstatSync(area.tree).isDirectory()).toBe(true)
      expect(await readdir(area.tree)).toEqual([])
    })
    expect(await hasStandby(home.layout, release)).toBe(false)
    expect(inodes(directory)).toEqual(before)
    expect(findDrift(home.layout, release)).toEqual([])
    await prepare()
    expect(await hasStandby(home.layout, release)).toBe(true)
  })

  test.each(Object.keys(damages))('%s is replaced by a new one', async (name) => {
    await prepare()
    damages[name]?.(home.layout.standby, directory)
    await hasStandby(home.layout, release)
    await prepare()
    await inStaging(home.layout, async (area) => {
      expect(await takeStandby(home.layout, release, area)).toBeDefined()
    })
  })
})

test.each([0o555, 0])(
  'a standby whose own directory has mode %o can be taken and replaced all the same',
  async (mode) => {
    await prepare()
    await chmod(home.layout.standby, mode)
    await prepare()
    await chmod(home.layout.standby, mode)
    await inStaging(home.layout, async (area) => {
      expect(await takeStandby(home.layout, release, area)).toBeDefined()
      expect((await stat(area.tree)).mode & 0o777).toBe(0o755)
    })
  },
)

test('a file that is the installed one, by a second name, is never taken', async () => {
  await prepare()
  const [mine, theirs] = [join(home.layout.standby, 'tree/README.md'), join(directory, 'README.md')]
  await rm(mine)
  await link(theirs, mine)
  await inStaging(home.layout, async (area) => {
    expect(await takeStandby(home.layout, release, area)).toBeUndefined()
  })
  expect((await lstat(theirs)).nlink).toBe(1)
})
