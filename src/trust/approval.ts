/**
 * Changes that need several signers (SPEC.md, "Approvals"). The first stores the exact signed part and a
 * signature under `approvals/`, each further one signs the same bytes; whoever completes the quorum commits.
 */

import { formatInstant, object, parseJson, string } from '../core/parse.ts'
import type { Store } from '../store/store.ts'
import { sha256Hex } from './digest.ts'
import { isSignedBy, type Signer } from './key.ts'
import {
  encodeMetadata,
  METADATA_LIFE,
  type Signature,
  signatureOf,
  signedBytes,
  type TargetsSigned,
} from './metadata.ts'
import type { KeyHolders } from './root.ts'
import type { Prepared, View } from './writer.ts'

/** Nobody finishes what was begun this long ago. Milliseconds. */
export const APPROVAL_LIFE = 7 * 24 * 60 * 60 * 1000
const LONGEST_APPROVAL = 16 * 1024 * 1024

export interface Approval {
  readonly role: string
  readonly signed: TargetsSigned
  readonly sha256: string
  /** Verified signatures of keys that the role lists, one per key. */
  readonly signatures: readonly Signature[]
  /** Milliseconds since the epoch. */
  readonly begunAt: number
}

/** The signed part that a first approver proposes: the next version of the role. */
export function proposal(view: View, role: string, signed: TargetsSigned, now: number): TargetsSigned {
  const version = (view.snapshot.meta[`${role}.json`]?.version ?? 0) + 1
  return { ...signed, version, expires: formatInstant(now + METADATA_LIFE) }
}

/** Approvals of a role that are still good: based on its current version, and begun less than seven days ago. */
export async function openApprovals(
  store: Store,
  view: View,
  role: string,
  { keys }: KeyHolders,
  now: number,
): Promise<Approval[]> {
  const current = view.snapshot.meta[`${role}.json`]?.version ?? 0
  const found: Approval[] = []
  for await (const { key } of store.list(`approvals/${role}/`)) {
    const [, sha256] = /\/([0-9a-f]{64})\/role\.json$/.exec(key) ?? []
    const bytes = sha256 === undefined ? undefined : await store.get(key, { maxBytes: LONGEST_APPROVAL })
    if (sha256 === undefined || bytes?.kind !== 'found' || sha256Hex(bytes.body) !== sha256) continue
    const signed = object(parseJson(bytes.body.toString('utf8'), key), key) as TargetsSigned
    const begunAt = Date.parse(signed.expires) - METADATA_LIFE
    if (signed._type !== 'targets' || signed.version !== current + 1 || now - begunAt > APPROVAL_LIFE)
      continue
    const signatures: Signature[] = []
    for (const holder of keys) {
      const answer = await store.get(signatureKey(role, sha256, holder.keyid), { maxBytes: 1024 })
      if (answer.kind !== 'found') continue
      const sig = string(answer.body.toString('utf8').trim(), key, /^[0-9a-f]{128}$/)
      if (isSignedBy(holder, bytes.body, sig)) signatures.push({ keyid: holder.keyid, sig })
    }
    if (signatures.length > 0) found.push({ role, signed, sha256, signatures, begunAt })
  }
  return found
}

/** Adds our signatures to a proposal, storing both. */
export async function approve(
  store: Store,
  role: string,
  signed: TargetsSigned,
  signers: readonly Signer[],
  earlier: readonly Signature[],
  now: number,
): Promise<Approval> {
  const bytes = signedBytes(signed)
  const sha256 = sha256Hex(bytes)
  await store.put(`approvals/${role}/${sha256}/role.json`, bytes, { absent: true })
  const ours = signers.map((signer) => signatureOf(signed, signer))
  for (const { keyid, sig } of ours) {
    await store.put(signatureKey(role, sha256, keyid), Buffer.from(`${sig}\n`), { absent: true })
  }
  const others = earlier.filter(({ keyid }) => !ours.some((signature) => signature.keyid === keyid))
  return { role, signed, sha256, signatures: [...others, ...ours], begunAt: now }
}

/** The role's metadata once the quorum is there. */
export function completed(approval: Approval, { threshold }: KeyHolders): Prepared | undefined {
  if (approval.signatures.length < threshold) return undefined
  const signatures = [...approval.signatures].sort((left, right) => (left.keyid < right.keyid ? -1 : 1))
  const { role, signed } = approval
  return { role, version: signed.version, bytes: encodeMetadata(signed, signatures) }
}

/** Whether two versions of a role say the same, whatever their version and expiry. */
export function sameContent(left: TargetsSigned, right: TargetsSigned): boolean {
  const bare = (signed: TargetsSigned): Buffer => signedBytes({ ...signed, version: 0, expires: '' })
  return bare(left).equals(bare(right))
}

function signatureKey(role: string, sha256: string, keyid: string): string {
  return `approvals/${role}/${sha256}/${keyid}.sig`
}
