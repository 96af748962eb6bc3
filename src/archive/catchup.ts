/** Catch-up bundles as bytes: `skillsctl-catchup/1 <length of the index>\n`, the deflated index, the bodies. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type CatchupIndex, LONGEST_INDEX, type Piece, parseIndex, serializeIndex } from '../core/catchup.ts'
import { SkillsctlError } from '../core/errors.ts'
import { integer } from '../core/parse.ts'

const MAGIC = 'skillsctl-catchup/1'
const LONGEST_LINE = 64

export interface Catchup extends CatchupIndex {
  /** Deflated body of a changed file. */
  body(piece: Piece): Buffer
}

/**
 * @param bodies one for each of `index.files`, in their order
 * @returns undefined for one that nobody would read
 */
export function encodeCatchup(index: CatchupIndex, bodies: readonly Buffer[]): Buffer | undefined {
  const text = Buffer.from(serializeIndex(index), 'utf8')
  if (text.length > LONGEST_INDEX) return undefined
  const packed = deflateRawSync(text, { level: 9 })
  return Buffer.concat([Buffer.from(`${MAGIC} ${packed.length}\n`, 'latin1'), packed, ...bodies])
}

/** @throws SkillsctlError `corrupt` */
export function decodeCatchup(bytes: Buffer): Catchup {
  const line = bytes.subarray(0, bytes.subarray(0, LONGEST_LINE).indexOf(10)).toString('latin1')
  const [magic, count] = line.split(' ')
  if (magic !== MAGIC) throw new SkillsctlError('corrupt', 'this is not a catch-up bundle', {})
  const start = line.length + 1
  const end = start + integer(Number(count), 'catch-up', 1, bytes.length - start)
  const index = parseIndex(inflateIndex(bytes.subarray(start, end)))
  const bodies = new Map<string, Buffer>()
  let offset = end
  for (const { path, length } of index.files ?? []) {
    bodies.set(path, bytes.subarray(offset, offset + length))
    offset += length
  }
  if (offset !== bytes.length) throw new SkillsctlError('corrupt', 'the bodies do not fill the bundle', {})
  return { ...index, body: ({ path }) => bodies.get(path) ?? Buffer.alloc(0) }
}

function inflateIndex(packed: Buffer): string {
  try {
    return inflateRawSync(packed, { maxOutputLength: LONGEST_INDEX }).toString('utf8')
  } catch (cause) {
    throw new SkillsctlError('corrupt', 'the index of the bundle cannot be inflated', { cause })
  }
}
