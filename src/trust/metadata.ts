/**
 * TUF metadata as plain JSON, for writing. Edits keep every field they do not know, so that two versions of
 * skillsctl can work on one repository.
 */
import { canonicalize } from '@tufjs/canonical-json'
import { canonicalJson, type Json, type JsonObject } from '../core/canonical.ts'
import { formatInstant, list, object, parseJson, string } from '../core/parse.ts'
import { sha256Hex } from './digest.ts'
import type { Signer } from './key.ts'
import type { TufKey } from './public-key.ts'

export const SPEC_VERSION = '1.0.31'
const DAY = 24 * 60 * 60 * 1000
export const TIMESTAMP_LIFE = 30 * DAY
export const METADATA_LIFE = 365 * DAY
/** Metadata with less life than this is signed anew by `renew`. */
export const RENEW_BEFORE = 90 * DAY

export type Kind = 'root' | 'targets' | 'snapshot' | 'timestamp'

/** The `signed` part of a metadata file. */
export interface Signed extends JsonObject {
  readonly _type: Kind
  readonly spec_version: string
  readonly version: number
  readonly expires: string
}

export interface RootSigned extends Signed {
  readonly consistent_snapshot: boolean
  readonly keys: Readonly<Record<string, TufKey>>
  readonly roles: Readonly<Record<Kind, RoleKeys>>
}

export interface RoleKeys extends JsonObject {
  readonly keyids: readonly string[]
  readonly threshold: number
}

export interface Delegation extends RoleKeys {
  readonly name: string
  readonly terminating: boolean
  readonly paths: readonly string[]
}

/** No interface: where optional fields may be undefined, one could not say so beside what it extends. */
export type TargetsSigned = Signed & {
  readonly targets: Readonly<Record<string, JsonObject>>
  readonly delegations?: JsonObject & {
    readonly keys: Readonly<Record<string, TufKey>>
    readonly roles: readonly Delegation[]
  }
}

export interface SnapshotSigned extends Signed {
  readonly meta: Readonly<Record<string, MetaFields>>
}

export interface TimestampSigned extends Signed {
  readonly meta: { readonly 'snapshot.json': MetaFields }
  readonly 'x-signed-at': string
  readonly 'x-heads': Readonly<Record<string, HeadHint>>
}

export interface MetaFields extends JsonObject {
  readonly version: number
  readonly length: number
  readonly hashes: { readonly sha256: string }
}

/** What the timestamp tells about a channel, so that most pulls end there. */
export interface HeadHint extends JsonObject {
  /** SHA-256 of the head's manifest, hex. */
  readonly release: string
  /** Version of the role's metadata. */
  readonly role: number
}

export interface Signature {
  readonly keyid: string
  readonly sig: string
}

/** Fields that every role starts with. @param now milliseconds since the epoch */
export function newSigned<K extends Kind>(
  kind: K,
  version: number,
  now: number,
  life: number,
): Signed & { readonly _type: K } {
  return { _type: kind, spec_version: SPEC_VERSION, version, expires: formatInstant(now + life) }
}

/** The exact bytes that signatures cover: OLPC canonical JSON of `signed` (TUF spec 4.2.1). */
export function signedBytes(signed: Signed): Buffer {
  return Buffer.from(canonicalize(signed), 'utf8')
}

export function signatureOf(signed: Signed, signer: Signer): Signature {
  return { keyid: signer.keyid, sig: signer.sign(signedBytes(signed)) }
}

/** A metadata file. */
export function encodeMetadata(signed: Signed, signatures: readonly Signature[]): Buffer {
  return Buffer.from(canonicalJson({ signatures: signatures as unknown as Json, signed }), 'utf8')
}

export function signMetadata(signed: Signed, signers: readonly Signer[]): Buffer {
  return encodeMetadata(
    signed,
    signers.map((signer) => signatureOf(signed, signer)),
  )
}

/** The `signed` part of metadata that the verifier has accepted; its shape is known from there. */
export function signedPart<T extends Signed>(verified: Buffer): T {
  return JSON.parse(verified.toString('utf8')).signed
}

/** Splits metadata whose signatures nobody has checked. @throws SkillsctlError `corrupt` */
export function splitMetadata(bytes: Buffer, subject: string): { signed: Signed; signatures: Signature[] } {
  const fields = object(parseJson(bytes.toString('utf8'), subject), subject)
  const signatures = list(fields['signatures'], `${subject}: signatures`, 100).map((value) => {
    const { keyid, sig } = object(value, `${subject}: signatures`)
    return { keyid: string(keyid, `${subject}: keyid`), sig: string(sig, `${subject}: sig`) }
  })
  return { signed: object(fields['signed'], `${subject}: signed`) as Signed, signatures }
}

export function metaOf(version: number, bytes: Buffer): MetaFields {
  return { version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } }
}

export function metadataKey(role: string, version: number): string {
  return role === 'timestamp' ? 'metadata/timestamp.json' : `metadata/${version}.${role}.json`
}
