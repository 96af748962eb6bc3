/**
 * The root of trust: creating a repository, and changing who may sign what (SPEC.md, "Changing keys").
 */
import { SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import type { Store } from '../store/store.ts'
import { sha256Hex } from './digest.ts'
import type { Signer } from './key.ts'
import {
  type Delegation,
  METADATA_LIFE,
  type MetaFields,
  metadataKey,
  metaOf,
  newSigned,
  type RoleKeys,
  type RootSigned,
  signMetadata,
  type TargetsSigned,
  TIMESTAMP_LIFE,
} from './metadata.ts'
import { type PublicKey, publicKey, type TufKey } from './public-key.ts'
import type { View } from './view.ts'

export interface KeyHolders {
  readonly keys: readonly PublicKey[]
  readonly threshold: number
}

/** Who may sign what. Every key of a channel may also sign snapshot and timestamp. */
export interface KeySet {
  readonly root: KeyHolders
  /** By role: `canary`, `stable`, `drafts`. */
  readonly channels: Readonly<Record<string, KeyHolders>>
}

export interface RootDigest {
  readonly version: number
  readonly sha256: string
}

export interface FirstMetadata {
  readonly store: Store
  readonly keys: KeySet
  readonly signers: readonly Signer[]
  /** Name of the repository. */
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Writes the first metadata of a repository; the timestamp comes last and is the commit.
 * @throws SkillsctlError `refused` when there is one already
 */
export async function createRepository({
  store,
  keys,
  signers,
  name,
  now,
}: FirstMetadata): Promise<RootDigest> {
  const of = (holders: KeyHolders): Signer[] =>
    signers.filter(({ keyid }) => holders.keys.some((key) => key.keyid === keyid))
  const online = onlineKeys(keys)
  const targets = {
    ...newSigned('targets', 1, now, METADATA_LIFE),
    targets: {},
    delegations: delegations(keys),
    'x-name': name,
  }
  const root: RootSigned = {
    ...newSigned('root', 1, now, METADATA_LIFE),
    consistent_snapshot: true,
    ...rootRoles(keys),
  }
  const meta: Record<string, MetaFields> = {}
  const put = async (role: string, bytes: Buffer): Promise<void> => {
    const answer = await store.put(metadataKey(role, 1), bytes, { absent: true })
    if (answer.kind === 'conflict') throw alreadyThere(store)
    meta[`${role}.json`] = metaOf(1, bytes)
  }
  const rootBytes = signMetadata(root, of(keys.root))
  await put('root', rootBytes)
  await put('targets', signMetadata(targets, of(keys.root)))
  for (const [role, holders] of Object.entries(keys.channels)) {
    await put(
      role,
      signMetadata({ ...newSigned('targets', 1, now, METADATA_LIFE), targets: {} }, of(holders)),
    )
  }
  const { 'root.json': _root, ...listed } = meta
  const snapshot = signMetadata({ ...newSigned('snapshot', 1, now, METADATA_LIFE), meta: listed }, of(online))
  await put('snapshot', snapshot)
  const timestamp = {
    ...newSigned('timestamp', 1, now, TIMESTAMP_LIFE),
    meta: { 'snapshot.json': metaOf(1, snapshot) },
    'x-signed-at': formatInstant(now),
    'x-heads': {},
  }
  await put('timestamp', signMetadata(timestamp, of(online)))
  return { version: 1, sha256: sha256Hex(rootBytes) }
}

function alreadyThere(store: Store): SkillsctlError {
  return new SkillsctlError('refused', 'there is a repository here already', {
    subject: store.url,
    hint: 'choose another prefix; to change keys use: skillsctl keys',
  })
}

function onlineKeys({ channels }: KeySet): KeyHolders {
  const keys = Object.values(channels).flatMap((holders) => holders.keys)
  return { keys: [...new Map(keys.map((key) => [key.keyid, key])).values()], threshold: 1 }
}

function roleKeys({ keys, threshold }: KeyHolders): RoleKeys {
  return { keyids: keys.map(({ keyid }) => keyid), threshold }
}

function keyMap(keys: readonly PublicKey[]): Record<string, TufKey> {
  return Object.fromEntries(keys.map(({ keyid, tuf }) => [keyid, tuf]))
}

/** The keys and roles of a root. */
export function rootRoles(keys: KeySet): Pick<RootSigned, 'keys' | 'roles'> {
  const online = onlineKeys(keys)
  return {
    keys: keyMap([...keys.root.keys, ...online.keys]),
    roles: {
      root: roleKeys(keys.root),
      targets: roleKeys(keys.root),
      snapshot: roleKeys(online),
      timestamp: roleKeys(online),
    },
  }
}

/** What the top-level targets delegate to the channels. */
export function delegations({ channels }: KeySet): NonNullable<TargetsSigned['delegations']> {
  const roles = Object.entries(channels).map(
    ([name, holders]): Delegation => ({
      name,
      ...roleKeys(holders),
      terminating: true,
      paths: [`${name}/*`],
    }),
  )
  return { keys: keyMap(onlineKeys({ channels, root: { keys: [], threshold: 1 } }).keys), roles }
}

/** The keys and roles of the root that follows `before`; what a newer skillsctl has added to its roles stays. */
export function nextRootRoles(keys: KeySet, before: RootSigned): Pick<RootSigned, 'keys' | 'roles'> {
  const { keys: map, roles } = rootRoles(keys)
  const { root, targets, snapshot, timestamp } = before.roles
  return {
    keys: map,
    roles: {
      root: { ...root, ...roles.root },
      targets: { ...targets, ...roles.targets },
      snapshot: { ...snapshot, ...roles.snapshot },
      timestamp: { ...timestamp, ...roles.timestamp },
    },
  }
}

/** As `nextRootRoles`, for what the top-level targets delegate. */
export function nextDelegations(
  keys: KeySet,
  before: TargetsSigned['delegations'],
): NonNullable<TargetsSigned['delegations']> {
  const next = delegations(keys)
  const known = new Map(before?.roles.map((role) => [role.name, role]))
  return { ...before, ...next, roles: next.roles.map((role) => ({ ...known.get(role.name), ...role })) }
}

/** Who may sign what, according to verified metadata. */
export function keySet({ root, targets }: Pick<View, 'root' | 'targets'>): KeySet {
  const holders = ({ keyids, threshold }: RoleKeys, keys: Readonly<Record<string, TufKey>>): KeyHolders => ({
    keys: keyids.flatMap((keyid) =>
      keys[keyid] === undefined ? [] : [publicKey(keys[keyid].keyval.public)],
    ),
    threshold,
  })
  const known = targets.delegations?.keys ?? {}
  return {
    root: holders(root.roles.root, root.keys),
    channels: Object.fromEntries(
      (targets.delegations?.roles ?? []).map((role) => [role.name, holders(role, known)]),
    ),
  }
}
