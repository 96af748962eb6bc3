/** Caps on what a store may make us read. */
import { SkillsctlError } from '../core/errors.ts'

export function tooLong(key: string, maxBytes: number): SkillsctlError {
  return new SkillsctlError('corrupt', 'the object is longer than it may be', {
    subject: key,
    expected: `at most ${maxBytes} bytes`,
  })
}

/** There is nothing at the place where a reader wants to go on. */
export function tooShort(key: string, start: number): SkillsctlError {
  return new SkillsctlError('corrupt', 'the object is shorter than it was', {
    subject: key,
    expected: `more than ${start} bytes`,
    hint: 'try again',
  })
}

/** Passes chunks on and stops with `corrupt` at the first byte beyond `room`. */
export async function* capped(
  chunks: AsyncIterable<Uint8Array>,
  room: number,
  key: string,
): AsyncGenerator<Buffer> {
  let left = room
  for await (const chunk of chunks) {
    left -= chunk.length
    if (left < 0) throw tooLong(key, room)
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
}

export async function readAll(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}
