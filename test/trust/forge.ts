/** A repository written by hand, so that any part of it can be wrong while all the rest is right. */
import { type Channel, parseChannel } from '../../src/core/channel.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import type { Signer } from '../../src/trust/key.ts'
import {
  encodeMetadata,
  metadataKey,
  metaOf,
  type Signature,
  type Signed,
  signatureOf,
} from '../../src/trust/metadata.ts'
import type { RootPin } from '../../src/trust/root-chain.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { newSigner } from '../support/team.ts'

export const NOW = Date.UTC(2026, 1, 1)
export const EXPIRES = '2027-01-01T00:00:00Z'
export const STABLE: Channel = parseChannel('stable')
export const DIGEST = 'd'.repeat(64)

export type RoleName = 'root' | 'targets' | 'stable' | 'snapshot' | 'timestamp'
type Loose = Record<string, unknown>

export interface ForgeOptions {
  readonly keys?: ForgeKeys
  readonly version?: number
  /** Changes the signed part of a role before it is signed. */
  readonly edit?: Partial<Record<RoleName, (signed: Loose) => Loose>>
  /** Who signs a role, in place of its key. */
  readonly signers?: Partial<Record<RoleName, readonly Signer[]>>
  /** Changes the signatures of a role. */
  readonly signatures?: Partial<Record<RoleName, (signatures: readonly Signature[]) => readonly Signature[]>>
  /** Adds to what is there. */
  readonly store?: MemoryStore
}

export interface ForgeKeys {
  readonly root: Signer
  readonly online: Signer
  readonly release: Signer
}

export interface Forged {
  readonly store: MemoryStore
  readonly pin: RootPin
  readonly keys: ForgeKeys
}

export function newKeys(): ForgeKeys {
  return { root: newSigner(), online: newSigner(), release: newSigner() }
}

export async function forge({
  keys = newKeys(),
  version = 1,
  edit = {},
  signers = {},
  signatures = {},
  store = new MemoryStore(),
}: ForgeOptions = {}): Promise<Forged> {
  const encode = (role: RoleName, signed: Loose, signer: Signer): Buffer => {
    const part = (edit[role]?.(signed) ?? signed) as Signed
    const made = (signers[role] ?? [signer]).map((key) => signatureOf(part, key))
    return encodeMetadata(part, signatures[role]?.(made) ?? made)
  }
  const common = (type: string, number = version) => ({
    _type: type,
    spec_version: '1.0.31',
    version: number,
    expires: EXPIRES,
  })
  const one = (signer: Signer) => ({ keyids: [signer.keyid], threshold: 1 })
  const known = (...all: readonly Signer[]) => Object.fromEntries(all.map(({ keyid, tuf }) => [keyid, tuf]))
  const custom = {
    release: {
      version: '2026.01.01-abcdef0',
      commit: 'c'.repeat(40),
      committedAt: '2026-01-01T00:00:00Z',
      publishedAt: '2026-01-01T00:00:00Z',
    },
    archive: { path: `blobs/00/${'0'.repeat(64)}.tar.gz`, integrity: `sha256-${'A'.repeat(43)}=`, size: 1 },
    changes: { added: [], removed: [], modified: [], renamed: [] },
    requires: [],
    history: [],
  }
  const root = encode(
    'root',
    {
      ...common('root', 1),
      consistent_snapshot: true,
      keys: known(keys.root, keys.online),
      roles: {
        root: one(keys.root),
        targets: one(keys.root),
        snapshot: one(keys.online),
        timestamp: one(keys.online),
      },
    },
    keys.root,
  )
  const delegation = { name: 'stable', ...one(keys.release), terminating: true, paths: ['stable/*'] }
  const targets = encode(
    'targets',
    { ...common('targets'), targets: {}, delegations: { keys: known(keys.release), roles: [delegation] } },
    keys.root,
  )
  const file = { length: 10, hashes: { sha256: DIGEST }, custom }
  const stable = encode('stable', { ...common('targets'), targets: { [STABLE.target]: file } }, keys.release)
  const meta = { 'targets.json': metaOf(version, targets), 'stable.json': metaOf(version, stable) }
  const snapshot = encode('snapshot', { ...common('snapshot'), meta }, keys.online)
  const timestamp = encode(
    'timestamp',
    {
      ...common('timestamp'),
      meta: { 'snapshot.json': metaOf(version, snapshot) },
      'x-signed-at': '2026-01-31T00:00:00Z',
      'x-heads': { stable: { release: DIGEST, role: version } },
    },
    keys.online,
  )
  for (const [role, bytes] of Object.entries({ root, targets, stable, snapshot })) {
    await store.touch(metadataKey(role, role === 'root' ? 1 : version), bytes)
  }
  await store.touch(metadataKey('timestamp', version), timestamp)
  return { store, keys, pin: { version: 1, sha256: sha256Hex(root) } }
}
