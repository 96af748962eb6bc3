/** Public Ed25519 keys: their identity in TUF and their text form (SPEC.md, "Keys"). Needs no signing code. */
import { canonicalize } from '@tufjs/canonical-json'
import type { JsonObject } from '../core/canonical.ts'
import { SkillsctlError } from '../core/errors.ts'
import { sha256Hex } from './digest.ts'

/** A public key as TUF metadata spells it: `keyval.public` is 32 raw bytes in lower-case hex. */
export interface TufKey extends JsonObject {
  readonly keytype: 'ed25519'
  readonly scheme: 'ed25519'
  readonly keyval: { readonly public: string }
}

export interface PublicKey {
  /** SHA-256 of the canonical TUF key object, hex. */
  readonly keyid: string
  readonly tuf: TufKey
}

const PUBLIC = /^skillsctl-public-key-1:([0-9a-f]{64})(?:\s.*)?$/s
export const PUBLIC_HEX = /^[0-9a-f]{64}$/

/** @param publicHex 32 bytes in lower-case hex */
export function publicKey(publicHex: string): PublicKey {
  const tuf: TufKey = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicHex } }
  return { keyid: sha256Hex(canonicalize(tuf)), tuf }
}

/** One line that may be shown to anybody; text after the first space is a comment. */
export function formatPublicKey({ tuf }: PublicKey, comment = ''): string {
  return `skillsctl-public-key-1:${tuf.keyval.public} ${comment}`.trim()
}

/** @throws SkillsctlError `usage` */
export function parsePublicKey(text: string): PublicKey {
  const [, hex] = PUBLIC.exec(text.trim()) ?? []
  if (hex === undefined) {
    throw new SkillsctlError('usage', 'this is not a public key', {
      expected: 'skillsctl-public-key-1:<64 hex digits>',
      hint: 'print one with: skillsctl keys show <key file>',
    })
  }
  return publicKey(hex)
}
