import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Catchup, decodeCatchup, encodeCatchup } from '../../src/archive/catchup.ts'
import type { Base } from '../../src/archive/copy-tree.ts'
import { encodeDelta, encodeWhole } from '../../src/archive/delta.ts'
import type { Piece } from '../../src/core/catchup.ts'
import { buildManifest, type Entry, type Manifest } from '../../src/core/manifest.ts'
import { parseStats, recordStats, stampOf } from '../../src/home/stat-record.ts'
import { integrityOf, sha256Hex } from '../../src/trust/digest.ts'
import { buildNextTree } from '../support/next-tree.ts'
import { temporaryDirectory } from '../support/team.ts'

/** Content by path; a list is an executable, an object a link. */
type Tree = Readonly<Record<string, string | readonly [executable: string] | { readonly target: string }>>

const OLD: Tree = {
  'README.md': 'the same in both\n',
  'bin/run': ['#!/bin/sh\necho one\n'],
  'deep/er/still/same.txt': 'the same, deeper\n',
  'docs/empty': '',
  'docs/gone.md': 'will be gone\n',
  'docs/name.md': 'will have another name\n',
  'docs/text.md': 'line one\nline two\nline three\n',
  latest: { target: 'docs' },
}
const NEXT: Tree = {
  'README.md': 'the same in both\n',
  'bin/run': '#!/bin/sh\necho one\n',
  'deep/er/still/same.txt': 'the same, deeper\n',
  'docs/empty': 'not any more\n',
  'docs/new-name.md': 'will have another name\n',
  'docs/text.md': 'line one\nline 2\nline three\n',
  latest: { target: 'docs/text.md' },
  'new/link': { target: '../README.md' },
  'new/none': '',
  'new/tool': ['#!/bin/sh\n'],
}

interface Scene {
  readonly old: string
  readonly into: string
  readonly manifest: Manifest
  readonly base: Base
  readonly catchup: Catchup
  readonly build: (change?: { readonly base?: Partial<Base>; readonly catchup?: Catchup }) => boolean
}

let here: Scene
beforeEach(async () => {
  here = await scene(OLD, NEXT)
})

async function scene(before: Tree, after: Tree): Promise<Scene> {
  const root = await temporaryDirectory()
  const [old, into] = [join(root, 'old'), join(root, 'new')]
  for (const directory of [old, into]) mkdirSync(directory)
  for (const [path, content] of Object.entries(before)) {
    mkdirSync(dirname(join(old, path)), { recursive: true })
    if (isLink(content)) symlinkSync(content.target, join(old, path))
    else
      writeFileSync(join(old, path), textOf(content), { mode: typeof content === 'string' ? 0o444 : 0o555 })
  }
  const [installed, manifest] = [manifestOf(before), manifestOf(after)]
  const record = parseStats(recordStats(old, installed.files))
  const isUntouched = (path: string): boolean => stampOf(join(old, path)) === record.get(path)
  const base = { directory: old, manifest: installed, isUntouched }
  const catchup = catchupOf(before, after)
  return {
    ...{ old, into, manifest, base, catchup },
    build: (change = {}) =>
      buildNextTree(into, manifest, change.catchup ?? catchup, { ...base, ...change.base }),
  }
}

function isLink(content: Tree[string]): content is { readonly target: string } {
  return typeof content === 'object' && 'target' in content
}

function textOf(content: string | readonly [string]): string {
  return typeof content === 'string' ? content : content[0]
}

function manifestOf(tree: Tree): Manifest {
  const files = Object.entries(tree).map(([path, content]): Entry => {
    if (isLink(content)) return { mode: 'link', path, target: content.target }
    const bytes = Buffer.from(textOf(content))
    return {
      mode: typeof content === 'string' ? '644' : '755',
      path,
      size: bytes.length,
      integrity: integrityOf(bytes),
    }
  })
  const source = { commit: 'c'.repeat(40), committedAt: '2026-01-01T00:00:00Z' }
  return buildManifest({ name: 'test', version: '2026.01.01-ccccccc', source, files }, sha256Hex)
}

/** Only what differs; what was renamed is made of its old copy. */
function catchupOf(before: Tree, after: Tree): Catchup {
  const made = Object.entries(after).flatMap(([path, content]): { piece: Piece; body: Buffer }[] => {
    if (isLink(content) || JSON.stringify(before[path]) === JSON.stringify(content)) return []
    const from = path === 'docs/new-name.md' ? 'docs/name.md' : path
    const old = before[from]
    const bytes = Buffer.from(textOf(content))
    if (old === undefined || isLink(old)) {
      const body = encodeWhole(bytes)
      return [{ piece: { path, length: body.length }, body }]
    }
    const { body, head, tail } = encodeDelta(Buffer.from(textOf(old)), bytes)
    return [{ piece: { path, length: body.length, old: { path: from, head, tail } }, body }]
  })
  const index = {
    metadata: new Map<string, string>(),
    manifest: { fields: {}, changed: [], removed: [] },
    files: made.map(({ piece }) => piece),
  }
  return decodeCatchup(
    encodeCatchup(
      index,
      made.map(({ body }) => body),
    ) ?? Buffer.alloc(0),
  )
}

function expectTree(directory: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const place = join(directory, path)
    if (isLink(content)) {
      expect(readlinkSync(place)).toBe(content.target)
      continue
    }
    expect(readFileSync(place, 'utf8')).toBe(textOf(content))
    expect(lstatSync(place).mode & 0o777, path).toBe(typeof content === 'string' ? 0o444 : 0o555)
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent))
      expect(lstatSync(join(directory, parent)).mode & 0o777, parent).toBe(0o755)
  }
  const listed = execFileSync('find', ['.', '-mindepth', '1', '!', '-type', 'd'], {
    cwd: directory,
    encoding: 'utf8',
  })
  expect(listed.trim().split('\n').sort()).toEqual(
    Object.keys(tree)
      .map((path) => `./${path}`)
      .sort(),
  )
}

test('edits, renames, new modes, empty files and links come out as the manifest says', () => {
  expect(here.build()).toBe(true)
  expectTree(here.into, NEXT)
  expectTree(here.old, OLD)
})

test('files become links and links become files', async () => {
  const [before, after]: Tree[] = [
    { 'a/file': 'one\n', 'a/link': { target: 'file' }, b: { target: 'a' } },
    { 'a/file': { target: 'link' }, 'a/link': 'two\n', 'b/c': 'three\n' },
  ]
  const turned = await scene(before ?? {}, after ?? {})
  expect(turned.build()).toBe(true)
  expectTree(turned.into, after ?? {})
})

test('an unchanged file is a copy, never another name of the old one', () => {
  here.build()
  for (const path of ['README.md', 'deep/er/still/same.txt']) {
    const [old, next] = [lstatSync(join(here.old, path)), lstatSync(join(here.into, path))]
    expect(next.ino).not.toBe(old.ino)
    expect([old.nlink, next.nlink]).toEqual([1, 1])
  }
})

describe('under a umask that hides everything', () => {
  let before: number
  beforeEach(() => {
    before = process.umask(0o077)
  })
  afterEach(() => process.umask(before))

  test('modes are what they are', () => {
    expect(here.build()).toBe(true)
    expectTree(here.into, NEXT)
  })
})

describe('is given up when', () => {
  /** Writes as a person would: to the read-only file all the same. */
  const write = (path: string, content: string): void => {
    chmodSync(path, 0o644)
    writeFileSync(path, content)
  }
  const inPlaceOf = (path: string, make: (place: string) => void): void => {
    rmSync(path, { recursive: true })
    make(path)
  }
  const pipe = (place: string): void => void execFileSync('mkfifo', [place])
  const [SAME, CHANGED] = ['README.md', 'docs/text.md']

  test.each<[string, (at: (path: string) => string) => void]>([
    ['an unchanged file was edited', (at) => write(at(SAME), 'my words\n')],
    ['an unchanged file was edited to the same length', (at) => write(at(SAME), 'THE SAME IN BOTH\n')],
    ['an unchanged file has another mode', (at) => chmodSync(at(SAME), 0o755)],
    ['an unchanged file was deleted', (at) => rmSync(at(SAME))],
    ['the old copy of a changed file was edited', (at) => write(at(CHANGED), 'my words\n')],
    ['the old copy of a changed file was deleted', (at) => rmSync(at(CHANGED))],
    ['a pipe lies in the place of an unchanged file', (at) => inPlaceOf(at(SAME), pipe)],
    ['a pipe lies in the place of an old copy', (at) => inPlaceOf(at(CHANGED), pipe)],
    [
      'a link lies in the place of an unchanged file',
      (at) => inPlaceOf(at(SAME), (place) => symlinkSync('/etc/hostname', place)),
    ],
    ['a directory lies in the place of an old copy', (at) => inPlaceOf(at(CHANGED), mkdirSync)],
    [
      'a file lies in the place of a directory',
      (at) => inPlaceOf(at('deep'), (place) => writeFileSync(place, '')),
    ],
    [
      'a link to another tree lies in the place of a directory',
      (at) => inPlaceOf(at('deep'), (place) => symlinkSync('/usr', place)),
    ],
    ['the whole base is gone', (at) => rmSync(at('.'), { recursive: true })],
  ])('%s', (_what, edit) => {
    edit((path) => join(here.old, path))
    expect(here.build()).toBe(false)
  })

  test('somebody writes while a file is copied', () => {
    const isUntouched = (path: string): boolean => {
      const answer = here.base.isUntouched(path)
      if (path === SAME) write(join(here.old, SAME), 'written meanwhile\n')
      return answer
    }
    expect(here.build({ base: { isUntouched } })).toBe(false)
  })

  test('the disk cannot read the base any more', () => {
    const isUntouched = (): boolean => {
      throw Object.assign(new Error('EIO: i/o error, lstat'), { code: 'EIO' })
    }
    expect(here.build({ base: { isUntouched } })).toBe(false)
  })

  test('but not when the disk is full: the archive needs more room still', () => {
    const isUntouched = (): boolean => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }
    expect(() => here.build({ base: { isUntouched } })).toThrow(expect.objectContaining({ code: 'no-space' }))
  })

  test('nothing was recorded when the base was installed', () => {
    expect(here.build({ base: { isUntouched: () => false } })).toBe(false)
  })

  test('that rotted on the disk, with a record that still fits, is not carried on', () => {
    const file = join(here.old, 'README.md')
    chmodSync(file, 0o644)
    writeFileSync(file, 'the sane in both\n')
    expect(here.build({ base: { isUntouched: () => true } })).toBe(false)
  })

  const tampered = (change: (piece: Piece) => Piece, body?: Buffer): Catchup => ({
    ...here.catchup,
    files: here.catchup.files?.map((piece) => (piece.path === CHANGED ? change(piece) : piece)),
    body: (piece) => (piece.path === CHANGED && body !== undefined ? body : here.catchup.body(piece)),
  })

  test.each<[string, (piece: Piece) => Piece]>([
    [
      'an old copy that was never installed',
      (piece) => ({ ...piece, old: { path: 'other', head: 0, tail: 0 } }),
    ],
    [
      'an old copy above the tree',
      (piece) => ({ ...piece, old: { path: '../../etc/hostname', head: 0, tail: 0 } }),
    ],
    ['an old copy anywhere', (piece) => ({ ...piece, old: { path: '/etc/hostname', head: 0, tail: 0 } })],
    ['a link as an old copy', (piece) => ({ ...piece, old: { path: 'latest', head: 0, tail: 0 } })],
    ['no old copy', ({ path, length }) => ({ path, length })],
    ['another path', (piece) => ({ ...piece, path: '../outside' })],
    ['a head that is too long', (piece) => ({ ...piece, old: { path: CHANGED, head: 99_999, tail: 0 } })],
  ])('a piece names %s', (_what, change) => {
    expect(here.build({ catchup: tampered(change) })).toBe(false)
    expect(() => lstatSync(join(here.into, '../outside'))).toThrow('ENOENT')
  })

  test('a piece makes other content than was signed, and nothing of it is written', () => {
    expect(here.build({ catchup: tampered((piece) => piece, encodeWhole(Buffer.from('line 6'))) })).toBe(
      false,
    )
    expect(() => lstatSync(join(here.into, CHANGED))).toThrow('ENOENT')
  })
})
