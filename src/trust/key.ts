/** Ed25519 keys: their identity in TUF, their text forms, signing (SPEC.md, "Keys"). */
import { randomBytes } from 'node:crypto'
import { canonicalize } from '@tufjs/canonical-json'
import nacl from 'tweetnacl'
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

export interface Signer extends PublicKey {
  /** @returns the detached Ed25519 signature, 64 bytes in hex */
  sign(bytes: Uint8Array): string
}

const PUBLIC = /^skillsctl-public-key-1:([0-9a-f]{64})(?:\s.*)?$/s
const SECRET = /^skillsctl-secret-key-1:([A-Za-z0-9_-]{43})(?:\s.*)?$/s
export const PUBLIC_HEX = /^[0-9a-f]{64}$/

/** @param publicHex 32 bytes in lower-case hex */
export function publicKey(publicHex: string): PublicKey {
  const tuf: TufKey = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicHex } }
  return { keyid: sha256Hex(canonicalize(tuf)), tuf }
}

/** A new seed: 32 random bytes. Whoever has it can sign. */
export function newSeed(): Uint8Array {
  return randomBytes(nacl.sign.seedLength)
}

/** @param seed 32 bytes */
export function signerFromSeed(seed: Uint8Array): Signer {
  const pair = nacl.sign.keyPair.fromSeed(seed)
  return {
    ...publicKey(Buffer.from(pair.publicKey).toString('hex')),
    sign: (bytes) => Buffer.from(nacl.sign.detached(bytes, pair.secretKey)).toString('hex'),
  }
}

/** Whether this signature (hex) over these bytes is by this key. */
export function isSignedBy(key: PublicKey, bytes: Uint8Array, signature: string): boolean {
  const raw = Buffer.from(signature, 'hex')
  return (
    raw.length === nacl.sign.signatureLength &&
    nacl.sign.detached.verify(bytes, raw, Buffer.from(key.tuf.keyval.public, 'hex'))
  )
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

/** One line for a CI secret or a file of mode 600. */
export function formatSecretKey(seed: Uint8Array, comment = ''): string {
  return `skillsctl-secret-key-1:${Buffer.from(seed).toString('base64url')} ${comment}`.trim()
}

/** @throws SkillsctlError `usage`; the text itself never appears in it */
export function parseSecretKey(text: string, subject: string): Signer {
  const [, encoded] = SECRET.exec(text.trim()) ?? []
  if (encoded === undefined) {
    throw new SkillsctlError('usage', 'this is not a secret key', {
      subject,
      expected: 'one line skillsctl-secret-key-1:…',
      hint: 'check that the whole line was copied into the file or secret',
    })
  }
  return signerFromSeed(Buffer.from(encoded, 'base64url'))
}
