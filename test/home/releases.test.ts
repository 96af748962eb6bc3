import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultHome } from '../../src/home/default-home.ts'
import { createHome, layoutOf, manifestPath, statPath } from '../../src/home/layout.ts'
import { findIntact, forgetRecords, placeRelease, takeAway } from '../../src/home/place.ts'
import { currentDirectory, currentRelease, listInstalled, readInstalled } from '../../src/home/releases.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

let home: TestHome
beforeEach(async () => {
  home = await createTestHome()
})
afterEach(() => home.remove())

const VERSION = '2026.11.20-3f2a9c1'

describe('a home', () => {
  test('belongs to its user alone, and making it again changes nothing', async () => {
    await createHome(home.layout)
    expect((await stat(home.layout.root)).mode & 0o777).toBe(0o700)
    expect(readdirSync(home.layout.root).sort()).toEqual([
      'kept',
      'manifests',
      'releases',
      'staging',
      'trust',
    ])
  })

  test.each([
    [{ SKILLSCTL_HOME: '/h', XDG_DATA_HOME: '/x' }, '/h'],
    [{ SKILLSCTL_HOME: '', XDG_DATA_HOME: '/x' }, '/x/skillsctl'],
    [{ SKILLSCTL_HOME: 'relative' }, join(process.cwd(), 'relative')],
  ])('of %j is %s', (environment, expected) => {
    expect(defaultHome(environment)).toBe(expected)
  })

  test('defaults to the home directory of the user', () => {
    expect(defaultHome({ XDG_DATA_HOME: '' })).toMatch(/\/\.local\/share\/skillsctl$/)
  })
})

describe('placing a release', () => {
  test('puts tree, manifest and stat record in their places', async () => {
    const installed = await home.install({ a: 'hello' })
    expect(installed).toMatchObject({ directory: VERSION, version: VERSION })
    expect(readFileSync(join(home.layout.releases, VERSION, 'a'), 'utf8')).toBe('hello')
    expect(readInstalled(home.layout, VERSION)).toEqual(installed)
    expect(existsSync(statPath(home.layout, VERSION))).toBe(true)
    expect(listInstalled(home.layout)).toEqual([installed])
  })

  test('twice keeps the one that is there', async () => {
    const first = await home.install({ a: 'hello' })
    const inode = (await stat(join(home.layout.releases, VERSION))).ino
    expect(await home.install({ a: 'hello' })).toEqual(first)
    expect(readdirSync(home.layout.releases)).toEqual([VERSION])
    expect((await stat(join(home.layout.releases, VERSION))).ino).toBe(inode)
  })

  test('of another packing goes beside it, under the digest of its manifest', async () => {
    const first = await home.install({ a: 'hello' })
    const other = await home.install({ a: 'hello', b: 'more' })
    expect(other.directory).toBe(`${VERSION}.${other.manifest.slice(0, 8)}`)
    expect(
      listInstalled(home.layout)
        .map(({ manifest }) => manifest)
        .sort(),
    ).toEqual([first.manifest, other.manifest].sort())
  })

  test('beside an edited copy of itself leaves the edits alone', async () => {
    await home.install({ a: 'hello' })
    await rm(join(home.layout.releases, VERSION, 'a'))
    writeFileSync(join(home.layout.releases, VERSION, 'a'), 'edited')
    const again = await home.install({ a: 'hello' })
    expect(again.directory).toBe(`${VERSION}.${again.manifest.slice(0, 8)}`)
    expect(readFileSync(join(home.layout.releases, VERSION, 'a'), 'utf8')).toBe('edited')
    expect(findIntact(home.layout, again)?.directory).toBe(again.directory)

    await rm(join(home.layout.releases, again.directory, 'a'))
    const third = await home.install({ a: 'hello' })
    expect(third.directory).toBe(`${VERSION}.${again.manifest.slice(0, 8)}.2`)
    expect(readInstalled(home.layout, third.directory)).toEqual(third)
  })

  test('that has no manifest yet, because of a kill, is not listed and not in the way', async () => {
    await mkdir(join(home.layout.releases, VERSION))
    expect(listInstalled(home.layout)).toEqual([])
    const installed = await home.install({ a: 'hello' })
    expect(installed.directory).toBe(`${VERSION}.${installed.manifest.slice(0, 8)}`)
  })

  test('of a tree that is not there changes nothing but a record', async () => {
    const staged = await home.stage({ a: 'hello' })
    await rm(staged.tree, { recursive: true })
    await expect(placeRelease(home.layout, staged)).rejects.toMatchObject({ code: 'absent' })
    expect(listInstalled(home.layout)).toEqual([])
    await forgetRecords(home.layout)
    expect(readdirSync(home.layout.manifests)).toEqual([])
  })
})

describe('reading what is installed', () => {
  test.each([
    ['torn', (bytes: Buffer) => bytes.subarray(0, 50)],
    ['empty', () => Buffer.alloc(0)],
    [
      'of another version',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace(VERSION, '2026.11.20-0000000')),
    ],
    ['changed', (bytes: Buffer) => Buffer.from(bytes.toString().replace('"path":"a"', '"path":"b"'))],
  ])('a manifest that is %s makes its release unusable, not the others', async (_, damage) => {
    const good = await home.install({ x: 'y' }, { commit: 'f'.repeat(40) })
    await home.install({ a: 'hello' })
    const path = manifestPath(home.layout, VERSION)
    writeFileSync(path, damage(readFileSync(path)))
    expect(readInstalled(home.layout, VERSION)).toBeUndefined()
    expect(listInstalled(home.layout)).toEqual([good])
  })

  test.each([
    ['names a release', `releases/${VERSION}`, VERSION],
    ['names a release with a slash', `releases/${VERSION}/`, undefined],
    ['leads nowhere', 'releases/2026.11.20-0000000', undefined],
    ['leads elsewhere', '../somewhere', undefined],
    ['leads below a release', `releases/${VERSION}/d`, undefined],
    ['leads to itself', 'current', undefined],
  ])('a link that %s', async (_, target, expected) => {
    await home.install({ 'd/a': 'hello' })
    await symlink(target, home.layout.current)
    expect(currentDirectory(home.layout)).toBe(expected)
  })

  test('an absolute link is damage: the home could not be moved', async () => {
    await home.install({ a: 'hello' })
    await symlink(join(home.layout.releases, VERSION), home.layout.current)
    expect(currentRelease(home.layout)).toBeUndefined()
  })

  test('a link to the directory above is no release', async () => {
    await symlink('releases/..', home.layout.current)
    expect(currentRelease(home.layout)).toBeUndefined()
  })

  test.each(['a directory', 'a file', 'nothing'])('%s in its place is damage', async (what) => {
    if (what === 'a directory') await mkdir(home.layout.current)
    if (what === 'a file') writeFileSync(home.layout.current, VERSION)
    expect(currentDirectory(home.layout)).toBeUndefined()
  })

  test('nothing is installed in a home that is not there', () => {
    expect(currentRelease(layoutOf(join(home.layout.root, 'none')))).toBeUndefined()
  })
})

test('a release that is taken away is no longer listed, and its records go with it', async () => {
  await home.install({ a: 'hello' })
  const away = await takeAway(home.layout, VERSION, join(home.layout.staging, 'area'))
  expect(readFileSync(join(away, 'a'), 'utf8')).toBe('hello')
  expect(listInstalled(home.layout)).toEqual([])
  await forgetRecords(home.layout)
  expect(readdirSync(home.layout.manifests)).toEqual([])
})
