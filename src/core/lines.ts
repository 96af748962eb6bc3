/**
 * Text as lines, without reading it as characters: one byte is one code unit, lines end after LF. Whatever the encoding
 * and the line endings are, the same bytes come back.
 */

/** Where git looks for a NUL. Bytes. */
const BINARY_PROBE = 8000
/** Nobody has written more by hand. Bytes. */
const LARGEST_TEXT = 16 * 1024 * 1024
/** Arguments of one call. */
const PIECE = 8192

/** Whether this can be compared line by line: not what git would call binary, and not too much. */
export function isText(bytes: Uint8Array): boolean {
  return bytes.length <= LARGEST_TEXT && !bytes.subarray(0, BINARY_PROBE).includes(0)
}

/** Each with its LF; the last may lack it. */
export function linesOf(bytes: Uint8Array): string[] {
  const text = byteString(bytes)
  const lines: string[] = []
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start) + 1 || text.length
    lines.push(text.slice(start, end))
    start = end
  }
  return lines
}

/** The inverse of `linesOf`. */
export function bytesOf(lines: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.length, 0))
  let at = 0
  for (const line of lines) for (let index = 0; index < line.length; ) bytes[at++] = line.charCodeAt(index++)
  return bytes
}

/** Of a text, in UTF-8; of half a character, what stands for one that is none. */
export function utf8Of(text: string): Uint8Array {
  const whole = encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
  return bytesOf([whole.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))])
}

/** One code unit a byte. */
export function byteString(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let start = 0; start < bytes.length; start += PIECE)
    pieces.push(String.fromCharCode(...bytes.subarray(start, start + PIECE)))
  return pieces.join('')
}
