import { createHash } from 'node:crypto'

/** SHA-256 of bytes, or of the UTF-8 of a text, in lower-case hex. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Subresource integrity of bytes: `sha256-<base64>`. */
export function integrityOf(content: Uint8Array): string {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`
}

/** The digest inside `sha256-<base64>`, in hex. */
export function hexOf({ integrity }: { readonly integrity: string }): string {
  return Buffer.from(integrity.slice('sha256-'.length), 'base64').toString('hex')
}
