/** What every publishing flow needs, and moving a channel's head: the part they share. */
import type { Git } from '../archive/git.ts'
import type { JsonObject } from '../core/canonical.ts'
import { canonicalJson } from '../core/canonical.ts'
import { type Changes, compareTrees, NO_CHANGES, summarizeChanges } from '../core/changes.ts'
import {
  advance,
  type Channel,
  type ChannelHead,
  channelOfTarget,
  type DigestRef,
  type HistoryPage,
  historyKey,
  isDraft,
  pageFields,
  type ReleaseEntry,
} from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Emit } from '../core/events.ts'
import { integrityHex, type Manifest } from '../core/manifest.ts'
import type { Store } from '../store/store.ts'
import { sha256Hex } from '../trust/digest.ts'
import type { TargetsSigned } from '../trust/metadata.ts'
import type { View } from '../trust/view.ts'
import type { WriterOptions } from '../trust/writer.ts'
import { readPage } from './channel-history.ts'
import { fetchManifest } from './obtain.ts'

export interface PublisherContext extends WriterOptions {
  readonly emit: Emit
  /** A clone of the source, if there is one at hand: catch-up bundles take the contents of old releases from it. */
  readonly git?: Git | undefined
  /** Milliseconds that only grow; `clock` is the time of day. */
  readonly stopwatch: () => number
}

/** Objects that nothing points at are collected after this. Milliseconds. */
export const GRACE = 24 * 60 * 60 * 1000
/** A release younger than this is never collected, whatever its place in the history. Milliseconds. */
export const KEEP_FOR = 90 * 24 * 60 * 60 * 1000
const MOST_DRAFTS = 50
const DRAFT_LIFE = 30 * 24 * 60 * 60 * 1000

/**
 * Stores content under a name that is a function of it. What is there already may be an old orphan that is
 * about to be collected, so it is written again and is young.
 */
export async function putContent(store: Store, key: string, body: Buffer): Promise<'new' | 'known'> {
  const answer = await store.put(key, body, { absent: true })
  if (answer.kind === 'stored') return 'new'
  await store.touch(key, body)
  return 'known'
}

/**
 * Makes sure that an archive which is about to be pointed at again is there, and stays: one that may be collected at
 * any moment is written again and is young.
 * @returns false when it is gone
 */
export async function keepArchive(
  { store, clock }: PublisherContext,
  { archive, release }: ReleaseEntry,
): Promise<boolean> {
  const isSafe = clock() - Date.parse(release.publishedAt) < KEEP_FOR / 2
  if (isSafe) return (await store.stat(archive.path))?.size === archive.size
  const answer = await store.get(archive.path, { maxBytes: archive.size })
  if (answer.kind !== 'found') return false
  insistOnDigest(archive, answer.body)
  await store.touch(archive.path, answer.body)
  return true
}

/** What was damaged on its way here must not be written over the good copy. */
function insistOnDigest(archive: ReleaseEntry['archive'], body: Buffer): void {
  const [expected, found] = [integrityHex(archive), sha256Hex(body)]
  if (found === expected) return
  throw new SkillsctlError('corrupt', 'the archive differs from its signed digest', {
    subject: archive.path,
    expected,
    found,
    hint: 'try again; if it stays, publish its commit with --restore',
  })
}

/** Name of the repository, signed by the root key when it was made; it goes into every manifest. */
export function repositoryName({ targets }: View): string {
  const name = targets['x-name']
  return typeof name === 'string' ? name : 'skills'
}

/** The role's new content with this channel's head at `entry`. Writes the history page that overflows, if one does. */
export async function moveHead(
  { store, clock }: PublisherContext,
  view: View,
  channel: Channel,
  entry: ReleaseEntry,
): Promise<TargetsSigned> {
  const [role, head] = await Promise.all([view.role(channel.role), view.head(channel)])
  const olderPage = head?.older === undefined ? undefined : await readPage(store, channel, head.older)
  const { custom, page } = advance(head, entry, olderPage, pageDigest)
  if (page !== undefined)
    await putContent(store, historyKey(channel, pageDigest(page).sha256), pageBytes(page))
  const { sha256, length } = entry.manifest
  const targets = { ...role.targets, [channel.target]: { length, hashes: { sha256 }, custom } }
  return { ...role, targets: isDraft(channel) ? fewDrafts(targets, clock()) : targets }
}

function pageBytes(page: HistoryPage): Buffer {
  return Buffer.from(canonicalJson(pageFields(page)), 'utf8')
}

function pageDigest(page: HistoryPage): DigestRef {
  const bytes = pageBytes(page)
  return { sha256: sha256Hex(bytes), length: bytes.length }
}

/** All drafts share one role, so it must not grow for ever: the newest 50 of the last 30 days stay. */
function fewDrafts(targets: Readonly<Record<string, JsonObject>>, now: number): Record<string, JsonObject> {
  const age = ([, target]: readonly [string, JsonObject]): number => now - publishedAt(target)
  const kept = Object.entries(targets)
    .filter((draft) => age(draft) <= DRAFT_LIFE)
    .sort((left, right) => age(left) - age(right))
    .slice(0, MOST_DRAFTS)
  return Object.fromEntries(kept)
}

function publishedAt(target: JsonObject): number {
  const { release } = target['custom'] as { release: { publishedAt: string } }
  return Date.parse(release.publishedAt)
}

/** The manifest of a channel's head, or undefined when nothing was published there yet. */
export async function headManifest(
  store: Store,
  channel: Channel,
  head: ChannelHead | undefined,
): Promise<Manifest | undefined> {
  if (head === undefined) return undefined
  return (await fetchManifest(store, { channel, entry: head.entry })).content
}

/** What a move changes, in full; `shortenChanges` makes it fit into metadata. */
export function changesBetween(
  before: Manifest | undefined,
  after: Manifest,
  renames: readonly (readonly [string, string])[] = [],
): Changes {
  if (before === undefined)
    return summarizeChanges({ ...NO_CHANGES, added: after.files.map(({ path }) => path) }, [], after.files)
  return summarizeChanges(compareTrees(before.files, after.files, renames), before.files, after.files)
}

/** The channels of this repository that have a head, with it. */
export async function allHeads(view: View): Promise<{ channel: Channel; head: ChannelHead }[]> {
  const found: { channel: Channel; head: ChannelHead }[] = []
  for (const { name } of view.targets.delegations?.roles ?? []) {
    const role = await view.role(name)
    for (const target of Object.keys(role.targets)) {
      const channel = channelOfTarget(target)
      const head = channel && (await view.head(channel))
      if (channel !== undefined && head !== undefined) found.push({ channel, head })
    }
  }
  return found
}

/** @throws SkillsctlError `absent` when nothing was published there */
export function requireHead(head: ChannelHead | undefined, channel: Channel): ChannelHead {
  if (head !== undefined) return head
  throw new SkillsctlError('absent', 'nothing was published on this channel yet', {
    subject: channel.name,
    hint: 'publish first: skillsctl publish',
  })
}
