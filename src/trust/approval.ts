/**
 * Changes that need several signers (SPEC.md, "Approvals"). The first stores the exact signed part and a
 * signature under `approvals/`, each further one signs the same bytes; whoever completes the quorum commits.
 */

import { bounded, formatInstant, object, parseJson } from '../core/parse.ts'
import type { Store } from '../store/store.ts'
import { sha256Hex } from './digest.ts'
import { isSignedBy, type Signer } from './key.ts'
import {
  encodeMetadata,
  METADATA_LIFE,
  metadataKey,
  type Signature,
  signatureOf,
  signedBytes,
  splitMetadata,
  type TargetsSigned,
} from './metadata.ts'
import type { KeyHolders } from './root.ts'
import type { View } from './view.ts'
import type { Prepared } from './writer.ts'

/** Nobody finishes what was begun this long ago. Milliseconds. */
export const APPROVAL_LIFE = 7 * 24 * 60 * 60 * 1000
const LONGEST_APPROVAL = 16 * 1024 * 1024
/** Names of versions that dead publishers may have taken before an approval is no longer recognised. */
const MOST_TAKEN = 100
const SIGNATURE = /^[0-9a-f]{128}$/

export interface Approval {
  readonly role: string
  readonly signed: TargetsSigned
  readonly sha256: string
  /** Verified signatures of keys that the role lists, one per key. */
  readonly signatures: readonly Signature[]
}

/** The signed part that a first approver proposes: the next version of the role whose name nobody has taken. */
export async function proposal(
  store: Store,
  view: View,
  role: string,
  signed: TargetsSigned,
  now: number,
): Promise<TargetsSigned> {
  const next = { ...signed, expires: formatInstant(now + METADATA_LIFE) }
  for (let version = currentVersion(view, role) + 1; ; version++) {
    const proposed = { ...next, version }
    if (!(await isTaken(store, role, proposed))) return proposed
  }
}

/**
 * Approvals of a role that are still good: based on its current version, and begun less than seven days ago.
 * What does not look like one is somebody's rubbish, and passed over.
 */
export async function openApprovals(
  store: Store,
  view: View,
  role: string,
  { keys }: KeyHolders,
  now: number,
): Promise<Approval[]> {
  const found: Approval[] = []
  for await (const { key } of store.list(`approvals/${role}/`)) {
    const [, sha256] = /\/([0-9a-f]{64})\/role\.json$/.exec(key) ?? []
    const answer = sha256 === undefined ? undefined : await store.get(key, { maxBytes: LONGEST_APPROVAL })
    if (sha256 === undefined || answer?.kind !== 'found' || sha256Hex(answer.body) !== sha256) continue
    const signed = parseProposal(answer.body)
    if (signed === undefined || !isNext(signed, currentVersion(view, role)) || !isTimely(signed.expires, now))
      continue
    const signatures: Signature[] = []
    for (const holder of keys) {
      const stored = await store.get(signatureKey(role, sha256, holder.keyid), { maxBytes: 1024 })
      const sig = stored.kind === 'found' ? stored.body.toString('utf8').trim() : ''
      if (SIGNATURE.test(sig) && isSignedBy(holder, answer.body, sig))
        signatures.push({ keyid: holder.keyid, sig })
    }
    if (signatures.length === 0 || (await isTaken(store, role, signed))) continue
    found.push({ role, signed, sha256, signatures })
  }
  return found
}

function currentVersion(view: View, role: string): number {
  return view.snapshot.meta[`${role}.json`]?.version ?? 0
}

/** Dead publishers may have taken some names; a version far ahead would wear the numbers out. */
function isNext({ version }: TargetsSigned, current: number): boolean {
  return Number.isSafeInteger(version) && version > current && version <= current + MOST_TAKEN
}

/** Begun at most seven days ago, or by a clock at most seven days ahead: nobody may propose to live longer. */
function isTimely(expires: string, now: number): boolean {
  return isRecent(expires, now + METADATA_LIFE)
}

/** Whether this is an instant at most seven days from `now`. */
export function isRecent(text: string, now: number): boolean {
  const time = Date.parse(text)
  return Math.abs(now - time) <= APPROVAL_LIFE && formatInstant(time) === text
}

function parseProposal(bytes: Buffer): TargetsSigned | undefined {
  try {
    const signed = object(parseJson(bytes.toString('utf8'), 'approval'), 'approval') as TargetsSigned
    if (signed._type !== 'targets' || typeof signed.expires !== 'string') return undefined
    bounded(signed, 'approval')
    return signedBytes(signed).equals(bytes) ? signed : undefined
  } catch {
    // No JSON, or none that could be signed.
    return undefined
  }
}

/** Whether somebody has written other content under the name that this version would have. */
async function isTaken(store: Store, role: string, signed: TargetsSigned): Promise<boolean> {
  const key = metadataKey(role, signed.version)
  const answer = await store.get(key, { maxBytes: LONGEST_APPROVAL })
  if (answer.kind !== 'found') return false
  try {
    return !signedBytes(splitMetadata(answer.body, key).signed).equals(signedBytes(signed))
  } catch {
    return true
  }
}

/** Adds our signatures to a proposal, storing both. */
export async function approve(
  store: Store,
  role: string,
  signed: TargetsSigned,
  signers: readonly Signer[],
  earlier: readonly Signature[],
): Promise<Approval> {
  const bytes = signedBytes(signed)
  const sha256 = sha256Hex(bytes)
  await store.put(`approvals/${role}/${sha256}/role.json`, bytes, { absent: true })
  const ours = signers.map((signer) => signatureOf(signed, signer))
  for (const { keyid, sig } of ours) {
    await store.put(signatureKey(role, sha256, keyid), Buffer.from(`${sig}\n`), { absent: true })
  }
  const others = earlier.filter(({ keyid }) => !ours.some((signature) => signature.keyid === keyid))
  return { role, signed, sha256, signatures: [...others, ...ours] }
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
