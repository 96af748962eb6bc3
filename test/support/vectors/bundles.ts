/** The catch-up bundles of test/vectors: from one release of four files to the next, and what is wrong with each other. */
import { createHash } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { encodeDelta, encodeWhole } from '../../../src/archive/delta.ts'
import { diffManifests, type ManifestPatch, type Piece, serializeIndex } from '../../../src/core/catchup.ts'
import { buildManifest, type Entry, serializeManifest } from '../../../src/core/manifest.ts'

type Files = Readonly<Record<string, string>>

interface Parts {
  readonly patch: ManifestPatch
  readonly pieces: readonly Piece[]
  readonly bodies: readonly Buffer[]
}

interface Bundle {
  readonly description: string
  readonly expect: string
  /** Made of the parts of the right one. */
  readonly make: (right: Parts) => Buffer
}

const TEXT = Array.from({ length: 40 }, (_, line) => `line ${line} of a skill\n`).join('')
const BEFORE: Files = { 'a/SKILL.md': TEXT, 'b.md': 'stays\n', 'c.md': 'goes\n', 'old.md': `${TEXT}moved\n` }
const AFTER: Files = {
  'a/SKILL.md': TEXT.replace('line 20', 'LINE 20'),
  'b.md': 'stays\n',
  'new.md': `${TEXT}moved, and changed\n`,
  'whole.md': 'arrives\n',
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

function manifestOf(files: Files, version: string): string {
  const source = { commit: version.slice(11).padEnd(40, '0'), committedAt: '2026-11-20T09:00:00Z' }
  const entries = Object.entries(files).map(([path, content]): Entry => {
    const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
    return { mode: '644', path, size: Buffer.byteLength(content), integrity }
  })
  return serializeManifest(buildManifest({ name: 'test', version, source, files: entries }, hash))
}

const OLD = manifestOf(BEFORE, '2026.11.20-0000000')
const NEW = manifestOf(AFTER, '2026.11.20-1111111')

function rightParts(): Parts {
  const patch = diffManifests(JSON.parse(OLD), JSON.parse(NEW))
  const made = Object.entries({ 'a/SKILL.md': 'a/SKILL.md', 'new.md': 'old.md', 'whole.md': undefined }).map(
    ([path, from]): [Piece, Buffer] => {
      const next = Buffer.from(AFTER[path] ?? '')
      if (from === undefined) return [{ path, length: encodeWhole(next).length }, encodeWhole(next)]
      const { head, tail, body } = encodeDelta(Buffer.from(BEFORE[from] ?? ''), next)
      return [{ path, length: body.length, old: { path: from, head, tail } }, body]
    },
  )
  return { patch, pieces: made.map(([piece]) => piece), bodies: made.map(([, body]) => body) }
}

const indexOf = ({ patch, pieces }: Parts): string =>
  serializeIndex({ metadata: new Map(), manifest: patch, files: pieces })

function packed(index: string, bodies: readonly Buffer[] = []): Buffer {
  const deflated = deflateRawSync(index)
  return Buffer.concat([Buffer.from(`skillsctl-catchup/1 ${deflated.length}\n`), deflated, ...bodies])
}

const right = (parts: Parts): Buffer => packed(indexOf(parts), parts.bodies)
const withOld = (change: Partial<NonNullable<Piece['old']>>) => (parts: Parts) => {
  const [first, ...rest] = parts.pieces
  if (first?.old === undefined) throw new Error('the first file is made of an old one')
  return right({ ...parts, pieces: [{ ...first, old: { ...first.old, ...change } }, ...rest] })
}
const withPatch = (change: (patch: ManifestPatch) => Partial<ManifestPatch>) => (parts: Parts) =>
  right({ ...parts, patch: { ...parts.patch, ...change(parts.patch) } })

export const BUNDLES: Readonly<Record<string, Bundle>> = {
  plain: {
    description: 'an edit, a file that moved and changed, a new one, one that goes',
    expect: 'ok',
    make: right,
  },
  'unknown-field': {
    description: 'an index with a field of a newer version',
    expect: 'ok',
    make: (parts) => packed(indexOf(parts).replace('{', '{"x-later":[1],'), parts.bodies),
  },
  'newer-format': {
    description: 'an index of another format',
    expect: 'corrupt',
    make: (parts) => packed(indexOf(parts).replace('catchup/1', 'catchup/2'), parts.bodies),
  },
  'newer-container': {
    description: 'a container of another format',
    expect: 'corrupt',
    make: (parts) => Buffer.from(right(parts).toString('latin1').replace('catchup/1', 'catchup/2'), 'latin1'),
  },
  'cut-short': {
    description: 'the last byte is missing',
    expect: 'corrupt',
    make: (parts) => right(parts).subarray(0, -1),
  },
  'one-byte-more': {
    description: 'a byte after the last body',
    expect: 'corrupt',
    make: (parts) => Buffer.concat([right(parts), Buffer.alloc(1)]),
  },
  'length-beyond-the-end': {
    description: 'an index that is said to be longer than the bundle',
    expect: 'corrupt',
    make: (parts) =>
      Buffer.from(
        right(parts)
          .toString('latin1')
          .replace(/ \d+\n/, ' 999999\n'),
        'latin1',
      ),
  },
  'length-with-zeros': {
    description: 'a length with a leading zero',
    expect: 'corrupt',
    make: (parts) =>
      Buffer.from(
        right(parts)
          .toString('latin1')
          .replace(/ (\d+)\n/, ' 0$1\n'),
        'latin1',
      ),
  },
  'nested-without-end': {
    description: 'a field nested 100,000 deep',
    expect: 'corrupt',
    make: (parts) =>
      packed(indexOf(parts).replace('{', `{"x":${'['.repeat(1e5)}${']'.repeat(1e5)},`), parts.bodies),
  },
  'inflates-without-end': {
    description: 'an index of more than 4 MiB',
    expect: 'corrupt',
    make: (parts) => packed(indexOf(parts).replace('{', `{"x":[${'[],'.repeat(1_400_000)}1],`), parts.bodies),
  },
  'patch-of-another-release': {
    description: 'a patch whose outcome has another digest than the signed one',
    expect: 'corrupt',
    make: withPatch(({ fields }) => ({ fields: { ...fields, name: 'other' } })),
  },
  'patch-that-keeps-a-file': {
    description: 'a patch that forgets a file that goes',
    expect: 'corrupt',
    make: withPatch(() => ({ removed: [] })),
  },
  'head-beyond-the-file': {
    description: 'more taken over than the new file has',
    expect: 'corrupt',
    make: withOld({ head: 100_000 }),
  },
  'negative-head': { description: 'a negative head', expect: 'corrupt', make: withOld({ head: -1 }) },
  'another-old-file': {
    description: 'the wrong old file: what comes out has another digest',
    expect: 'corrupt',
    make: withOld({ path: 'old.md' }),
  },
  'old-file-outside': {
    description: 'an old file outside of the release',
    expect: 'corrupt',
    make: withOld({ path: '../../../etc/passwd' }),
  },
  'body-of-another-file': {
    description: 'two bodies in the wrong order',
    expect: 'corrupt',
    make: (parts) => right({ ...parts, pieces: parts.pieces.toReversed() }),
  },
}

/** `release` is the one that the bundle is for, as signed metadata names it. */
export function bundleVector({ description, expect, make }: Bundle): object {
  const bundle = make(rightParts()).toString('base64')
  const signed = { sha256: hash(NEW), length: Buffer.byteLength(NEW) }
  const result = expect === 'ok' ? { files: AFTER } : {}
  return {
    description,
    installed: { manifest: OLD, files: BEFORE },
    release: signed,
    bundle,
    ...result,
    expect,
  }
}
