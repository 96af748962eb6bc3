/**
 * Writes TUF metadata. Every change is one commit: versioned files first, each written once, then a
 * compare-and-swap on `timestamp.json` (SPEC.md, "Publishing"). Whoever loses the race starts over.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { channelOfTarget } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import type { Store } from '../store/store.ts'
import type { Signer } from './key.ts'
import {
  type HeadHint,
  METADATA_LIFE,
  type MetaFields,
  metadataKey,
  metaOf,
  type RoleKeys,
  type Signed,
  signedPart,
  signMetadata,
  type TargetsSigned,
  TIMESTAMP_LIFE,
} from './metadata.ts'
import type { RootPin } from './root-chain.ts'
import { type Reading, readRepository, type View } from './view.ts'

export interface WriterOptions {
  readonly store: Store
  readonly pin: RootPin
  readonly signers: readonly Signer[]
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** See `ReaderOptions`. */
  readonly acceptFormerRoot?: boolean
}

/** New content of a role. Version, expiry and signatures are added by the writer. */
export interface Edit {
  readonly role: string
  readonly signed: TargetsSigned
}

/** A role whose exact bytes a quorum has signed already. */
export interface Prepared {
  readonly role: string
  readonly version: number
  readonly bytes: Buffer
}

export interface Change {
  readonly edits: readonly Edit[]
  readonly prepared?: readonly Prepared[]
  /** Sign everything with these as well, for a root that is about to come. */
  readonly cosigners?: readonly Signer[]
  /**
   * Called when every file is written and nothing points at them yet.
   * @param files exact bytes by role: those that are new, and the snapshot
   * @param attempt how often this change was tried, this time included
   */
  readonly beforeCommit?: (files: ReadonlyMap<string, WrittenFile>, attempt: number) => Promise<void>
}

export interface WrittenFile {
  readonly version: number
  readonly bytes: Buffer
}

const MOST_TRIES = 60
/** Names in a row that dead publishers may have taken; collection removes them after a day. */
const MOST_TAKEN = 1_000
const LONGEST_PAUSE = 1_500
const LONGEST_ROLE = 16 * 1024 * 1024

/**
 * Reads, asks `plan` for a change, writes it; again from the start when somebody else was faster.
 * @param plan decides from the verified state; `undefined` means that nothing is to be done
 * @param reading one made before, for the first attempt
 * @returns whether something was written
 * @throws SkillsctlError `refused` when our keys may not sign, `raced` after `MOST_TRIES`, and what reading throws
 */
export async function commit(
  options: WriterOptions,
  plan: (view: View) => Promise<Change | undefined>,
  reading?: Reading,
): Promise<boolean> {
  for (let attempt = 1; attempt <= MOST_TRIES; attempt++) {
    const { view, etag } = attempt === 1 && reading !== undefined ? reading : await readRepository(options)
    const change = await plan(view)
    if (change === undefined) return false
    if (await write(options, view, etag, change, attempt)) return true
    await delay(Math.random() * Math.min(LONGEST_PAUSE, 50 * attempt))
  }
  throw new SkillsctlError('raced', 'others kept changing the repository', {
    subject: options.store.url,
    hint: 'run the command again',
  })
}

/** Those of our signers that a role lists. @throws SkillsctlError `refused` when they are too few */
export function signersFor(role: string, keys: RoleKeys | undefined, signers: readonly Signer[]): Signer[] {
  const ours = signers.filter(({ keyid }) => keys?.keyids.includes(keyid))
  const needed = keys?.threshold ?? 1
  if (ours.length >= needed) return ours
  throw new SkillsctlError('refused', 'the keys at hand may not sign this role', {
    subject: role,
    expected: `${needed} of ${keys?.keyids.map((keyid) => keyid.slice(0, 8)).join(', ') ?? 'no key'}`,
    found: signers.map(({ keyid }) => keyid.slice(0, 8)).join(', ') || 'no key',
    hint: 'give the right key file with --key, or in SKILLSCTL_KEY',
  })
}

export function delegationOf(targets: TargetsSigned, role: string): RoleKeys | undefined {
  return targets.delegations?.roles.find(({ name }) => name === role)
}

async function write(
  options: WriterOptions,
  view: View,
  etag: string,
  change: Change,
  attempt: number,
): Promise<boolean> {
  const meta: Record<string, MetaFields> = { ...view.snapshot.meta }
  // A role is signed by whoever the delegations name once this change is in force.
  const targets = change.edits.find(({ role }) => role === 'targets')?.signed ?? view.targets
  const written = new Map<string, { version: number; signed: TargetsSigned }>()
  const files = new Map<string, WrittenFile>()
  for (const { role, version, bytes } of change.prepared ?? []) {
    if (!(await putPrepared(options.store, role, version, bytes))) return false
    meta[`${role}.json`] = metaOf(version, bytes)
    written.set(role, { version, signed: signedPart(bytes) })
    files.set(role, { version, bytes })
  }
  for (const { role, signed } of change.edits) {
    const signers = together(signersForEdit(role, { ...view, targets }, options.signers), change.cosigners)
    const first = (meta[`${role}.json`]?.version ?? 0) + 1
    const done = await putNext(
      options.store,
      etag,
      role,
      renewed(signed, first, options.clock(), METADATA_LIFE),
      signers,
    )
    if (done === undefined) return false
    meta[`${role}.json`] = metaOf(done.signed.version, done.bytes)
    written.set(role, { version: done.signed.version, signed: done.signed })
    files.set(role, { version: done.signed.version, bytes: done.bytes })
  }
  const snapshotSigners = together(topLevelSigners('snapshot', view, options.signers), change.cosigners)
  const snapshot = {
    ...renewed(view.snapshot, view.snapshot.version + 1, options.clock(), METADATA_LIFE),
    meta,
  }
  const stored = await putNext(options.store, etag, 'snapshot', snapshot, snapshotSigners)
  if (stored === undefined) return false
  files.set('snapshot', { version: stored.signed.version, bytes: stored.bytes })
  await change.beforeCommit?.(files, attempt)
  return putTimestamp(options, view, etag, {
    snapshot: metaOf(stored.signed.version, stored.bytes),
    heads: headHints(view.timestamp['x-heads'], written),
    signers: together(topLevelSigners('timestamp', view, options.signers), change.cosigners),
  })
}

/** The commit itself. */
async function putTimestamp(
  { store, clock }: WriterOptions,
  { timestamp }: View,
  etag: string,
  next: { snapshot: MetaFields; heads: Readonly<Record<string, HeadHint>>; signers: readonly Signer[] },
): Promise<boolean> {
  const now = clock()
  const signed = {
    ...renewed(timestamp, timestamp.version + 1, now, TIMESTAMP_LIFE),
    meta: { 'snapshot.json': next.snapshot },
    'x-signed-at': formatInstant(now),
    'x-heads': next.heads,
  }
  const answer = await store.put(
    metadataKey('timestamp', signed.version),
    signMetadata(signed, next.signers),
    { match: etag },
  )
  return answer.kind === 'stored'
}

/** Only the timestamp, signed anew with the same content (`renew`). */
export async function renewTimestamp(options: WriterOptions): Promise<void> {
  for (let attempt = 1; attempt <= MOST_TRIES; attempt++) {
    const { view, etag } = await readRepository(options)
    const done = await putTimestamp(options, view, etag, {
      snapshot: view.timestamp.meta['snapshot.json'],
      heads: view.timestamp['x-heads'] ?? {},
      signers: topLevelSigners('timestamp', view, options.signers),
    })
    if (done) return
  }
  throw new SkillsctlError('raced', 'others kept changing the repository', { subject: options.store.url })
}

function together(listed: readonly Signer[], cosigners: readonly Signer[] = []): Signer[] {
  return [...listed, ...cosigners.filter(({ keyid }) => !listed.some((signer) => signer.keyid === keyid))]
}

function signersForEdit(role: string, view: View, signers: readonly Signer[]): Signer[] {
  const keys = role === 'targets' ? view.root.roles.targets : delegationOf(view.targets, role)
  return signersFor(role, keys, signers)
}

function topLevelSigners(
  role: 'snapshot' | 'timestamp',
  { root }: View,
  signers: readonly Signer[],
): Signer[] {
  return signersFor(role, root.roles[role], signers)
}

function renewed<T extends Signed>(signed: T, version: number, now: number, life: number): T {
  return { ...signed, version, expires: formatInstant(now + life) }
}

/**
 * Writes the next version of a file. A name that is taken is an orphan of a dead publisher, or a rival's who
 * has not committed: it is stepped over, unless the head has moved meanwhile.
 * @returns undefined when the head has moved
 * @throws SkillsctlError `raced` when name after name is taken, as by a store that refuses every write so
 */
async function putNext<T extends Signed>(
  store: Store,
  etag: string,
  role: string,
  signed: T,
  signers: readonly Signer[],
): Promise<{ signed: T; bytes: Buffer } | undefined> {
  let next = signed
  for (let taken = 0; taken <= MOST_TAKEN; taken++, next = { ...next, version: next.version + 1 }) {
    const bytes = signMetadata(next, signers)
    const answer = await store.put(metadataKey(role, next.version), bytes, { absent: true })
    if (answer.kind === 'stored') return { signed: next, bytes }
    if (await hasMoved(store, etag)) return undefined
  }
  throw new SkillsctlError('raced', 'the store says of every new name that it is taken', {
    subject: metadataKey(role, next.version),
    hint: 'check that the store supports conditional writes, and run the command again',
  })
}

async function putPrepared(store: Store, role: string, version: number, bytes: Buffer): Promise<boolean> {
  const key = metadataKey(role, version)
  const answer = await store.put(key, bytes, { absent: true })
  if (answer.kind === 'stored') return true
  const found = await store.get(key, { maxBytes: LONGEST_ROLE })
  if (found.kind === 'found' && found.body.equals(bytes)) return true
  throw new SkillsctlError('refused', 'somebody wrote this version of the role with other signatures', {
    subject: key,
    hint: 'these approvals are void; start over with the same command',
  })
}

async function hasMoved(store: Store, etag: string): Promise<boolean> {
  const answer = await store.get(metadataKey('timestamp', 0), { maxBytes: 1024 * 1024, ifNoneMatch: etag })
  return answer.kind !== 'unchanged'
}

/** Hints for every channel of the roles that were written; the others stay. */
function headHints(
  before: Readonly<Record<string, HeadHint>> | undefined,
  written: ReadonlyMap<string, { readonly version: number; readonly signed: TargetsSigned }>,
): Record<string, HeadHint> {
  const kept = Object.entries(before ?? {}).filter(([name]) => !written.has(name.split('/')[0] ?? name))
  const fresh = [...written].flatMap(([, { version, signed }]) =>
    Object.entries(signed.targets).flatMap(([target, file]): [string, HeadHint][] => {
      const channel = channelOfTarget(target)
      const release = (file['hashes'] as { sha256?: string } | undefined)?.sha256
      return channel === undefined || release === undefined
        ? []
        : [[channel.name, { release, role: version }]]
    }),
  )
  return Object.fromEntries([...kept, ...fresh].sort(([left], [right]) => (left < right ? -1 : 1)))
}
