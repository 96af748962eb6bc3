import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, compareBytes, type Json } from '../../src/core/canonical.ts'
import {
  type CatchupIndex,
  catchupKey,
  diffManifests,
  type ManifestPatch,
  parseIndex,
  patchManifest,
  serializeIndex,
} from '../../src/core/catchup.ts'
import { parseChannel } from '../../src/core/channel.ts'
import { isError } from '../../src/core/errors.ts'
import type { Fields } from '../../src/core/parse.ts'

/** As it is stored. */
const textOf = (manifest: Json): string => `${canonicalJson(manifest)}\n`
const read = (text: string): Fields => JSON.parse(text)

const file = (path: string, more: Record<string, Json> = {}): Record<string, Json> => ({
  path,
  mode: '644',
  size: 1,
  integrity: 'sha256-a',
  ...more,
})

/** What a machine makes of the patch, once it has travelled as JSON. */
function roundTrip(before: string | undefined, after: string): string {
  const old = before === undefined ? undefined : read(before)
  const patch: ManifestPatch = JSON.parse(JSON.stringify(diffManifests(old, read(after))))
  return patchManifest(old, patch)
}

describe('the patch of a manifest', () => {
  const before = textOf({
    files: [file('a'), file('b'), file('c')],
    format: 'x/1',
    version: 'one',
  })

  test('names what is new or differs, and what is gone', () => {
    const after = textOf({ files: [file('a'), file('b', { mode: '755' }), file('d')], version: 'two' })
    expect(diffManifests(read(before), read(after))).toEqual({
      fields: { version: 'two' },
      changed: [file('b', { mode: '755' }), file('d')],
      removed: ['c'],
    })
  })

  test('is everything for a machine that has nothing', () => {
    const { changed, removed } = diffManifests(undefined, read(before))
    expect(changed).toHaveLength(3)
    expect(removed).toEqual([])
    expect(roundTrip(undefined, before)).toBe(before)
  })

  test('carries fields of a newer skillsctl, in the manifest and in its entries', () => {
    const after = textOf({
      'a-first': [{ deep: null }],
      files: [file('a', { 'x-owner': 'me' }), file('b'), file('c')],
      'z-last': true,
      ['__proto__']: { polluted: true },
    })
    expect(roundTrip(before, after)).toBe(after)
    expect('polluted' in {}).toBe(false)
  })

  test('sorts paths by their bytes, not by their code units', () => {
    const after = textOf({ files: [file('a'), file('\uffee'), file('\u{10000}')], version: 'two' })
    expect(roundTrip(before, after)).toBe(after)
  })

  test('makes the new manifest of any old one', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 3 })
      .filter((text) => !/^\d+$/.test(text))
    const value = fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer(), fc.array(fc.string()))
    const unknown = fc.dictionary(name, value, { maxKeys: 2 })
    const manifest = fc
      .tuple(fc.dictionary(name, fc.record({ size: fc.nat(2), more: unknown }), { maxKeys: 8 }), unknown)
      .map(([files, more]) =>
        textOf({
          ...more,
          files: Object.entries(files)
            .sort(([left], [right]) => compareBytes(left, right))
            .map(([path, { size, more }]) => ({ ...more, ...file(path, { size }) })),
        }),
      )
    fc.assert(
      fc.property(fc.option(manifest, { nil: undefined }), manifest, (old, next) => {
        expect(roundTrip(old, next)).toBe(next)
      }),
      { numRuns: 100 },
    )
  })

  test.each<[string, unknown]>([
    ['an entry without a path', { changed: [{}], removed: [], fields: {} }],
    ['an entry with a number for a path', { changed: [{ path: 1 }], removed: [], fields: {} }],
  ])('with %s is corrupt', (_what, patch) => {
    expect(codeOf(() => patchManifest(read(before), patch as ManifestPatch))).toBe('corrupt')
  })
})

describe('the index', () => {
  const index: CatchupIndex = {
    metadata: new Map([['metadata/3.stable.json', '{"signed":{}}']]),
    manifest: { fields: { version: 'two' }, changed: [file('a')], removed: ['b'] },
    files: [
      { path: 'a', length: 3, old: { path: 'b', head: 1, tail: 0 } },
      { path: 'c', length: 0 },
    ],
  }

  test('is read as it was written', () => {
    expect(parseIndex(serializeIndex(index))).toEqual(index)
    expect(parseIndex(serializeIndex({ ...index, files: undefined })).files).toBeUndefined()
  })

  test('leaves room for fields that are not known yet', () => {
    const more = { ...JSON.parse(serializeIndex(index)), later: 1 }
    expect(parseIndex(JSON.stringify(more))).toEqual(index)
  })

  test.each<[string, (fields: Record<string, unknown>) => unknown]>([
    ['another format', (fields) => ({ ...fields, format: 'skillsctl-catchup/2' })],
    ['no format', ({ format: _format, ...fields }) => fields],
    ['a list', () => []],
    ['null', () => null],
    ['metadata that is no text', (fields) => ({ ...fields, metadata: { a: {} } })],
    ['metadata in a list', (fields) => ({ ...fields, metadata: [] })],
    ['no manifest', ({ manifest: _manifest, ...fields }) => fields],
    [
      'entries that are no objects',
      (fields) => ({ ...fields, manifest: { ...index.manifest, changed: ['a'] } }),
    ],
    [
      'removed paths that are no text',
      (fields) => ({ ...fields, manifest: { ...index.manifest, removed: [1] } }),
    ],
    ['files in an object', (fields) => ({ ...fields, files: {} })],
    ['a negative length', (fields) => ({ ...fields, files: [{ path: 'a', length: -1 }] })],
    ['half a byte', (fields) => ({ ...fields, files: [{ path: 'a', length: 0.5 }] })],
    ['a length beyond counting', (fields) => ({ ...fields, files: [{ path: 'a', length: 2 ** 53 }] })],
    [
      'a negative head',
      (fields) => ({ ...fields, files: [{ path: 'a', length: 1, old: { path: 'a', head: -1, tail: 0 } }] }),
    ],
    [
      'an old copy without a path',
      (fields) => ({ ...fields, files: [{ path: 'a', length: 1, old: { head: 0, tail: 0 } }] }),
    ],
  ])('with %s is corrupt', (_what, change) => {
    const text = JSON.stringify(change(JSON.parse(serializeIndex(index))))
    expect(codeOf(() => parseIndex(text))).toBe('corrupt')
  })

  test('that is no JSON is corrupt', () => {
    expect(codeOf(() => parseIndex('<html>'))).toBe('corrupt')
  })
})

test('a bundle is named by channel, role version and the release it starts from', () => {
  expect(catchupKey(parseChannel('stable'), 7, 'ab'.repeat(32))).toBe('catchup/stable/7/abababababababab')
  expect(catchupKey(parseChannel('drafts/idea'), 7, undefined)).toBe('catchup/drafts/idea/7/none')
})

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (isError(error)) return error.code
    throw error
  }
  return 'ok'
}
