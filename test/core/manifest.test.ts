import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isError } from '../../src/core/errors.ts'
import {
  buildManifest,
  type Entry,
  integrityHex,
  parseManifest,
  serializeManifest,
  treeLines,
  treeSize,
} from '../../src/core/manifest.ts'
import { checkNames } from '../../src/core/paths.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const path = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'B', '-', '~', 'é', '日', '\uff5e', '\u{1f600}') }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((names) => names.join('/'))
const integrity = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((digest) => `sha256-${Buffer.from(digest).toString('base64')}`)
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    mode: fc.constantFrom('644' as const, '755' as const),
    path,
    size: fc.maxSafeNat(),
    integrity,
  }),
  fc.record({ mode: fc.constant('link' as const), path, target: path }),
)
const files = fc.uniqueArray(entry, { selector: (file) => file.path, maxLength: 10 }).filter((entries) => {
  try {
    checkNames(entries)
    return true
  } catch (error) {
    if (isError(error, 'refused')) return false
    throw error
  }
})

const PARTS = {
  name: 'acme-skills',
  version: '2026.11.20-3f2a9c1',
  source: { commit: '3f2a9c1d'.repeat(5), committedAt: '2026-11-20T09:00:00Z' },
}

describe('manifest', () => {
  test('reads back what was written, to the byte', () => {
    fc.assert(
      fc.property(files, (entries) => {
        const manifest = buildManifest({ ...PARTS, files: entries }, sha256)
        const text = serializeManifest(manifest)
        expect(parseManifest(text, sha256)).toEqual(manifest)
        expect(serializeManifest(parseManifest(text, sha256))).toBe(text)
      }),
    )
  })

  test('does not depend on the order in which files were found', () => {
    fc.assert(
      fc.property(files, (entries) => {
        const text = serializeManifest(buildManifest({ ...PARTS, files: entries }, sha256))
        expect(serializeManifest(buildManifest({ ...PARTS, files: entries.toReversed() }, sha256))).toBe(text)
      }),
    )
  })

  test('is the JSON that SPEC.md shows: sorted keys, no spaces, one newline', () => {
    const empty = `sha256-${Buffer.from(sha256(''), 'hex').toString('base64')}`
    const manifest = buildManifest(
      { ...PARTS, files: [{ mode: '644', path: 'a', size: 0, integrity: empty }] },
      sha256,
    )
    expect(serializeManifest(manifest)).toBe(
      `{"files":[{"integrity":"${empty}","mode":"644","path":"a","size":0}],` +
        '"format":"skillsctl-manifest/1","name":"acme-skills",' +
        `"source":{"commit":"${'3f2a9c1d'.repeat(5)}","committedAt":"2026-11-20T09:00:00Z"},` +
        `"tree":"sha256:${sha256(`644 ${sha256('')} a\n`)}","version":"2026.11.20-3f2a9c1"}\n`,
    )
  })

  test('refuses a forbidden name when it is made, not only when it is read', () => {
    const hostile: Entry = { mode: 'link', path: 'a', target: '../outside' }
    expect(() => buildManifest({ ...PARTS, files: [hostile] }, sha256)).toThrow(
      expect.objectContaining({ code: 'refused', subject: 'a' }),
    )
  })

  test('notices any change of mode, digest, target or path by the tree hash', () => {
    fc.assert(
      fc.property(files, files, (left, right) => {
        const same = treeLines(left) === treeLines(right)
        const strip = (entries: readonly Entry[]) =>
          entries.map((file) => (file.mode === 'link' ? file : { ...file, size: 0 }))
        expect(same).toBe(JSON.stringify(strip(left)) === JSON.stringify(strip(right)))
      }),
    )
  })

  test('spells a digest in hex as the rest of the world does', () => {
    fc.assert(
      fc.property(integrity, (text) => {
        const hex = Buffer.from(text.slice('sha256-'.length), 'base64').toString('hex')
        expect(integrityHex({ integrity: text })).toBe(hex)
      }),
    )
  })

  test('counts the bytes of files, not of links', () => {
    const size = treeSize([
      { mode: '644', path: 'a', size: 5, integrity: '' },
      { mode: 'link', path: 'b', target: 'a' },
      { mode: '755', path: 'c', size: 7, integrity: '' },
    ])
    expect(size).toBe(12)
  })
})
