/** Catch-up bundles as bytes: `skillsctl-catchup/1 <length of the index>\n`, the deflated index, the bodies. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import {
  type CatchupIndex,
  LONGEST_CATCHUP,
  LONGEST_INDEX,
  type Piece,
  parseIndex,
  serializeIndex,
} from '../core/catchup.ts'
import { SkillsctlError } from '../core/errors.ts'
import { integer } from '../core/parse.ts'

const MAGIC = 'skillsctl-catchup/1'
const HEADER = /^skillsctl-catchup\/1 ([1-9]\d{0,9})\n/
const LONGEST_HEADER = 32

export interface Catchup extends CatchupIndex {
  /** Deflated body of a changed file. */
  body(piece: Piece): Buffer
}

/**
 * @param bodies one for each of `index.files`, in their order
 * @returns undefined when it would be longer than any machine accepts
 */
export function encodeCatchup(index: CatchupIndex, bodies: readonly Buffer[]): Buffer | undefined {
  const text = Buffer.from(serializeIndex(index), 'utf8')
  if (text.length > LONGEST_INDEX) return undefined
  const packed = deflateRawSync(text, { level: 9 })
  const bundle = Buffer.concat([Buffer.from(`${MAGIC} ${packed.length}\n`, 'latin1'), packed, ...bodies])
  return bundle.length > LONGEST_CATCHUP ? undefined : bundle
}

/** @throws SkillsctlError `corrupt` */
export function decodeCatchup(bytes: Buffer): Catchup {
  const header = HEADER.exec(bytes.toString('latin1', 0, LONGEST_HEADER))
  if (header === null) throw new SkillsctlError('corrupt', 'this is not a catch-up bundle')
  const start = header[0].length
  const end = start + integer(Number(header[1]), 'catch-up', 1, bytes.length - start)
  const index = parseIndex(inflateIndex(bytes.subarray(start, end)))
  const bodies = new Map<string, Buffer>()
  let offset = end
  for (const { path, length } of index.files ?? []) {
    bodies.set(path, bytes.subarray(offset, offset + length))
    offset += length
  }
  if (offset !== bytes.length) throw new SkillsctlError('corrupt', 'the bodies do not fill the bundle')
  return { ...index, body: ({ path }) => bodies.get(path) ?? Buffer.alloc(0) }
}

function inflateIndex(packed: Buffer): string {
  try {
    return inflateRawSync(packed, { maxOutputLength: LONGEST_INDEX }).toString('utf8')
  } catch (cause) {
    throw new SkillsctlError('corrupt', 'the index of the bundle cannot be inflated', { cause })
  }
}
