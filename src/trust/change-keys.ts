/** Changing who may sign what, in steps that may be interrupted anywhere (SPEC.md, "Changing keys"). */
import { SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { fetchPromised } from '../store/promised.ts'
import type { Store } from '../store/store.ts'
import {
  encodeMetadata,
  METADATA_LIFE,
  metadataKey,
  type RootSigned,
  signMetadata,
  splitMetadata,
} from './metadata.ts'
import {
  type KeyHolders,
  type KeySet,
  keySet,
  nextDelegations,
  nextRootRoles,
  type RootDigest,
} from './root.ts'
import { readRepository, type View } from './view.ts'
import { commit, type Edit, type Prepared, signersFor, type WriterOptions } from './writer.ts'

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
  if (changes) await cosign(options, nextRootRoles(wanted, view.root))
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
  const { keys, roles } = nextRootRoles(wanted, root)
  return sameRoles({ keys: root.keys, roles: root.roles }, { keys, roles })
}

/** Step (a). The quorum of targets counts too, because the root key signs them. */
async function cosign(options: WriterOptions, { roles }: Pick<RootSigned, 'roles'>): Promise<void> {
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
  const roles = nextRootRoles(wanted, view.root)
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
  const wantedDelegations = nextDelegations(wanted, view.targets.delegations)
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
