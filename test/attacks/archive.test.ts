/** Hostile archives, forged byte by byte: each is refused by the right code, and nothing is written outside. */
import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unpackArchive } from '../../src/archive/unpack.ts'
import { buildManifest, type Entry, type Manifest } from '../../src/core/manifest.ts'
import { archive, END, gnuLong, member, pax } from '../support/tar-forge.ts'

const sha256 = (content: string | Uint8Array, encoding: 'hex' | 'base64' = 'hex'): string =>
  createHash('sha256').update(content).digest(encoding)

function manifestOf(...files: readonly Entry[]): Manifest {
  const source = { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' }
  return buildManifest({ name: 'test', version: '2026.11.20-0000000', source, files }, sha256)
}

function file(path: string, content: string | Uint8Array, mode: '644' | '755' = '644'): Entry {
  const integrity = `sha256-${sha256(content, 'base64')}`
  return { mode, path, size: Buffer.byteLength(content), integrity }
}

const A = file('a', 'hello')
const HONEST = member({ path: 'a', content: 'hello' })

/** The directory to unpack into lies in `outside`, where anything that escapes would show. */
let outside: string
let inside: string

beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), 'hostile-'))
  inside = join(outside, 'deep/er/tree')
  await mkdir(inside, { recursive: true })
  await writeFile(join(outside, 'victim'), 'untouched')
})
afterEach(() => rm(outside, { recursive: true, force: true }))

async function unpack(bytes: Uint8Array, manifest: Manifest): Promise<void> {
  const path = join(outside, 'archive.tar.gz')
  await writeFile(path, bytes)
  await unpackArchive(path, manifest, inside)
}

/** What lies outside of the tree, which no archive may change. */
async function surroundings(): Promise<string[]> {
  const found = await readdir(outside, { recursive: true })
  return found.filter((path) => !path.startsWith('deep/er/tree/')).sort()
}

async function expectRefusal(bytes: Uint8Array, manifest: Manifest, code: string): Promise<void> {
  await expect(unpack(bytes, manifest)).rejects.toMatchObject({ name: 'SkillsctlError', code })
  expect(await surroundings()).toEqual(['archive.tar.gz', 'deep', 'deep/er', 'deep/er/tree', 'victim'])
  expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('untouched')
}

test('an honest archive of the forge unpacks, so that what follows fails for its own reason', async () => {
  const manifest = manifestOf(A, file('d/run.sh', '#!/bin/sh\n', '755'), file('empty', ''), {
    mode: 'link',
    path: 'l',
    target: 'd/run.sh',
  })
  const parts = [
    HONEST,
    member({ path: 'd/run.sh', content: '#!/bin/sh\n', mode: 0o755 }),
    member({ path: 'empty' }),
    member({ path: 'l', type: '2', target: 'd/run.sh' }),
  ]
  await unpack(archive(...parts), manifest)
  expect((await readdir(inside, { recursive: true })).sort()).toEqual(['a', 'd', 'd/run.sh', 'empty', 'l'])
  expect(await readFile(join(inside, 'l'), 'utf8')).toBe('#!/bin/sh\n')
})

describe('a member that the manifest does not name', () => {
  test.each([
    ['climbs out', member({ path: '../../../victim', content: 'x' })],
    ['climbs out from below', member({ path: 'a/../../../../victim', content: 'x' })],
    ['is absolute', member({ path: '/tmp/skillsctl-victim', content: 'x' })],
    ['spells a known path otherwise', member({ path: './a', content: 'hello' })],
    ['is a known path with a slash', member({ path: 'a/', content: '' })],
    ['has a backslash', member({ path: '..\\victim', content: 'x' })],
    ['is a twin of a known path', member({ path: 'A', content: 'hello' })],
    ['is a directory', member({ path: 'd/', type: '5' })],
    ['is a link out', member({ path: 'l', type: '2', target: '/etc' })],
    ['is a hard link out', member({ path: 'l', type: '1', target: '../../../victim' })],
    ['is a device', member({ path: 'null', type: '3' })],
    ['is a named pipe', member({ path: 'fifo', type: '6' })],
    ['climbs out by its ustar prefix', member({ path: 'victim', prefix: '../../..', content: 'x' })],
    ['climbs out by a pax header', Buffer.concat([pax({ path: '../../../victim' }), HONEST])],
    ['climbs out by a GNU long name', Buffer.concat([gnuLong('../../../victim'), HONEST])],
    ['is 10,000 directories deep', Buffer.concat([pax({ path: `${'d/'.repeat(10_000)}x` }), HONEST])],
    ['is a volume label', member({ path: 'label', type: 'V' })],
    ['is a sparse file', member({ path: 'sparse', type: 'S', content: 'x' })],
    ['continues another volume', member({ path: 'rest', type: 'M', content: 'x' })],
    ['has a type that nobody knows', member({ path: 'odd', type: 'Z', content: 'x' })],
  ])('%s: refused', async (_, extra) => {
    await expectRefusal(archive(HONEST, extra), manifestOf(A), 'refused')
    await rm(join(inside, 'a'), { force: true })
    await expectRefusal(archive(extra, HONEST), manifestOf(A), 'refused')
  })
})

describe('a member of another kind than the manifest says', () => {
  const LINK: Entry = { mode: 'link', path: 'a', target: 'b' }

  test.each([
    ['a hard link for a file', A, member({ path: 'a', type: '1', target: '../../../victim' })],
    ['a symbolic link for a file', A, member({ path: 'a', type: '2', target: '../../../victim' })],
    ['a character device for a file', A, member({ path: 'a', type: '3' })],
    ['a block device for a file', A, member({ path: 'a', type: '4' })],
    ['a named pipe for a file', A, member({ path: 'a', type: '6' })],
    ['a directory for a file', A, member({ path: 'a', type: '5' })],
    ['a contiguous file for a file', A, member({ path: 'a', type: '7', content: 'hello' })],
    ['a sparse file for a file', A, member({ path: 'a', type: 'S', content: 'hello' })],
    ['a file for a link', LINK, member({ path: 'a', content: 'b' })],
    ['a hard link for a link', LINK, member({ path: 'a', type: '1', target: 'b' })],
    ['a link to somewhere else', LINK, member({ path: 'a', type: '2', target: '../../../victim' })],
    [
      'a link that pax sends elsewhere',
      LINK,
      Buffer.concat([pax({ linkpath: '/etc' }), member({ path: 'a', type: '2', target: 'b' })]),
    ],
    [
      'a link that GNU sends elsewhere',
      LINK,
      Buffer.concat([gnuLong('/etc', 'K'), member({ path: 'a', type: '2', target: 'b' })]),
    ],
  ])('%s: refused', async (_, entry, forged) => {
    await expectRefusal(archive(forged), manifestOf(entry), 'refused')
  })
})

describe('an archive that is not what its manifest says', () => {
  test('holds a member twice: refused', async () => {
    await expectRefusal(archive(HONEST, HONEST), manifestOf(A), 'refused')
  })

  test('holds a second member through a pax header: refused', async () => {
    const second = Buffer.concat([pax({ path: 'a' }), member({ path: 'b', content: 'hello' })])
    await expectRefusal(archive(HONEST, second), manifestOf(A), 'refused')
  })

  test.each([
    ['lacks a member', archive(HONEST), manifestOf(A, file('b', 'b'))],
    ['lacks all members', archive(), manifestOf(A)],
    ['holds other content of the same size', archive(member({ path: 'a', content: 'HELLO' })), manifestOf(A)],
    ['holds shorter content', archive(member({ path: 'a', content: 'hell' })), manifestOf(A)],
    ['holds longer content', archive(member({ path: 'a', content: 'hello!' })), manifestOf(A)],
    [
      'holds nothing for an empty file but bytes',
      archive(member({ path: 'a', content: 'x' })),
      manifestOf(file('a', '')),
    ],
    [
      'claims another size by pax',
      archive(pax({ size: '6' }), member({ path: 'a', content: 'hello' })),
      manifestOf(A),
    ],
    [
      'claims a negative size by pax',
      archive(pax({ size: '-5' }), member({ path: 'a', content: 'HELLO' })),
      manifestOf(A),
    ],
    [
      'claims more content than there is',
      archive(member({ path: 'a', content: 'hello', size: 5000 })),
      manifestOf(file('a', Buffer.alloc(5000))),
    ],
    ['has a wrong checksum', archive(member({ path: 'a', content: 'hello', checksum: 1 })), manifestOf(A)],
  ])('%s: corrupt', async (_, bytes, manifest) => {
    await expectRefusal(bytes, manifest, 'corrupt')
  })

  test('hides a member in what another size would skip: refused or corrupt, never written', async () => {
    const hidden = member({ path: '../../../victim', content: 'x' })
    const carrier = member({ path: 'a', content: hidden })
    const bytes = archive(pax({ size: '5' }), carrier)
    await expect(unpack(bytes, manifestOf(A))).rejects.toMatchObject({ name: 'SkillsctlError' })
    expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('untouched')
  })
})

describe('bytes that are no archive of ours', () => {
  const good = archive(HONEST)

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['text', Buffer.from('<html>not found</html>')],
    ['a tar without gzip', Buffer.concat([HONEST, END])],
    ['a gzip of garbage', gzipSync(Buffer.alloc(2048, 7))],
    ['a gzip cut short', good.subarray(0, good.length - 12)],
    ['a gzip cut within its header', good.subarray(0, 5)],
    ['a gzip with a flipped bit', Buffer.from(good).fill(good.readUInt8(30) ^ 1, 30, 31)],
    ['a gzip with a wrong checksum', Buffer.from(good).fill(0, good.length - 8, good.length - 4)],
    ['a tar cut within a member', gzipSync(HONEST.subarray(0, 514))],
    ['a gzip within a gzip', gzipSync(good)],
    ['a gzip within a gzip within a gzip', gzipSync(gzipSync(good))],
    [
      'a zstd frame within a gzip',
      gzipSync(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), HONEST, END])),
    ],
  ])('%s: corrupt', async (_, bytes) => {
    await expectRefusal(bytes, manifestOf(A), 'corrupt')
  })
})

describe('an archive that would never end', () => {
  const MANY = 16 * 1024 * 1024

  test.each([
    ['zeros after its end', () => archive(HONEST, Buffer.alloc(MANY))],
    ['zeros in a member', () => archive(member({ path: 'a', content: Buffer.alloc(MANY) }))],
    ['zeros in a second gzip', () => gzipSync(gzipSync(Buffer.concat([HONEST, Buffer.alloc(MANY)])))],
    [
      'pax headers before a member',
      () => archive(...Array<Buffer>(5000).fill(pax({ comment: 'x'.repeat(1500) })), HONEST),
    ],
    ['one endless pax header', () => archive(pax({ comment: 'x'.repeat(MANY / 4) }), HONEST)],
    ['one endless GNU name', () => archive(gnuLong('x'.repeat(MANY / 4)), HONEST)],
  ])('%s: stopped by what the manifest allows, long before it has been read', async (_, forge) => {
    const bytes = forge()
    const before = process.memoryUsage().arrayBuffers
    await expect(unpack(bytes, manifestOf(A))).rejects.toMatchObject({ name: 'SkillsctlError' })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MANY / 2)
    const written = await Promise.all((await readdir(inside)).map((name) => lstat(join(inside, name))))
    expect(written.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(1024)
  })
})

describe('links', () => {
  test('are made last, so that no member is ever written through one', async () => {
    // Names forbid a file below a link, so this manifest never passes the parser: the second line of defence.
    const link: Entry = { mode: 'link', path: 'l', target: '../../..' }
    const hostile: Manifest = { ...manifestOf(), files: [link, file('l/victim', 'x')] }
    const bytes = archive(
      member({ path: 'l', type: '2', target: '../../..' }),
      member({ path: 'l/victim', content: 'x' }),
    )
    await expect(unpack(bytes, hostile)).rejects.toMatchObject({ name: 'SkillsctlError' })
    expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('untouched')
  })

  test('that were put in the way beforehand are not followed', async () => {
    await symlink(join(outside, 'victim'), join(inside, 'a'))
    await expect(unpack(archive(HONEST), manifestOf(A))).rejects.toMatchObject({ code: 'failed' })
    await rm(join(inside, 'a'))
    await symlink(outside, join(inside, 'd'))
    const below = archive(member({ path: 'd/victim', content: 'hello' }))
    await expect(unpack(below, manifestOf(file('d/victim', 'hello')))).rejects.toMatchObject({
      code: 'failed',
    })
    expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('untouched')
  })
})
