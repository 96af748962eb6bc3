import { randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeDelta, decodeWhole, encodeDelta, encodeWhole } from '../../src/archive/delta.ts'

const text = (content: string): Buffer => Buffer.from(content, 'utf8')

test.each<[string, Buffer, Buffer]>([
  ['the same content', text('same'), text('same')],
  ['an empty file from one that was not', text('old'), text('')],
  ['content where an empty file was', text(''), text('new')],
  ['two empty files', text(''), text('')],
  ['an insertion', text('ab'), text('a-b')],
  ['a deletion', text('a-b'), text('ab')],
  ['a repetition that head and tail could both claim', text('aa'), text('aaa')],
  ['nothing in common', text('one'), text('TWO')],
])('a difference makes the new file: %s', (_what, old, next) => {
  expect(decodeDelta(old, encodeDelta(old, next), next.length)).toEqual(next)
})

test('any file is made of any other, and head and tail never overlap', () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.string({ unit: fc.constantFrom('a', 'b') }).map(text),
  )
  fc.assert(
    fc.property(content, content, content, (start, middle, end) => {
      const old = Buffer.concat([start, end])
      const next = Buffer.concat([start, middle, end])
      for (const [from, to] of [
        [old, next],
        [next, old],
        [Buffer.from(middle), next],
      ] as const) {
        const delta = encodeDelta(from, to)
        expect(delta.head + delta.tail).toBeLessThanOrEqual(Math.min(from.length, to.length))
        expect(decodeDelta(from, delta, to.length)).toEqual(to)
      }
    }),
  )
})

test('a line inserted into a megabyte of noise costs less than a kilobyte', () => {
  const old = randomBytes(1024 * 1024)
  const next = Buffer.concat([old.subarray(0, 400_000), text('a new line of text\n'), old.subarray(400_000)])
  const delta = encodeDelta(old, next)
  expect(delta.body.length).toBeLessThan(1024)
  // Not toEqual, which walks a megabyte byte by byte.
  expect(decodeDelta(old, delta, next.length)?.equals(next)).toBe(true)
})

test('an edit far from the ends takes its words from the old copy around it', () => {
  const old = randomBytes(200_000)
  const next = Buffer.from(old)
  // Two edits with 6 kB of old content between them, which only a dictionary makes small.
  next[100_000] = (old[100_000] ?? 0) ^ 1
  next[106_000] = (old[106_000] ?? 0) ^ 1
  const delta = encodeDelta(old, next)
  expect(delta.body.length).toBeLessThan(1024)
  // Not toEqual, which walks a megabyte byte by byte.
  expect(decodeDelta(old, delta, next.length)?.equals(next)).toBe(true)
})

/** Written from SPEC.md, "Catch-up", and nothing else. */
function decodeBySpec(old: Buffer, head: number, tail: number, body: Buffer): Buffer {
  const from = Math.max(0, head - 8192)
  const to = Math.min(old.length - tail + 8192, old.length, from + 32768)
  const middle = inflateRawSync(body, to > from ? { dictionary: old.subarray(from, to) } : {})
  return Buffer.concat([old.subarray(0, head), middle, old.subarray(old.length - tail)])
}

test.each<[string, number, (old: Buffer) => Buffer]>([
  ['near the start of a small file', 1000, (old) => edited(old, 10, 20)],
  ['deep inside a large one', 100_000, (old) => edited(old, 50_000, 50_010)],
  ['over more than a window', 100_000, (old) => edited(old, 20_000, 80_000)],
  ['at the very end', 50_000, (old) => Buffer.concat([old, old.subarray(0, 40_000)])],
  ['in an empty file', 0, () => text('new')],
])('a change %s is read by a decoder written from SPEC.md', (_where, size, change) => {
  const old = randomBytes(size)
  const next = change(old)
  const { head, tail, body } = encodeDelta(old, next)
  expect(decodeBySpec(old, head, tail, body).equals(next)).toBe(true)
})

/** The same with these two bytes changed, and what lies between them shifted by one. */
function edited(old: Buffer, from: number, to: number): Buffer {
  const changed = (place: number): Buffer => Buffer.from([(old[place] ?? 0) ^ 1])
  return Buffer.concat([
    old.subarray(0, from),
    changed(from),
    old.subarray(from, to),
    changed(to),
    old.subarray(to),
  ])
}

describe('what does not fit is no file', () => {
  const old = text('the old copy')
  const next = text('the new copy')
  const delta = encodeDelta(old, next)

  test.each<[string, () => Buffer | undefined]>([
    ['a smaller size than comes out', () => decodeDelta(old, delta, next.length - 1)],
    ['a larger size than comes out', () => decodeDelta(old, delta, next.length + 1)],
    ['a head beyond the old copy', () => decodeDelta(old, { ...delta, head: old.length + 1 }, 1000)],
    ['head and tail that overlap', () => decodeDelta(old, { ...delta, head: 8, tail: 8 }, 1000)],
    ['a head beyond counting', () => decodeDelta(old, { ...delta, head: Number.MAX_SAFE_INTEGER }, 12)],
    ['a body that is cut off', () => decodeDelta(old, { ...delta, body: delta.body.subarray(0, -1) }, 12)],
    ['a body that is not deflated', () => decodeDelta(old, { ...delta, body: text('garbage') }, 12)],
    ['no body', () => decodeWhole(Buffer.alloc(0), 1)],
    ['a whole file that is longer', () => decodeWhole(encodeWhole(next), next.length - 1)],
    ['a whole file that is shorter', () => decodeWhole(encodeWhole(next), next.length + 1)],
  ])('%s', (_what, make) => {
    expect(make()).toBeUndefined()
  })

  test('a body that inflates a thousandfold is cut off at the size', () => {
    const bomb = deflateRawSync(Buffer.alloc(16 * 1024 * 1024))
    expect(decodeWhole(bomb, 10)).toBeUndefined()
    expect(decodeDelta(old, { head: 0, tail: 0, body: bomb }, 10)).toBeUndefined()
  })
})
