/** The archives of test/vectors, each with the manifest that it is unpacked by. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { buildManifest, type Entry, serializeManifest } from '../../../src/core/manifest.ts'
import { archive, END, gnuLong, member, pax } from '../tar-forge.ts'

interface Archive {
  readonly description: string
  readonly expect: string
  readonly files: readonly Entry[]
  readonly archive: Buffer
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

function file(path: string, content: string, mode: '644' | '755' = '644'): Entry {
  const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
  return { mode, path, size: Buffer.byteLength(content), integrity }
}

const A = [file('a', 'hello')]
const LINK: Entry = { mode: 'link', path: 'l', target: 'a' }
const HONEST = member({ path: 'a', content: 'hello' })

export const ARCHIVES: Readonly<Record<string, Archive>> = {
  plain: {
    description: 'files, an executable, an empty file and a link',
    expect: 'ok',
    files: [...A, file('d/run.sh', '#!/bin/sh\n', '755'), file('empty', ''), LINK],
    archive: archive(
      HONEST,
      member({ path: 'd/run.sh', content: '#!/bin/sh\n', mode: 0o755 }),
      member({ path: 'empty' }),
      member({ path: 'l', type: '2', target: 'a' }),
    ),
  },
  'pax-name': {
    description: 'a long name in a pax header',
    expect: 'ok',
    files: [file(`${'d/'.repeat(60)}a`, 'hello')],
    archive: archive(pax({ path: `${'d/'.repeat(60)}a` }), HONEST),
  },
  'gnu-name': {
    description: "a long name in GNU's way",
    expect: 'ok',
    files: [file(`${'d/'.repeat(60)}a`, 'hello')],
    archive: archive(gnuLong(`${'d/'.repeat(60)}a`), HONEST),
  },
  'member-twice': {
    description: 'a member twice',
    expect: 'refused',
    files: A,
    archive: archive(HONEST, HONEST),
  },
  'member-not-named': {
    description: 'a member that the manifest does not name',
    expect: 'refused',
    files: A,
    archive: archive(HONEST, member({ path: 'b', content: 'x' })),
  },
  'member-missing': {
    description: 'a file of the manifest is not in the archive',
    expect: 'corrupt',
    files: [...A, file('b', 'b')],
    archive: archive(HONEST),
  },
  traversal: {
    description: 'a member that climbs out',
    expect: 'refused',
    files: A,
    archive: archive(HONEST, member({ path: '../victim', content: 'x' })),
  },
  absolute: {
    description: 'a member with an absolute path',
    expect: 'refused',
    files: A,
    archive: archive(HONEST, member({ path: '/victim', content: 'x' })),
  },
  'traversal-by-pax': {
    description: 'a member that climbs out by a pax header',
    expect: 'refused',
    files: A,
    archive: archive(HONEST, pax({ path: '../victim' }), HONEST),
  },
  'through-a-link': {
    description: 'a link to a directory, and a file below it',
    expect: 'refused',
    files: [{ mode: 'link', path: 'd', target: 'e' }, file('e/x', 'x')],
    archive: archive(
      member({ path: 'd', type: '2', target: 'e' }),
      member({ path: 'd/x', content: 'x' }),
      member({ path: 'e/x', content: 'x' }),
    ),
  },
  'link-elsewhere': {
    description: 'a link to another target than the manifest says',
    expect: 'refused',
    files: [...A, LINK],
    archive: archive(HONEST, member({ path: 'l', type: '2', target: '/etc/passwd' })),
  },
  'hard-link': {
    description: 'a hard link in the place of a file',
    expect: 'refused',
    files: [...A, file('b', 'hello')],
    archive: archive(HONEST, member({ path: 'b', type: '1', target: 'a' })),
  },
  device: {
    description: 'a device in the place of a file',
    expect: 'refused',
    files: A,
    archive: archive(member({ path: 'a', type: '3' })),
  },
  directory: {
    description: 'an entry for a directory: members are files and links only',
    expect: 'refused',
    files: [file('d/a', 'hello')],
    archive: archive(member({ path: 'd/', type: '5' }), member({ path: 'd/a', content: 'hello' })),
  },
  'other-content': {
    description: 'content of the right length that has another digest',
    expect: 'corrupt',
    files: A,
    archive: archive(member({ path: 'a', content: 'HELLO' })),
  },
  'other-size': {
    description: 'content that is longer than the manifest says',
    expect: 'corrupt',
    files: A,
    archive: archive(member({ path: 'a', content: 'hello!' })),
  },
  'wrong-checksum': {
    description: 'a header with a wrong checksum',
    expect: 'corrupt',
    files: A,
    archive: archive(member({ path: 'a', content: 'hello', checksum: 1 })),
  },
  'cut-short': {
    description: 'a gzip stream that ends early',
    expect: 'corrupt',
    files: A,
    archive: archive(HONEST).subarray(0, 60),
  },
  'compressed-twice': {
    description: 'a gzip of a gzip',
    expect: 'corrupt',
    files: A,
    archive: gzipSync(archive(HONEST)),
  },
  bomb: {
    description: 'a megabyte of nothing after five bytes of content',
    expect: 'corrupt',
    files: A,
    archive: gzipSync(Buffer.concat([HONEST, Buffer.alloc(1024 * 1024), END])),
  },
  'not-gzip': { description: 'no gzip at all', expect: 'corrupt', files: A, archive: Buffer.from('hello') },
}

export function archiveVector({ description, expect, files, archive: bytes }: Archive): object {
  const source = { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' }
  const manifest = buildManifest({ name: 'test', version: '2026.11.20-0000000', source, files }, hash)
  return { description, manifest: serializeManifest(manifest), archive: bytes.toString('base64'), expect }
}
