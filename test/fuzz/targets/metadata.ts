/**
 * TUF metadata. Kinds `<role>`: what a mirror may serve, mutated as it lies in the store; no digest pins it, so that
 * only the signature stands between it and us. Kinds `signed <role>`: the signed part, mutated before it is signed
 * with the right key: what another writer may one day sign.
 */

import type { Signer } from '../../../src/trust/key.ts'
import {
  encodeMetadata,
  metadataKey,
  type Signed,
  signatureOf,
  signedBytes,
  splitMetadata,
} from '../../../src/trust/metadata.ts'
import { RepositoryReader } from '../../../src/trust/reader.ts'
import { keySet } from '../../../src/trust/root.ts'
import { memoryCache } from '../../../src/trust/trust-cache.ts'
import { Verifier } from '../../../src/trust/verifier.ts'
import { readRepository } from '../../../src/trust/view.ts'
import { bodyOf } from '../../support/team.ts'
import { type Forged, forge, NOW, type RoleName, STABLE } from '../../trust/forge.ts'
import { type Input, insist, type Target } from '../target.ts'

const ROLES: readonly RoleName[] = ['root', 'timestamp', 'snapshot', 'targets', 'stable']

export async function metadataTarget(): Promise<Target> {
  const forged = await forge({ edit: { timestamp: withoutDigests, snapshot: withoutDigests } })
  const files = await filesOf(forged)
  const input = (role: RoleName): Input[] => [
    { kind: role, format: 'json', bytes: files[role] },
    { kind: `signed ${role}`, format: 'json', bytes: Buffer.from(JSON.stringify(signedOf(files[role]))) },
  ]
  return {
    name: 'metadata',
    codes: ['corrupt', 'untrusted', 'stale', 'missing', 'absent', 'unsupported'],
    seeds: ROLES.flatMap(input),
    async run({ kind, bytes }) {
      const role = ROLES.find((name) => kind.endsWith(name))
      if (role === undefined) throw new Error(kind)
      if (kind === role) return checkUnsigned(files, role, bytes)
      const metadata = sign(bytes, signerOf(forged, role))
      if (metadata !== undefined) await readAll(forged, role, metadata)
    },
  }
}

/** Its signature covers what it says: the content is the one that was signed, whatever else the bytes hold. */
function checkUnsigned(files: Files, role: RoleName, bytes: Buffer): void {
  const verifier = new Verifier(files.first, NOW)
  const update = {
    root: (body: Buffer) => verifier.updateRoot(body),
    timestamp: (body: Buffer) => verifier.updateTimestamp(body),
    snapshot: (body: Buffer) => verifier.updateSnapshot(body),
    targets: (body: Buffer) => verifier.updateTargets(body),
    stable: (body: Buffer) => verifier.updateRole('stable', body),
  }
  if (role !== 'root') {
    for (const before of ROLES.slice(1, ROLES.indexOf(role))) update[before](files[before])
  }
  update[role](bytes)
  insist(
    signedBytes(signedOf(bytes)).equals(signedBytes(signedOf(files[role]))),
    'what verifies is what was signed',
  )
}

/** Everything that a machine and a publisher do with a repository that holds this file. */
async function readAll({ store, pin }: Forged, role: RoleName, bytes: Buffer): Promise<void> {
  const key = metadataKey(role, role === 'root' ? 2 : 1)
  const before = role === 'root' ? undefined : await bodyOf(store, key)
  await store.touch(key, bytes)
  try {
    const reader = await RepositoryReader.open({ store, pin, cache: memoryCache(), now: NOW })
    await reader.refresh()
    reader.hint(STABLE)
    await reader.head(STABLE)
    const { view } = await readRepository({ store, pin })
    keySet(view)
    await view.head(STABLE)
  } finally {
    if (before === undefined) await store.remove(key)
    else await store.touch(key, before)
  }
}

function sign(bytes: Buffer, signer: Signer): Buffer | undefined {
  try {
    const signed: Signed = JSON.parse(bytes.toString('utf8'))
    return encodeMetadata(signed, [signatureOf(signed, signer)])
  } catch {
    // Nothing that anybody could sign.
    return undefined
  }
}

/** The second root is what `root` is about; the first is trusted already. */
type Files = Readonly<Record<RoleName | 'first', Buffer>>

async function filesOf({ store, keys }: Forged): Promise<Files> {
  const read = (role: RoleName): Promise<Buffer> => bodyOf(store, metadataKey(role, 1))
  const first = await read('root')
  const second = { ...signedOf(first), version: 2 }
  return {
    first,
    root: encodeMetadata(second, [signatureOf(second, keys.root)]),
    timestamp: await read('timestamp'),
    snapshot: await read('snapshot'),
    targets: await read('targets'),
    stable: await read('stable'),
  }
}

function signedOf(bytes: Buffer): Signed {
  return splitMetadata(bytes, 'here').signed
}

function signerOf({ keys }: Forged, role: RoleName): Signer {
  return role === 'stable' ? keys.release : role === 'root' || role === 'targets' ? keys.root : keys.online
}

function withoutDigests(signed: Record<string, unknown>): Record<string, unknown> {
  const meta = Object.keys(signed['meta'] ?? {}).map((name) => [name, { version: 1 }])
  return { ...signed, meta: Object.fromEntries(meta) }
}
