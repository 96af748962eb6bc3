/** Our reader of tar reads what GNU tar and the tar package read, however the bytes arrive; it may refuse more. */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Parser, type ReadEntry } from 'tar'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedFile } from '../../src/archive/collect.ts'
import { packArchive } from '../../src/archive/pack.ts'
import { TarReader } from '../../src/archive/tar-reader.ts'
import { unpackArchive } from '../../src/archive/unpack.ts'
import { isError } from '../../src/core/errors.ts'
import { buildManifest, type Manifest } from '../../src/core/manifest.ts'
import { pathProblem } from '../../src/core/paths.ts'
import { END, gnuLong, type Member, member, pax } from '../support/tar-forge.ts'

const run = promisify(execFile)
const UTF8 = { env: { ...process.env, LC_ALL: 'C.UTF-8' } }

let directory: string
let hasTar = true
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tar-reader-'))
  hasTar = await run('tar', ['--version']).then(
    ({ stdout }) => stdout.includes('GNU tar'),
    () => false,
  )
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const newDirectory = (): Promise<string> => mkdtemp(join(directory, 'd-'))

/** What a reader makes of an archive: each member with its content. */
type Contents = readonly (readonly [path: string, kind: string, content: string])[]

/** @param pieces of one archive */
function readBy(pieces: Iterable<Buffer>): Contents {
  const found: (readonly [string, string, string])[] = []
  let now = { path: '', kind: '', content: [] as Buffer[] }
  const reader = new TarReader({
    begin: ({ path, type, target }) => {
      now = { path, kind: type === 'link' ? `-> ${target}` : 'file', content: [] }
    },
    content: (piece) => now.content.push(Buffer.from(piece)),
    end: () => found.push([now.path, now.kind, Buffer.concat(now.content).toString('latin1')]),
  })
  for (const piece of pieces) reader.write(piece)
  reader.end()
  return found
}

/** As `readBy`, or undefined for what is refused. */
function readOrRefuse(pieces: Iterable<Buffer>): Contents | undefined {
  try {
    return readBy(pieces)
  } catch (error) {
    if (isError(error, 'corrupt') || isError(error, 'refused')) return undefined
    throw error
  }
}

/** What the tar package reads; undefined when it complains. */
async function readByPackage(bytes: Buffer): Promise<Contents | undefined> {
  const found: [string, string, string][] = []
  let hasWarned = false
  const parser = new Parser({
    onwarn: () => {
      hasWarned = true
    },
    onReadEntry: (entry: ReadEntry) => {
      const content: Buffer[] = []
      const kind = entry.type === 'SymbolicLink' ? `-> ${entry.linkpath}` : 'file'
      entry.on('data', (piece) => content.push(piece))
      entry.on('end', () => found.push([entry.path, kind, Buffer.concat(content).toString('latin1')]))
    },
  })
  await new Promise<void>((resolve) => {
    parser.on('end', resolve)
    parser.on('error', () => {
      hasWarned = true
      resolve()
    })
    parser.end(bytes)
  })
  return hasWarned ? undefined : found
}

const LENGTHS = [1, 2, 99, 100, 101, 130, 131, 154, 155, 156, 254, 255]
const SIZES = [0, 1, 511, 512, 513, 1023, 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1]
const LETTERS = ['a', 'b', '-', '_', '=', ' x', '1', 'é', 'e\u0301', '日', '\u{1f600}', 'ß', '.x']

/** Names up to the limits of every format, in any script. */
const name = fc
  .tuple(fc.constantFrom(...LETTERS), fc.constantFrom(...LETTERS), fc.constantFrom(...LENGTHS))
  .map(([first, last, length]) => {
    let text = first
    while (Buffer.byteLength(text + last) <= length) text += last
    return text
  })
const path = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'))
  .filter((text) => pathProblem(text) === undefined)

/** Files and links of one release. */
const tree = fc
  .uniqueArray(
    fc.record({
      path,
      size: fc.constantFrom(...SIZES),
      isProgram: fc.boolean(),
      target: fc.option(fc.oneof(name, fc.constantFrom('2024', '12345')), { freq: 4 }),
    }),
    { selector: (entry) => entry.path, minLength: 1, maxLength: 8 },
  )
  .map((entries) =>
    entries.map(({ path, size, isProgram, target }): CollectedFile => {
      if (target !== null) return { entry: { mode: 'link', path, target }, content: Buffer.alloc(0) }
      const content = randomBytes(size)
      const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
      return { entry: { mode: isProgram ? '755' : '644', path, size, integrity }, content }
    }),
  )
  .filter((files) => manifestOf(files) !== undefined)

/** Undefined for names that may not be in one release. */
function manifestOf(files: readonly CollectedFile[]): Manifest | undefined {
  const source = { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' }
  try {
    return buildManifest(
      { name: 'test', version: '2026.11.20-0000000', source, files: files.map(({ entry }) => entry) },
      (text) => createHash('sha256').update(text).digest('hex'),
    )
  } catch (error) {
    if (isError(error, 'refused')) return undefined
    throw error
  }
}

/** Path → what is there, of files and links. */
async function contentsOf(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  // With types, because without them links to directories are followed.
  for (const { parentPath, name } of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(parentPath, name))
    const info = await lstat(join(root, path))
    if (info.isSymbolicLink()) found[path] = `-> ${await readlink(join(root, path))}`
    else if (info.isFile()) {
      const digest = createHash('sha256')
        .update(await readFile(join(root, path)))
        .digest('hex')
      found[path] = `${(info.mode & 0o100) === 0 ? 'file' : 'program'} ${digest}`
    }
  }
  return found
}

/** The archive's tree, by our reader and by GNU tar. */
async function bothTrees(archive: string, files: readonly CollectedFile[]) {
  const [ours, theirs] = [await newDirectory(), await newDirectory()]
  const manifest = manifestOf(files)
  if (manifest === undefined) throw new Error('these names may not be in one release')
  await unpackArchive(archive, manifest, ours)
  await run('tar', ['-xzf', archive, '-C', theirs], UTF8)
  return { ours: await contentsOf(ours), theirs: await contentsOf(theirs) }
}

async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

describe('a generated tree', () => {
  test('that we packed is the same for GNU tar and for us', async ({ skip }) => {
    if (!hasTar) skip('there is no GNU tar here')
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const archive = join(await newDirectory(), 'archive.tar.gz')
        await packArchive(inTurn(files), new Date('2026-11-20T09:00:00Z'), archive)
        const { ours, theirs } = await bothTrees(archive, files)
        expect(ours).toEqual(theirs)
        expect(Object.keys(ours)).toHaveLength(files.length)
      }),
      { numRuns: 20 },
    )
  })

  test.each(['gnu', 'oldgnu', 'pax'])('that GNU tar packed as %s is the same for both', async (format) => {
    if (!hasTar) return
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const place = await newDirectory()
        const archive = join(place, 'archive.tar.gz')
        for (const { entry, content } of files) {
          const path = join(place, 'tree', entry.path)
          await mkdir(dirname(path), { recursive: true })
          if (entry.mode === 'link') await symlink(entry.target, path)
          else await writeFile(path, content, { mode: entry.mode === '755' ? 0o755 : 0o644 })
        }
        const list = join(place, 'list')
        await writeFile(list, files.map(({ entry }) => `${entry.path}\0`).join(''))
        const source = ['-C', join(place, 'tree'), '--null', '--verbatim-files-from', '-T', list]
        await run('tar', [`--format=${format}`, '-czf', archive, ...source], UTF8)
        const { ours, theirs } = await bothTrees(archive, files)
        expect(ours).toEqual(theirs)
      }),
      { numRuns: 8 },
    )
  })
})

describe('an archive', () => {
  // Small ones, because each is read once for every byte that it has.
  const ARCHIVES: readonly (readonly [name: string, members: Buffer, contents: Contents])[] = [
    [
      'a file of more than a block',
      member({ path: 'a', content: 'x'.repeat(513) }),
      [['a', 'file', 'x'.repeat(513)]],
    ],
    [
      'a pax header',
      Buffer.concat([pax({ path: 'é/long' }), member({ path: 'short', content: 'hello' })]),
      [['é/long', 'file', 'hello']],
    ],
    [
      'long names of GNU',
      Buffer.concat([gnuLong('by/gnu'), gnuLong('../x', 'K'), member({ path: 'y', type: '2', target: 'z' })]),
      [['by/gnu', '-> ../x', '']],
    ],
    [
      'empty files',
      Buffer.concat([member({ path: 'empty', prefix: 'p' }), member({ path: 'b' })]),
      [
        ['p/empty', 'file', ''],
        ['b', 'file', ''],
      ],
    ],
  ]
  const ZEROS = Buffer.alloc(512)

  test.each(ARCHIVES)(
    'with %s reads the same byte by byte, and with a cut at any place',
    (_, members, contents) => {
      const bytes = Buffer.concat([members, ZEROS])
      expect(readBy([bytes])).toEqual(contents)
      expect(readBy(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(contents)
      for (let cut = 0; cut <= bytes.length; cut++)
        expect(readBy([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(contents)
    },
  )

  test.each(ARCHIVES)('with %s that ends too early is never whole', (_, members) => {
    const bytes = Buffer.concat([members, ZEROS, ZEROS])
    for (let length = 0; length < bytes.length; length++) {
      const isWhole = length === members.length + ZEROS.length
      expect(readOrRefuse([bytes.subarray(0, length)]) !== undefined).toBe(isWhole)
    }
  })

  test('is read although the buffer that brought it is used again', () => {
    const bytes = Buffer.concat([...ARCHIVES.map(([, members]) => members), END])
    function* pieces(): Generator<Buffer> {
      const buffer = Buffer.alloc(100)
      for (let start = 0; start < bytes.length; start += buffer.length)
        yield buffer.subarray(0, bytes.copy(buffer, 0, start))
    }
    expect(readBy(pieces())).toEqual(ARCHIVES.flatMap(([, , contents]) => contents))
  })
})

describe('what we accept', () => {
  const text = fc.constantFrom('', 'a', 'd/e', 'é', 'x'.repeat(100), 'a/', './a', 'a\0b', '123', '\n', '../v')
  const forged: fc.Arbitrary<Buffer> = fc.oneof(
    { weight: 4, arbitrary: honest() },
    { weight: 2, arbitrary: memberOf() },
    fc.dictionary(fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'comment'), text).map((r) => pax(r)),
    fc.constantFrom('0', '5', '512', '-1', '1e1', '').map((size) => pax({ size })),
    fc.tuple(text, fc.constantFrom('L', 'K')).map(([long, type]) => gnuLong(long, type as 'L' | 'K')),
    fc.constant(Buffer.alloc(512)),
  )

  function honest(): fc.Arbitrary<Buffer> {
    const content = fc.constantFrom('', 'hello', 'x'.repeat(512), 'y'.repeat(600))
    const path = fc.constantFrom('a', 'd/e', 'é', 'x'.repeat(100), '123')
    return fc.oneof(
      fc.record({ path, content }).map(member),
      fc.record({ path, target: path }).map((link) => member({ ...link, type: '2' })),
    )
  }

  function memberOf(): fc.Arbitrary<Buffer> {
    const fields = fc.record(
      {
        path: text,
        content: fc.constantFrom('', 'hello', 'x'.repeat(512), 'y'.repeat(600)),
        type: fc.constantFrom('0', '0', '0', '2', '\0', '1', '5', '7'),
        target: text,
        prefix: fc.constantFrom('', 'p', 'p'.repeat(131), 'p'.repeat(155)),
        size: fc.constantFrom(0, 5, 512),
      },
      { requiredKeys: ['path'] },
    )
    return fields.map((given) => member(given as Member))
  }

  test('the tar package reads in the same way', async () => {
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.array(forged, { minLength: 1, maxLength: 4 }), async (parts) => {
        const bytes = Buffer.concat([...parts, END])
        const ours = readOrRefuse([bytes])
        if (ours === undefined || ours.length === 0) return
        accepted++
        expect(await readByPackage(bytes)).toEqual(ours)
      }),
      { numRuns: 1500 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test('of our own archives is everything', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const archive = join(await newDirectory(), 'archive.tar.gz')
        await packArchive(inTurn(files), new Date('2026-11-20T09:00:00Z'), archive)
        const bytes = gunzipSync(await readFile(archive))
        const ours = readBy([bytes])
        expect(ours.map(([path]) => path)).toEqual(files.map(({ entry }) => entry.path))
        expect(await readByPackage(bytes)).toEqual(ours)
      }),
      { numRuns: 20 },
    )
  })
})
