/** `skillsctl keys`: who may sign what, and changing it (SPEC.md, "Changing keys"). */
import { isError, SkillsctlError } from '../core/errors.ts'
import type { ReadableStore } from '../store/store.ts'
import { type Approval, approve, completed, openApprovals, proposal, sameContent } from '../trust/approval.ts'
import { changeKeys } from '../trust/change-keys.ts'
import type { Signer } from '../trust/key.ts'
import type { PublicKey } from '../trust/public-key.ts'
import { type KeyHolders, type KeySet, keySet, type RootDigest } from '../trust/root.ts'
import type { RootPin } from '../trust/root-chain.ts'
import { encodeToken } from '../trust/token.ts'
import { readRepository, type View } from '../trust/view.ts'
import type { PublisherContext } from './publisher.ts'

export interface KeysReport {
  readonly root: RootDigest
  readonly keys: KeySet
  /** For new machines; those that have joined follow by themselves. */
  readonly token: string
  /** Roles that wait for more signers before the change can be finished. */
  readonly waiting: readonly Waiting[]
}

export interface Waiting {
  readonly role: string
  /** Signatures there are, and signatures needed. */
  readonly have: number
  readonly need: number
}

/** Who may sign what, right now. */
export async function listKeys({ store, pin }: { store: ReadableStore; pin: RootPin }): Promise<KeysReport> {
  const { view } = await readRepository({ store, pin })
  return report(store.url, view, [])
}

export async function addKey(context: PublisherContext, role: string, key: PublicKey): Promise<KeysReport> {
  return change(context, (keys) => {
    const holders = holdersOf(keys, role)
    const known = holders.keys.some(({ keyid }) => keyid === key.keyid)
    return known ? keys : withHolders(keys, role, { ...holders, keys: [...holders.keys, key] })
  })
}

/** @throws SkillsctlError `refused` for the last key, or when the threshold could not be reached any more */
export async function removeKey(context: PublisherContext, role: string, keyid: string): Promise<KeysReport> {
  return change(context, (keys) => {
    const holders = holdersOf(keys, role)
    const rest = holders.keys.filter((key) => !key.keyid.startsWith(keyid))
    const removed = holders.keys.length - rest.length
    // A whole key id that is gone already is an earlier run of this command; the start of one is a typo.
    if (removed > 1 || (removed === 0 && keyid.length < 64)) throw notOneKey(role, keyid, holders, removed)
    return withHolders(keys, role, { ...holders, keys: rest })
  })
}

function notOneKey(role: string, keyid: string, { keys }: KeyHolders, found: number): SkillsctlError {
  return new SkillsctlError(
    'absent',
    `${found === 0 ? 'no key' : 'more than one key'} of this role has this id`,
    {
      subject: keyid,
      expected: `for ${role}: ${keys.map((key) => key.keyid.slice(0, 16)).join(', ')}`,
      hint: 'see who may sign what with: skillsctl keys list',
    },
  )
}

export async function setThreshold(
  context: PublisherContext,
  role: string,
  threshold: number,
): Promise<KeysReport> {
  return change(context, (keys) => withHolders(keys, role, { ...holdersOf(keys, role), threshold }))
}

/** Replaces one key by another wherever it is listed. Run again, it finishes what an interruption left. */
export async function replaceKey(
  context: PublisherContext,
  old: PublicKey,
  next: PublicKey,
): Promise<KeysReport> {
  const swap = ({ keys, threshold }: KeyHolders): KeyHolders => ({
    keys: keys.map((key) => (key.keyid === old.keyid ? next : key)),
    threshold,
  })
  const isListed = ({ root, channels }: KeySet): boolean =>
    [root, ...Object.values(channels)].some(({ keys }) =>
      keys.some(({ keyid }) => keyid === old.keyid || keyid === next.keyid),
    )
  const { keys: present } = await listKeys(context)
  if (old.keyid === next.keyid || !isListed(present)) {
    throw new SkillsctlError(
      'refused',
      'there is nothing to replace: nobody lists the old key, or it is the new one',
      {
        subject: old.keyid,
        hint: 'compare skillsctl keys show <file> with skillsctl keys list',
      },
    )
  }
  return change(context, ({ root, channels }) => ({
    root: swap(root),
    channels: Object.fromEntries(Object.entries(channels).map(([role, holders]) => [role, swap(holders)])),
  }))
}

/** Signs root and targets anew with the same keys, long before they expire. */
export async function renewRoot(context: PublisherContext): Promise<KeysReport> {
  return change(context, (keys) => keys, true)
}

function holdersOf(keys: KeySet, role: string): KeyHolders {
  const holders = role === 'root' ? keys.root : keys.channels[role]
  if (holders !== undefined) return holders
  throw new SkillsctlError('absent', 'there is no such role', {
    subject: role,
    expected: ['root', ...Object.keys(keys.channels)].join(', '),
  })
}

function withHolders(keys: KeySet, role: string, holders: KeyHolders): KeySet {
  return role === 'root'
    ? { ...keys, root: holders }
    : { ...keys, channels: { ...keys.channels, [role]: holders } }
}

async function change(
  context: PublisherContext,
  next: (keys: KeySet) => KeySet,
  renew = false,
): Promise<KeysReport> {
  const waiting: Waiting[] = []
  try {
    await changeKeys(context, {
      next,
      renew,
      prepare: async (role, view, holders) => {
        const ours = oursAmong(context, holders)
        if (ours.length >= holders.threshold) return undefined
        const approval = await cosignRole(context, view, role, holders)
        const prepared = completed(approval, holders)
        if (prepared === undefined)
          waiting.push({ role, have: approval.signatures.length, need: holders.threshold })
        return prepared
      },
    })
  } catch (error) {
    // Too few signatures yet: what we could sign is stored, and the others are asked for theirs.
    if (waiting.length === 0 || !isError(error, 'refused')) throw error
  }
  const { view } = await readRepository(context)
  return report(context.store.url, view, waiting)
}

/**
 * Adds our signature to a channel as it stands, so that its threshold can be raised to more than we hold keys for.
 * @throws SkillsctlError `refused` when the channel does not list our key
 */
export async function cosignChannel(context: PublisherContext, role: string): Promise<Waiting> {
  const { view } = await readRepository(context)
  const holders = holdersOf(keySet(view), role)
  if (oursAmong(context, holders).length === 0) {
    throw new SkillsctlError('refused', 'this channel does not list the key at hand', {
      subject: role,
      hint: `the holder of the root key runs: skillsctl keys add ${role} <your public key>`,
    })
  }
  const { signatures } = await cosignRole(context, view, role, holders)
  return { role, have: signatures.length, need: holders.threshold }
}

function oursAmong({ signers }: PublisherContext, { keys }: KeyHolders): Signer[] {
  return signers.filter(({ keyid }) => keys.some((key) => key.keyid === keyid))
}

/** Signs the role with its present content, joining an approval of the same that waits. */
async function cosignRole(
  context: PublisherContext,
  view: View,
  role: string,
  holders: KeyHolders,
): Promise<Approval> {
  const { store, clock } = context
  const current = await view.role(role)
  const open = await openApprovals(store, view, role, holders, clock())
  const waiting = open.find(({ signed }) => sameContent(signed, current))
  const signed = waiting?.signed ?? (await proposal(store, view, role, current, clock()))
  return approve(store, role, signed, oursAmong(context, holders), waiting?.signatures ?? [])
}

function report(store: string, view: View, waiting: readonly Waiting[]): KeysReport {
  const root = { version: view.root.version, sha256: view.rootSha256 }
  return { root, keys: keySet(view), token: encodeToken({ store, root, channel: 'stable' }), waiting }
}
