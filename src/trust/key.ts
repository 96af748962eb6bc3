/** Secret Ed25519 keys: their text form, signing (SPEC.md, "Keys"). */
import { randomBytes } from 'node:crypto'
import nacl from 'tweetnacl'
import { SkillsctlError } from '../core/errors.ts'
import { type PublicKey, publicKey } from './public-key.ts'

export interface Signer extends PublicKey {
  /** @returns the detached Ed25519 signature, 64 bytes in hex */
  sign(bytes: Uint8Array): string
}

const SECRET = /^skillsctl-secret-key-1:([A-Za-z0-9_-]{43})(?:\s.*)?$/s
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

/** Order of the group of Ed25519 (RFC 8032, section 5.1). */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/**
 * Whether this signature (hex) over these bytes is by this key. As strict as RFC 8032, and so as TUF clients, where
 * tweetnacl is not: a scalar beyond the order makes a second signature out of a good one.
 */
export function isSignedBy(key: PublicKey, bytes: Uint8Array, signature: string): boolean {
  const raw = Buffer.from(signature, 'hex')
  return (
    raw.length === nacl.sign.signatureLength &&
    scalarOf(raw) < ORDER &&
    nacl.sign.detached.verify(bytes, raw, Buffer.from(key.tuf.keyval.public, 'hex'))
  )
}

/** The second half of a signature, a number in little-endian order. */
function scalarOf(signature: Buffer): bigint {
  return BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`)
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
