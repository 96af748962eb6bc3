/** Property-based inputs: values shaped like a right one, any part of which may be something else (fast-check shrinks). */
import fc from 'fast-check'
import type { Input } from './target.ts'

const STRANGE: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -0,
    -1,
    1.5,
    2 ** 53,
    -(2 ** 53),
    1e21,
    5e-324,
    '',
    'never',
    '../x',
    '\u0000',
  ),
  fc.constantFrom<unknown>([], {}, [[]], { toString: 1, valueOf: 1 }, { length: -1 }, { toJSON: 1 }),
  fc.constant(JSON.parse('{"__proto__":{"polluted":true}}')),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.maxSafeInteger(),
  fc.jsonValue({ maxDepth: 3 }),
)

/** JSON inputs stay JSON; others become strings of bytes with pieces of the right one in them. */
export function inputsLike(seeds: readonly Input[]): fc.Arbitrary<Input> {
  return fc.oneof(...seeds.map(inputLike))
}

function inputLike(seed: Input): fc.Arbitrary<Input> {
  const bytes =
    seed.format === 'json'
      ? like(JSON.parse(seed.bytes.toString('utf8'))).map((value) => Buffer.from(JSON.stringify(value)))
      : pieces(seed.bytes)
  return bytes.map((made) => ({ ...seed, bytes: made }))
}

function like(value: unknown): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: shaped(value), weight: 24 }, { arbitrary: STRANGE, weight: 1 })
}

function shaped(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value)) {
    if (value.length === 0) return fc.oneof(fc.constant([]), fc.array(STRANGE, { maxLength: 2 }))
    return fc.oneof(
      { arbitrary: fc.tuple(...value.map(like)), weight: 4 },
      { arbitrary: fc.array(fc.oneof(...value.map(like)), { maxLength: 4 }), weight: 1 },
    )
  }
  if (typeof value !== 'object' || value === null) return fc.constant(value)
  const fields = Object.entries(value).map(([key, item]) =>
    fc.tuple(fc.constant(key), like(item), fc.integer({ min: 0, max: 30 })),
  )
  return fc
    .tuple(...fields)
    .map((made) =>
      Object.fromEntries(made.filter(([, , luck]) => luck > 0).map(([key, item]) => [key, item])),
    )
}

function pieces(right: Buffer): fc.Arbitrary<Buffer> {
  const piece = fc
    .tuple(fc.nat(right.length), fc.nat(right.length))
    .map(([start, end]) => right.subarray(Math.min(start, end), Math.max(start, end)))
  const noise = fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes))
  return fc.array(fc.oneof(piece, noise), { maxLength: 4 }).map((parts) => Buffer.concat(parts))
}
