/** What a user meets that may not write, or not read. Root may, so these run as somebody else (unprivileged.test.ts). */
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeFileAtomic } from '../../src/disk/atomic-file.ts'
import { withLock } from '../../src/disk/lock.ts'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { switchCurrent } from '../../src/home/activation.ts'
import { findDrift, keepEdits } from '../../src/home/drift.ts'
import { createHome, layoutOf } from '../../src/home/layout.ts'
import { takeAway } from '../../src/home/place.ts'
import { openStaging } from '../../src/home/staging.ts'
import { readState, updateState } from '../../src/home/state.ts'
import { tidyHome } from '../../src/home/tidy.ts'
import { openFileStore } from '../../src/store/file.ts'
import { createTestHome, type TestHome } from '../home/home-fixture.ts'
import { createSurfaceHome } from '../support/surface-home.ts'
import { isRoot } from '../support/unprivileged.ts'

const failed = { name: 'SkillsctlError', code: 'failed', hint: expect.any(String) }
const NOW = Date.UTC(2026, 10, 21)

describe.skipIf(isRoot)('a user without permission', () => {
  let directory: string
  let home: TestHome

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'permissions-'))
    home = await createTestHome()
  })
  afterEach(async () => {
    await removeTree(directory)
    await home.remove()
  })

  test('cannot make a home where nothing may be written, and is told so', async () => {
    await chmod(directory, 0o500)
    const layout = layoutOf(join(directory, 'home'))
    await expect(createHome(layout)).rejects.toMatchObject({ ...failed, subject: layout.root })
  })

  test('cannot change a home that is read-only, and nothing is left half done', async () => {
    const { directory: release } = await home.install({ a: 'x' })
    const before = await readdir(home.layout.root)
    const { root, staging } = home.layout
    await chmod(staging, 0o500)
    await chmod(root, 0o500)
    await expect(openStaging(home.layout)).rejects.toMatchObject(failed)
    await expect(updateState(home.layout, {})).rejects.toMatchObject(failed)
    await expect(withLock(home.layout.lock, async () => {}, 0)).rejects.toMatchObject(failed)
    await expect(switchCurrent(home.layout, release, 'update', 'test', NOW)).rejects.toMatchObject(failed)
    expect(await readdir(root)).toEqual(before)
    expect(await readdir(staging)).toHaveLength(1)
  })

  test('cannot read a state that belongs to another', async () => {
    await updateState(home.layout, {})
    await chmod(home.layout.state, 0)
    await expect(readState(home.layout)).rejects.toMatchObject({ ...failed, subject: home.layout.state })
  })

  test('cannot replace a file in a read-only directory, though the file is writable', async () => {
    const path = join(directory, 'a')
    await writeFile(path, 'old')
    await chmod(directory, 0o500)
    await expect(writeFileAtomic(path, 'new')).rejects.toMatchObject({ ...failed, subject: path })
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(directory)).toEqual(['a'])
  })

  test('has edited what cannot be read, and is told which file when it is to be kept', async () => {
    const installed = await home.install({ 'd/a': 'x' })
    const tree = join(home.layout.releases, installed.directory)
    for (const path of ['d/a', 'd']) {
      await chmod(join(tree, path), 0)
      const drift = findDrift(home.layout, installed)
      expect(drift).toContainEqual({ path: 'd/a', kind: 'modified' })
      await expect(keepEdits(home.layout, installed, drift)).rejects.toMatchObject({
        ...failed,
        subject: join(tree, 'd/a'),
      })
    }
    await chmod(join(tree, 'd'), 0o755)
  })

  test('holds up no other skill with an edit that cannot be read, and hears of it in every pull', async () => {
    const machine = await createSurfaceHome()
    await machine.update({ 'skills/a/SKILL.md': 'a', 'skills/b/SKILL.md': 'b', 'skills/c/SKILL.md': 'c' })
    const root = await machine.add()
    const secret = join(root, 'skills/a/secret')
    await writeFile(secret, 'mine')
    await chmod(secret, 0)
    await writeFile(join(root, 'skills/c/mine'), 'mine')
    const { edits } = await followCurrent(machine.context)
    expect(edits).toMatchObject([
      { unit: 'skills/c', became: 'kept' },
      { unit: 'skills/a', became: 'unreadable', paths: [expect.stringMatching(/skills\/a\/secret$/)] },
    ])
    const release = await realpath(join(root, 'skills/a'))
    await machine.update({ 'skills/a/SKILL.md': 'a', 'skills/b/SKILL.md': 'b2', 'skills/c/SKILL.md': 'c2' })
    expect(await readFile(join(root, 'skills/b/SKILL.md'), 'utf8')).toBe('b2')
    expect(await readFile(join(root, 'skills/c/mine'), 'utf8')).toBe('mine')
    await chmod(join(release, 'secret'), 0o600)
    expect(await readFile(join(release, 'secret'), 'utf8')).toBe('mine')
  })

  test('keeps edits out of read-only directories, and of read-only files', async () => {
    const installed = await home.install({ 'd/a': 'x' })
    const tree = join(home.layout.releases, installed.directory)
    await mkdir(join(tree, 'mine'))
    await writeFile(join(tree, 'mine/work'), 'precious', { mode: 0o400 })
    await chmod(join(tree, 'mine'), 0o500)
    const kept = (await keepEdits(home.layout, installed, findDrift(home.layout, installed))) ?? ''
    expect(await readFile(join(kept, 'files/mine/work'), 'utf8')).toBe('precious')
  })

  test('gets rid of a release that was made read-only, all the same', async () => {
    const installed = await home.install({ 'd/a': 'x' })
    const tree = join(home.layout.releases, installed.directory)
    await chmod(join(tree, 'd'), 0o555)
    await chmod(tree, 0o555)
    const { directory: area } = await openStaging(home.layout)
    const { removed } = await tidyHome(home.layout, area, NOW)
    expect(removed).toEqual([installed.directory])
    expect(await readdir(home.layout.releases)).toEqual([])
  })

  test('gets rid of a read-only directory among many others, which go meanwhile', async () => {
    for (const round of Array(40).keys()) {
      const tree = join(directory, `tree-${round}`)
      await mkdir(join(tree, 'closed/inner'), { recursive: true })
      await chmod(join(tree, 'closed'), 0o500)
      for (const sibling of Array(40).keys())
        await mkdir(join(tree, `open-${sibling}/inner`), { recursive: true })
      await removeTree(tree)
    }
    expect(await readdir(directory)).toEqual([])
  })

  test('cannot take a release out of a directory of releases that is read-only', async () => {
    const { directory: release } = await home.install({ a: 'x' })
    await chmod(home.layout.releases, 0o500)
    await expect(takeAway(home.layout, release, join(home.layout.staging, 'area'))).rejects.toMatchObject(
      failed,
    )
  })

  test('cannot remove a tree below a directory that is read-only', async () => {
    await mkdir(join(directory, 'above/tree/deep'), { recursive: true })
    await chmod(join(directory, 'above'), 0o500)
    await expect(removeTree(join(directory, 'above/tree'))).rejects.toMatchObject(failed)
  })

  test('is denied by a store whose directory may not be read or written', async () => {
    const store = openFileStore(directory)
    await store.put('a/b', Buffer.from('x'), { absent: true })
    await chmod(join(directory, 'a'), 0)
    const denied = { code: 'denied', hint: expect.any(String) }
    await expect(store.get('a/b', { maxBytes: 5 })).rejects.toMatchObject(denied)
    await expect(store.put('a/c', Buffer.from('x'), { absent: true })).rejects.toMatchObject(denied)
    await expect(store.remove('a/b')).rejects.toMatchObject(denied)
    const list = async (): Promise<unknown[]> => {
      const found: unknown[] = []
      for await (const item of store.list('')) found.push(item)
      return found
    }
    await expect(list()).rejects.toMatchObject(denied)
  })
})
