/** Mutations that know nothing: flipped bits, cuts, splices, repeats, numbers at the edges of their range. */
import type { Random } from './random.ts'

const EDGES = [0, 1, 9, 10, 13, 27, 32, 34, 45, 46, 47, 48, 57, 58, 92, 123, 127, 128, 192, 237, 254, 255]
const WORDS = [
  '../',
  '\0',
  '\u001b[2J',
  '\ufeff',
  '\r\n',
  '__proto__',
  '-0',
  '1e999',
  '"',
  '\ud800',
  '\u2028',
]

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => changed(bytes, random, (byte) => byte ^ (1 << random.below(8))),
  (bytes, random) => changed(bytes, random, () => random.below(256)),
  (bytes, random) => changed(bytes, random, () => random.pick(EDGES)),
  (bytes, random) => changed(bytes, random, (byte) => byte + random.pick([-1, 1])),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => {
    const [start, end] = range(bytes, random)
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random)
    const times = random.oneIn(20) ? 200 : 1 + random.below(3)
    return insert(bytes, end, ...Array<Buffer>(times).fill(bytes.subarray(start, end)))
  },
  (bytes, random) => insert(bytes, random.below(bytes.length + 1), Buffer.from(random.pick(WORDS))),
  (bytes, random, other) => {
    const [start, end] = range(other, random)
    return insert(bytes, random.below(bytes.length + 1), other.subarray(start, end))
  },
  (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]),
]

/** @param other another input, to splice from */
export function mutateBytes(bytes: Buffer, random: Random, other: Buffer): Buffer {
  return random.pick(MUTATIONS)(bytes, random, other)
}

function changed(bytes: Buffer, random: Random, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes)
  const place = random.below(copy.length)
  if (copy.length > 0) copy[place] = change(copy[place] ?? 0) & 255
  return copy
}

function range(bytes: Buffer, random: Random): [start: number, end: number] {
  const start = random.below(bytes.length + 1)
  return [start, Math.min(bytes.length, start + random.size(bytes.length))]
}

function insert(bytes: Buffer, place: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([bytes.subarray(0, place), ...parts, bytes.subarray(place)])
}
