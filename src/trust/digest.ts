import { createHash } from 'node:crypto'

/** SHA-256 of bytes, or of the UTF-8 of a text, in lower-case hex. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Subresource integrity of bytes: `sha256-<base64>`. */
export function integrityOf(content: Uint8Array): string {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`
}

/** The digest inside `sha256-<base64>`, in hex. Two releases have most of their files in common. */
export function hexOf({ integrity }: { readonly integrity: string }): string {
  const known = hexes.get(integrity)
  if (known !== undefined) return known
  const hex = Buffer.from(integrity.slice('sha256-'.length), 'base64').toString('hex')
  if (hexes.size < MOST_HEXES) hexes.set(integrity, hex)
  return hex
}

const hexes = new Map<string, string>()
const MOST_HEXES = 20_000
