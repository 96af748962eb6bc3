/** The header of one tar member: a block of fixed fields (POSIX.1-2017, pax, "ustar Interchange Format"). */
import { SkillsctlError } from '../core/errors.ts'

export const BLOCK = 512

export interface TarHeader {
  readonly path: string
  /** One character; a NUL, for a file of old, as `0`. */
  readonly type: string
  /** Bytes. */
  readonly size: number
  readonly target: string
}

/** Where a field begins, and its length. */
const PATH = [0, 100] as const
const SIZE = [124, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE = 156
const TARGET = [157, 100] as const
const MAGIC = [257, 8] as const
const PREFIX = [345, 155] as const
/** GNU tar writes another one, and has other things where the prefix is. */
const POSIX = 'ustar\u000000'

/**
 * @param block of `BLOCK` bytes
 * @returns undefined for a block of zeros, which ends an archive
 * @throws SkillsctlError `corrupt`
 */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  const sum = sumOf(block)
  if (sum === 0) return undefined
  const [from, length] = CHECKSUM
  // The field itself counts as spaces.
  if (sum - sumOf(block.subarray(from, from + length)) + length * 0x20 !== octal(block, CHECKSUM))
    throw malformed('a header has a wrong checksum')
  const prefix = block.toString('latin1', MAGIC[0], MAGIC[0] + MAGIC[1]) === POSIX ? text(block, PREFIX) : ''
  const path = text(block, PATH)
  return {
    path: prefix === '' ? path : `${prefix}/${path}`,
    type: block[TYPE] === 0 ? '0' : String.fromCharCode(block[TYPE] ?? 0),
    size: octal(block, SIZE),
    target: text(block, TARGET),
  }
}

function sumOf(bytes: Buffer): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return sum
}

/** Up to a NUL. */
function text(block: Buffer, [from, length]: readonly [number, number]): string {
  const nul = block.indexOf(0, from)
  return block.toString('utf8', from, nul < 0 ? from + length : Math.min(nul, from + length))
}

function octal(block: Buffer, [from, length]: readonly [number, number]): number {
  const [, digits] = /^ *([0-7]+)[ \0]*$/.exec(block.toString('latin1', from, from + length)) ?? []
  if (digits === undefined) throw malformed('a header has a number that cannot be read')
  return Number.parseInt(digits, 8)
}

export function malformed(found: string, cause?: unknown): SkillsctlError {
  return new SkillsctlError('corrupt', 'the archive cannot be read', {
    found,
    cause,
    hint: 'whoever publishes packs it again',
  })
}
