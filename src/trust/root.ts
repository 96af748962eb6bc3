/**
 * The root of trust: creating a repository, and changing who may sign what (SPEC.md, "Changing keys").
 */
import { SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { fetchPromised } from '../store/promised.ts'
import type { Store } from '../store/store.ts'
import { sha256Hex } from './digest.ts'
import { type PublicKey, publicKey, type Signer, type TufKey } from './key.ts'
import {
  type Delegation,
  encodeMetadata,
  METADATA_LIFE,
  type MetaFields,
  metadataKey,
  metaOf,
  newSigned,
  type RoleKeys,
  type RootSigned,
  signMetadata,
  splitMetadata,
  type TargetsSigned,
  TIMESTAMP_LIFE,
} from './metadata.ts'
import {
  commit,
  type Edit,
  type Prepared,
  readRepository,
  signersFor,
  type View,
  type WriterOptions,
} from './writer.ts'

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

function rootRoles(keys: KeySet): Pick<RootSigned, 'keys' | 'roles'> {
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

function delegations({ channels }: KeySet): NonNullable<TargetsSigned['delegations']> {
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

export interface KeyChange {
  /** Computes who shall sign from who signs now. Run again after an interruption, it sees its own half-done work. */
  readonly next: (current: KeySet) => KeySet
  /** Roles that a quorum has signed for the new keys already, by role (approval.ts). */
  readonly prepare?: (role: string, view: View, holders: KeyHolders) => Promise<Prepared | undefined>
  /** Sign root and targets anew although nothing about them changes. */
  readonly renew?: boolean
}

/**
 * Changes who may sign, in three steps; a kill between any two leaves a repository that every client can use,
 * and running it again finishes: (a) snapshot, timestamp and targets signed by old and new keys; (b) the new
 * root, whose own If-None-Match is its commit; (c) targets and every role whose keys or threshold changed.
 * @returns the root in force afterwards
 */
export async function changeKeys(
  context: WriterOptions,
  { next, prepare, renew = false }: KeyChange,
): Promise<RootDigest> {
  const options = { ...context, acceptFormerRoot: true }
  const { view } = await readRepository(options)
  const wanted = next(keySet(view))
  checkKeySet(wanted)
  const changes = !sameRoot(view.root, wanted)
  if (changes) await cosign(options, wanted)
  if (changes || renew) await writeRoot(options, wanted)
  await commit(options, async (current) => resign(options, current, wanted, { prepare, renew }))
  const done = await readRepository(options)
  return { version: done.view.root.version, sha256: done.view.rootSha256 }
}

function checkKeySet({ root, channels }: KeySet): void {
  for (const [role, { keys, threshold }] of Object.entries({ root, ...channels })) {
    const distinct = new Set(keys.map(({ tuf }) => tuf.keyval.public)).size
    if (distinct !== keys.length)
      throw new SkillsctlError('refused', 'this key is listed already', { subject: role })
    if (threshold < 1 || threshold > distinct) {
      throw new SkillsctlError('refused', 'the threshold cannot be reached', {
        subject: role,
        expected: `from 1 to ${distinct}, the number of keys`,
        found: String(threshold),
        hint: `add a key first: skillsctl keys add ${role} <public key>`,
      })
    }
  }
}

function sameRoles(left: object, right: object): boolean {
  return encodeMetadata(left as RootSigned, []).equals(encodeMetadata(right as RootSigned, []))
}

function sameRoot(root: RootSigned, wanted: KeySet): boolean {
  const { keys, roles } = rootRoles(wanted)
  return sameRoles({ keys: root.keys, roles: root.roles }, { keys, roles })
}

/** Step (a). The quorum of targets counts too, because the root key signs them. */
async function cosign(options: WriterOptions, wanted: KeySet): Promise<void> {
  const { roles } = rootRoles(wanted)
  // Without one of them the new root would leave a timestamp behind that nobody accepts.
  signersFor('timestamp', roles.timestamp, options.signers)
  const listed = [...roles.snapshot.keyids, ...roles.targets.keyids]
  const cosigners = options.signers.filter(({ keyid }) => listed.includes(keyid))
  await commit(options, async (view) => {
    const rootChanges = !sameRoles(view.root.roles.root, roles.root)
    const edits = rootChanges ? [{ role: 'targets', signed: view.targets }] : []
    return { edits, cosigners }
  })
}

/** Step (b). @throws SkillsctlError `refused` without both quorums, `raced` when somebody else wrote this version */
async function writeRoot(options: WriterOptions, wanted: KeySet): Promise<void> {
  const { store, signers, clock } = options
  const { view } = await readRepository(options)
  const roles = rootRoles(wanted)
  const version = view.root.version + 1
  const signed: RootSigned = {
    ...view.root,
    ...roles,
    version,
    expires: formatInstant(clock() + METADATA_LIFE),
  }
  const both = signers.filter(({ keyid }) =>
    [...view.root.roles.root.keyids, ...roles.roles.root.keyids].includes(keyid),
  )
  for (const quorum of [view.root.roles.root, roles.roles.root]) {
    if (both.filter(({ keyid }) => quorum.keyids.includes(keyid)).length < quorum.threshold) {
      throw new SkillsctlError('refused', 'a new root is signed by the old and the new root keys', {
        subject: metadataKey('root', version),
        expected: `${quorum.threshold} of ${quorum.keyids.map((keyid) => keyid.slice(0, 8)).join(', ')}`,
        hint: 'give the root key file with --root-key',
      })
    }
  }
  const answer = await store.put(metadataKey('root', version), signMetadata(signed, both), { absent: true })
  if (answer.kind === 'conflict') {
    throw new SkillsctlError('raced', 'somebody else wrote this version of the root', {
      subject: metadataKey('root', version),
      hint: 'look at it with: skillsctl keys list, then run the command again',
    })
  }
}

/** Step (c). */
async function resign(
  { store }: WriterOptions,
  view: View,
  wanted: KeySet,
  { prepare, renew }: { prepare: KeyChange['prepare'] | undefined; renew: boolean },
): Promise<{ edits: Edit[]; prepared: Prepared[] } | undefined> {
  const current = keySet(view)
  const wantedDelegations = delegations(wanted)
  const delegationsDiffer = !sameRoles(view.targets.delegations ?? {}, wantedDelegations)
  const edits: Edit[] = []
  const prepared: Prepared[] = []
  if (renew || delegationsDiffer || !(await isSignedFor(store, view, 'targets', wanted.root))) {
    edits.push({ role: 'targets', signed: { ...view.targets, delegations: wantedDelegations } })
  }
  for (const [role, holders] of Object.entries(wanted.channels)) {
    const before = current.channels[role]
    if (before !== undefined && (await isSignedFor(store, view, role, holders))) continue
    const ready = await prepare?.(role, view, holders)
    if (ready === undefined) edits.push({ role, signed: await view.role(role) })
    else prepared.push(ready)
  }
  const isDone = edits.length + prepared.length === 0 && !view.isLeftBehind
  return isDone ? undefined : { edits, prepared }
}

/** Whether the stored metadata of a role carries signatures of exactly keys that stay, enough of them. */
async function isSignedFor(
  store: Store,
  view: View,
  role: string,
  { keys, threshold }: KeyHolders,
): Promise<boolean> {
  const meta = view.snapshot.meta[`${role}.json`]
  if (meta === undefined) return false
  const key = metadataKey(role, meta.version)
  const { signatures } = splitMetadata(await fetchPromised(store, key, meta.length), key)
  const ids = signatures.map(({ keyid }) => keyid)
  return keys.filter(({ keyid }) => ids.includes(keyid)).length >= threshold
}
