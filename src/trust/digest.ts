import type { Hash } from 'node:crypto'

/** Loaded when it is used: it takes as long as all else that a session's hook does. */
export function newSha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256')
}

function sha256(content: string | Uint8Array): Buffer {
  return newSha256().update(content).digest()
}

/** SHA-256 of bytes, or of the UTF-8 of a text, in lower-case hex. */
export function sha256Hex(content: string | Uint8Array): string {
  return sha256(content).toString('hex')
}

/** Subresource integrity of bytes: `sha256-<base64>`. */
export function integrityOf(content: Uint8Array): string {
  return `sha256-${sha256(content).toString('base64')}`
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
