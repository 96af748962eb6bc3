/** Mutations inside an archive: the tar is unpacked, changed block by block with right checksums, and packed again. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { gnuLong, member, pax } from '../support/tar-forge.ts'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

const BLOCK = 512
const LARGEST = 4 * 1024 * 1024
/** Offset and width of the fields of a ustar header. */
const FIELDS = {
  path: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  size: [124, 12],
  mtime: [136, 12],
  type: [156, 1],
  target: [157, 100],
  magic: [257, 8],
  owner: [265, 32],
  prefix: [345, 155],
} as const

const NAMES = [
  '../../../victim',
  '/victim',
  'a/../../victim',
  './a',
  'a/',
  'A',
  '',
  '.',
  '..',
  'a\0b',
  '\ud800',
  'l',
]
const SIZES = [
  '0',
  '-1',
  '77777777777',
  '00000000005',
  '5',
  '1e3',
  '99999999999',
  '\x80\0\0\0\0\0\0\0\0\0\0\x05',
]
const SIZES_MORE = ['\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb', '0x10', '', ' 5', '5 5', '\x80\x7f']
const RECORDS = [
  'path',
  'linkpath',
  'size',
  'GNU.sparse.size',
  'SCHILY.realsize',
  '__proto__',
  'mtime',
  'type',
  'mode',
]
const TYPES = [...'01234567xgLKNSVMDIXZ', '\0', ' ']

export function mutateTar(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const tar = unpacked(bytes)
  if (tar === undefined || random.oneIn(5)) return mutateBytes(bytes, random, other)
  let changed = tar
  for (let count = 1 + random.size(3); count > 0; count--) changed = mutateOne(changed, random)
  const level = random.oneIn(50) ? 0 : 1
  return random.oneIn(100) ? gzipSync(gzipSync(changed)) : gzipSync(changed, { level })
}

function unpacked(bytes: Buffer): Buffer | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST })
  } catch {
    // Broken by an earlier mutation: left to those of bytes.
    return undefined
  }
}

function mutateOne(tar: Buffer, random: Random): Buffer {
  const starts = headers(tar)
  const start = starts.length === 0 ? 0 : random.pick(starts)
  const end = Math.min(tar.length, start + BLOCK * (1 + random.below(3)))
  const piece = tar.subarray(start, end)
  switch (random.below(9)) {
    case 0:
      return Buffer.concat([tar.subarray(0, start), tar.subarray(end)])
    case 1:
      return Buffer.concat([tar.subarray(0, end), piece, tar.subarray(end)])
    case 2:
      return Buffer.concat([tar.subarray(0, start), forged(random), tar.subarray(start)])
    case 3:
      return mutateBytes(tar, random, piece)
    case 4:
      return tar.subarray(0, random.below(tar.length / BLOCK + 1) * BLOCK)
    case 5:
      return Buffer.concat([tar, Buffer.alloc(BLOCK * random.size(300), random.pick([0, 0, 0, 65]))])
    default:
      return withField(tar, start, random)
  }
}

/** Where a header may be: blocks with the magic, so that content is mostly left alone. */
function headers(tar: Buffer): number[] {
  const found: number[] = []
  for (let at = 0; at + BLOCK <= tar.length; at += BLOCK) {
    if (tar.toString('latin1', at + 257, at + 262) === 'ustar') found.push(at)
  }
  return found
}

function withField(tar: Buffer, start: number, random: Random): Buffer {
  const copy = Buffer.from(tar)
  if (start + BLOCK > copy.length) return copy
  const name = random.pick([
    'path',
    'mode',
    'uid',
    'size',
    'size',
    'mtime',
    'type',
    'type',
    'target',
    'magic',
    'owner',
    'prefix',
  ] as const)
  const [offset, width] = FIELDS[name]
  const value = Buffer.alloc(width)
  value.write(valueFor(name, random), 'latin1')
  value.copy(copy, start + offset)
  if (!random.oneIn(10)) withChecksum(copy, start)
  return copy
}

function valueFor(name: keyof typeof FIELDS, random: Random): string {
  if (name === 'type') return random.pick(TYPES)
  if (name === 'path' || name === 'target' || name === 'prefix') {
    return random.oneIn(4) ? 'd/'.repeat(random.below(78)) : random.pick(NAMES)
  }
  if (name === 'magic') return random.pick(['ustar  \0', 'ustar\x0000', '', 'USTAR'])
  return random.pick([...SIZES, ...SIZES_MORE])
}

function withChecksum(tar: Buffer, start: number): void {
  tar.fill(' ', start + 148, start + 156)
  const sum = tar.subarray(start, start + BLOCK).reduce((total, byte) => total + byte, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, start + 148, 'latin1')
}

function forged(random: Random): Buffer {
  const name = random.pick(NAMES)
  switch (random.below(4)) {
    case 0:
      return pax({ [random.pick(RECORDS)]: random.pick([...NAMES, ...SIZES]) }, random.pick(['x', 'g']))
    case 1:
      return gnuLong(random.oneIn(3) ? 'd/'.repeat(random.size(20_000)) : name, random.pick(['L', 'K']))
    case 2:
      return member({ path: name, type: random.pick(TYPES), target: random.pick(NAMES), content: 'x' })
    default:
      return member({
        path: 'PaxHeader',
        type: 'x',
        content: random.pick(['5 a=b\n', '999 path=x\n', '6 =\n', 'x', '0 a=\n']),
      })
  }
}
