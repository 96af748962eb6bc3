import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeCatchup, encodeCatchup } from '../../src/archive/catchup.ts'
import { type CatchupIndex, LONGEST_INDEX, serializeIndex } from '../../src/core/catchup.ts'

const INDEX: CatchupIndex = {
  metadata: new Map([['metadata/3.stable.json', '{}']]),
  manifest: { fields: {}, changed: [], removed: [] },
  files: [
    { path: 'a', length: 3 },
    { path: 'b', length: 0 },
    { path: 'c', length: 2 },
  ],
}
const BODIES = [Buffer.from('aaa'), Buffer.alloc(0), Buffer.from('cc')]
const GOOD = encodeCatchup(INDEX, BODIES) ?? Buffer.alloc(0)

/** A bundle around any index, with any length in its first line. */
function container(index: string, bodies = '', length?: number | string): Buffer {
  const packed = deflateRawSync(Buffer.from(index))
  const header = `skillsctl-catchup/1 ${length ?? packed.length}\n`
  return Buffer.concat([Buffer.from(header), packed, Buffer.from(bodies)])
}

test('what was encoded is decoded, each body with its file', () => {
  const { body, ...index } = decodeCatchup(GOOD)
  expect(index).toEqual(INDEX)
  expect(INDEX.files?.map((piece) => body(piece).toString())).toEqual(['aaa', '', 'cc'])
})

test('starts with one line that a person can read', () => {
  expect(GOOD.toString('latin1')).toMatch(/^skillsctl-catchup\/1 \d+\n/)
})

describe('is corrupt', () => {
  const index = serializeIndex(INDEX)

  test.each<[string, Buffer]>([
    ['nothing at all', Buffer.alloc(0)],
    ['an error page', Buffer.from('<!doctype html>\n<title>not found</title>')],
    ['another version', Buffer.from(GOOD.toString('latin1').replace('catchup/1', 'catchup/2'), 'latin1')],
    ['a line that does not end', Buffer.from('skillsctl-catchup/1 5')],
    ['no length', container(index, 'aaacc', '')],
    ['a length of nothing', container(index, 'aaacc', 0)],
    ['a negative length', container(index, 'aaacc', -1)],
    ['a length in hex', container(index, 'aaacc', '0x10')],
    ['a length with an exponent', container(index, 'aaacc', '1e2')],
    ['a length and something else', container(index, 'aaacc', '100 100')],
    ['a length beyond the end', container(index, 'aaacc', 100_000)],
    ['an index that is cut off', container(index, 'aaacc', 10)],
    ['an index that is no JSON', container('nonsense', 'aaacc')],
    ['bodies that are cut off', GOOD.subarray(0, -1)],
    ['no bodies', container(index)],
    ['a byte too many', Buffer.concat([GOOD, Buffer.alloc(1)])],
    ['bodies without files', container(serializeIndex({ ...INDEX, files: undefined }), 'a')],
    [
      'lengths that overflow',
      container(serializeIndex({ ...INDEX, files: [{ path: 'a', length: Number.MAX_SAFE_INTEGER }] }), 'a'),
    ],
    ['an index that inflates to more than is read', container(index + ' '.repeat(LONGEST_INDEX), 'aaacc')],
  ])('%s', (_what, bytes) => {
    expect(() => decodeCatchup(bytes)).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })

  test('every part of a bundle', () => {
    for (let length = 0; length < GOOD.length; length++) {
      expect(() => decodeCatchup(GOOD.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'corrupt' }),
      )
    }
  })
})

test('what no machine would accept is not written', () => {
  const long = { ...INDEX, manifest: { ...INDEX.manifest, removed: ['x'.repeat(LONGEST_INDEX)] } }
  expect(encodeCatchup(long, BODIES)).toBeUndefined()
  expect(encodeCatchup({ ...INDEX, files: [] }, [Buffer.alloc(9 * 1024 * 1024)])).toBeUndefined()
})
