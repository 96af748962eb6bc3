import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CollectedFile } from '../../src/archive/collect.ts'
import { layOut } from '../../src/archive/lay-out.ts'
import { packArchive } from '../../src/archive/pack.ts'
import { unpackArchive } from '../../src/archive/unpack.ts'
import { buildManifest, type Manifest } from '../../src/core/manifest.ts'

const run = promisify(execFile)
const MODIFIED = new Date('2026-11-20T09:00:00Z')

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

function file(path: string, text = path, mode: '644' | '755' = '644'): CollectedFile {
  const content = Buffer.from(text)
  const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
  return { entry: { mode, path, size: content.length, integrity }, content }
}

function link(path: string, target: string): CollectedFile {
  return { entry: { mode: 'link', path, target }, content: Buffer.alloc(0) }
}

async function* inTurn(files: readonly CollectedFile[]): AsyncGenerator<CollectedFile> {
  yield* files
}

const pack = (files: readonly CollectedFile[], name = 'archive.tar.gz') =>
  packArchive(inTurn(files), MODIFIED, join(directory, name))

function manifestOf(files: readonly CollectedFile[]): Manifest {
  const source = { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' }
  const entries = files.map(({ entry }) => entry)
  return buildManifest({ name: 'test', version: '2026.11.20-0000000', source, files: entries }, (text) =>
    createHash('sha256').update(text).digest('hex'),
  )
}

/** Everything about a tree that a release promises. */
async function describeTree(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const path of await readdir(root, { recursive: true })) {
    const info = await lstat(join(root, path))
    const mode = (info.mode & 0o777).toString(8)
    if (info.isSymbolicLink()) tree[path] = `-> ${await readlink(join(root, path))}`
    else if (info.isFile()) tree[path] = `${mode} ${await readFile(join(root, path), 'utf8')}`
    else tree[path] = `${mode} directory`
  }
  return tree
}

/** Paths and targets of every length around the limits of the formats of tar. */
const AWKWARD: readonly CollectedFile[] = [
  ...[98, 99, 100, 101, 102, 154, 155, 156, 200, 254, 255].map((length) => file('n'.repeat(length))),
  ...[1, 2, 50, 99, 100, 101].flatMap((prefix) =>
    [98, 99, 100, 101].map((length) => file(`${'p'.repeat(prefix)}/${'f'.repeat(length)}`)),
  ),
  ...[129, 130, 131, 153, 154, 155, 156].map((length) => file(`${'q'.repeat(length)}/x`)),
  file(`${'d'.repeat(130)}/${'e'.repeat(130)}/${'f'.repeat(130)}/x`),
  file('empty', ''),
  file('block', 'x'.repeat(512)),
  file('block-and-one', 'x'.repeat(513)),
  file('run.sh', '#!/bin/sh\n', '755'),
  file('.hidden/x'),
  file('é'.repeat(50)),
  file('日本語/\u{1f600}.md'),
  file('spaces and = signs\u00a0'),
  ...[99, 100, 101, 300].map((length) => link(`link-${length}`, 't'.repeat(length))),
  link('link-é', 'é/日本語'),
]

describe('an archive', () => {
  test('gives back every awkward name, size, mode and link', async () => {
    const { entries } = await pack(AWKWARD)
    expect(entries).toEqual(AWKWARD.map(({ entry }) => entry))
    await mkdir(join(directory, 'tree'))
    await unpackArchive(join(directory, 'archive.tar.gz'), manifestOf(AWKWARD), join(directory, 'tree'))

    const tree = await describeTree(join(directory, 'tree'))
    for (const { entry, content } of AWKWARD) {
      const expected =
        entry.mode === 'link' ? `-> ${entry.target}` : `${entry.mode === '755' ? '555' : '444'} ${content}`
      expect(tree[entry.path]).toBe(expected)
    }
    const directories = Object.values(tree).filter((kind) => kind.endsWith(' directory'))
    expect(new Set(directories)).toEqual(new Set(['755 directory']))
    expect(Object.keys(tree).length - directories.length).toBe(AWKWARD.length)
  })

  test.each([0, 1, 5, AWKWARD.length])(
    'fills a tree of which %i files were laid out before',
    async (count) => {
      await pack(AWKWARD)
      const [manifest, archive] = [manifestOf(AWKWARD), join(directory, 'archive.tar.gz')]
      const [tree, other] = [join(directory, 'tree'), join(directory, 'other')]
      await mkdir(tree)
      await mkdir(other)
      const laidOut = new Set<string>()
      const laying = layOut(tree, manifest, laidOut)
      while (laidOut.size < count && laying.next().done !== true);
      const links = manifest.files.filter(({ mode }) => mode === 'link').length
      expect(laidOut.size).toBe(Math.min(count, AWKWARD.length - links))
      // Nothing can be read of it yet.
      for (const path of laidOut) expect(await readFile(join(tree, path), 'utf8')).toBe('')
      await unpackArchive(archive, manifest, tree, laidOut)
      await unpackArchive(archive, manifest, other)
      expect(await describeTree(tree)).toEqual(await describeTree(other))
    },
  )

  test('can be opened again by its owner once it is laid out, whatever the umask says', async () => {
    await mkdir(join(directory, 'tree'))
    const umask = process.umask(0o277)
    try {
      for (const _ of layOut(join(directory, 'tree'), manifestOf([file('a')]), new Set()));
    } finally {
      process.umask(umask)
    }
    expect((await lstat(join(directory, 'tree/a'))).mode & 0o777).toBe(0o600)
  })

  test('that lacks a file fails, though that was laid out', async () => {
    await pack([file('a'), file('b')])
    const [manifest, tree] = [manifestOf([file('a'), file('b'), file('c')]), join(directory, 'tree')]
    await mkdir(tree)
    const laidOut = new Set<string>()
    for (const _ of layOut(tree, manifest, laidOut));
    await expect(
      unpackArchive(join(directory, 'archive.tar.gz'), manifest, tree, laidOut),
    ).rejects.toMatchObject({
      code: 'corrupt',
      subject: 'c',
    })
  })

  test('is not written through a link that has taken the place of a file that was laid out', async () => {
    await pack([file('a')])
    const [tree, elsewhere] = [join(directory, 'tree'), join(directory, 'elsewhere')]
    await mkdir(tree)
    await writeFile(elsewhere, 'mine')
    await symlink(elsewhere, join(tree, 'a'))
    await expect(
      unpackArchive(join(directory, 'archive.tar.gz'), manifestOf([file('a')]), tree, new Set(['a'])),
    ).rejects.toMatchObject({ code: expect.any(String) })
    expect(await readFile(elsewhere, 'utf8')).toBe('mine')
  })

  test('is the same, byte for byte, each time it is packed', async () => {
    const [one, two] = [await pack(AWKWARD, 'one'), await pack(AWKWARD, 'two')]
    const bytes = await readFile(join(directory, 'one'))
    expect(bytes.equals(await readFile(join(directory, 'two')))).toBe(true)
    expect(one).toEqual(two)
    expect(one.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(one.size).toBe(bytes.length)
  })

  test('holds nothing of the machine that packed it', async () => {
    await pack([file('a')], 'here.tar.gz')
    const umask = process.umask(0o077)
    await pack([file('a')], 'there.tar.gz')
    process.umask(umask)
    const [here, there] = await Promise.all(
      ['here.tar.gz', 'there.tar.gz'].map((name) => readFile(join(directory, name))),
    )
    expect(here).toEqual(there)
  })

  test('can be read by the tar of the system', async ({ skip }) => {
    await run('tar', ['--version']).catch(() => skip('there is no tar here'))
    await pack(AWKWARD)
    const tree = join(directory, 'by-tar')
    await mkdir(tree)
    await run('tar', ['-xzf', join(directory, 'archive.tar.gz'), '-C', tree], {
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    })
    const found = await describeTree(tree)
    for (const { entry, content } of AWKWARD) {
      if (entry.mode === 'link') expect(found[entry.path]).toBe(`-> ${entry.target}`)
      else expect(found[entry.path]).toContain(` ${content}`)
    }
  })

  test('never overwrites a file', async () => {
    await writeFile(join(directory, 'archive.tar.gz'), 'precious')
    await expect(pack([file('a')])).rejects.toMatchObject({ code: 'failed' })
    expect(await readFile(join(directory, 'archive.tar.gz'), 'utf8')).toBe('precious')
  })

  test('passes on why its files could not be read', async () => {
    async function* failing(): AsyncGenerator<CollectedFile> {
      yield file('a')
      throw Object.assign(new Error('the clone went away'), { code: 'EIO' })
    }
    await expect(packArchive(failing(), MODIFIED, join(directory, 'x'))).rejects.toMatchObject({
      code: 'failed',
    })
  })
})

describe('unpacking', () => {
  test('does not depend on the umask', async () => {
    const files = [file('d/run.sh', 'x', '755'), file('d/plain')]
    await pack(files)
    await mkdir(join(directory, 'tree'))
    const umask = process.umask(0o077)
    try {
      await unpackArchive(join(directory, 'archive.tar.gz'), manifestOf(files), join(directory, 'tree'))
    } finally {
      process.umask(umask)
    }
    expect(await describeTree(join(directory, 'tree'))).toEqual({
      d: '755 directory',
      'd/plain': '444 d/plain',
      'd/run.sh': '555 x',
    })
  })

  test('reads an archive of GNU tar as well as its own', async ({ skip }) => {
    await run('tar', ['--version']).catch(() => skip('there is no tar here'))
    const files = [file('a'), file('n'.repeat(150)), file(`${'d'.repeat(90)}/${'e'.repeat(90)}/x`)]
    const source = join(directory, 'source')
    for (const { entry, content } of files) {
      await mkdir(join(source, entry.path, '..'), { recursive: true })
      await writeFile(join(source, entry.path), content)
    }
    const paths = files.map(({ entry }) => entry.path)
    await run('tar', ['--format=gnu', '-czf', join(directory, 'gnu.tar.gz'), '-C', source, ...paths])
    await mkdir(join(directory, 'tree'))
    await unpackArchive(join(directory, 'gnu.tar.gz'), manifestOf(files), join(directory, 'tree'))
    expect(Object.keys(await describeTree(join(directory, 'tree')))).toEqual(expect.arrayContaining(paths))
  })

  test('of an archive that is not there names what is missing', async () => {
    await mkdir(join(directory, 'tree'))
    const path = join(directory, 'none.tar.gz')
    await expect(unpackArchive(path, manifestOf([]), join(directory, 'tree'))).rejects.toMatchObject({
      code: 'absent',
      subject: path,
    })
  })
})
