/** One file as the difference to an older one: what begins and ends alike is taken over, the rest is deflated. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** deflate looks back this far, so more of the old copy is of no use as its dictionary. Bytes. */
const WINDOW = 32 * 1024
/** Text around the place of an edit resembles it. Bytes. */
const AROUND = 8 * 1024

export interface Delta {
  /** Bytes of the old copy that the new one begins and ends with. */
  readonly head: number
  readonly tail: number
  /** Everything between, deflated. */
  readonly body: Buffer
}

export function encodeDelta(old: Buffer, next: Buffer): Delta {
  const most = Math.min(old.length, next.length)
  let head = 0
  while (head < most && old[head] === next[head]) head++
  let tail = 0
  while (tail < most - head && old[old.length - 1 - tail] === next[next.length - 1 - tail]) tail++
  const between = next.subarray(head, next.length - tail)
  const body = deflateRawSync(between, { level: 9, ...dictionaryOf(old, head, tail) })
  return { head, tail, body }
}

/** A whole file, for which there is no older one. */
export function encodeWhole(next: Buffer): Buffer {
  return deflateRawSync(next, { level: 9 })
}

/**
 * @param size of the file that comes out; it is never more
 * @returns undefined when the parts do not make such a file
 */
export function decodeDelta(old: Buffer, { head, tail, body }: Delta, size: number): Buffer | undefined {
  const length = size - head - tail
  if (length < 0 || head + tail > old.length) return undefined
  const between = inflate(body, length, dictionaryOf(old, head, tail))
  if (between?.length !== length) return undefined
  return Buffer.concat([old.subarray(0, head), between, old.subarray(old.length - tail)])
}

/** @returns undefined when the body does not inflate to exactly `size` bytes */
export function decodeWhole(body: Buffer, size: number): Buffer | undefined {
  const content = inflate(body, size, {})
  return content?.length === size ? content : undefined
}

function inflate(body: Buffer, size: number, options: { dictionary?: Buffer }): Buffer | undefined {
  try {
    // zlib wants room for a byte even where nothing comes out.
    return inflateRawSync(body, { maxOutputLength: Math.max(size, 1), ...options })
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** The old copy around the place that changed. */
function dictionaryOf(old: Buffer, head: number, tail: number): { dictionary?: Buffer } {
  const start = Math.max(0, head - AROUND)
  const end = Math.min(old.length - tail + AROUND, old.length, start + WINDOW)
  return end > start ? { dictionary: old.subarray(start, end) } : {}
}
