/** `skillsctl promote` and `revert`: pointing a channel at bytes that were published before. */

import { shortenChanges } from '../core/changes.ts'
import {
  type Channel,
  type ChannelHead,
  isDraft,
  manifestKey,
  parseChannel,
  type ReleaseEntry,
} from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { resolveVersion } from '../core/version.ts'
import type { Confirm } from './channel.ts'
import { channelHistory, findInChannel } from './channel-history.ts'
import { type MoveReport, moveChannel, type Wanted } from './move-channel.ts'
import { fetchManifest } from './obtain.ts'
import {
  changesBetween,
  headManifest,
  keepArchive,
  type PublisherContext,
  putContent,
  requireHead,
} from './publisher.ts'

const SOURCE = 'canary'

/**
 * Points `target` at a release of canary: the same bytes, nothing is rebuilt.
 * @param from `canary`, or a version, commit or digest in canary's history
 * @throws SkillsctlError `refused` for a draft or a step back, `absent` for an unknown version
 */
export async function promote(
  context: PublisherContext,
  from: string,
  target: Channel,
  confirm: Confirm,
): Promise<MoveReport> {
  const source = parseChannel(SOURCE)
  if (isDraft(target) || target.name === SOURCE) {
    throw new SkillsctlError('refused', 'only channels behind canary are promoted to', {
      subject: target.name,
      hint: 'skillsctl promote canary stable',
    })
  }
  if (from.startsWith('drafts/')) {
    throw new SkillsctlError('refused', 'a draft is never promoted', {
      subject: from,
      hint: 'merge it and publish the commit',
    })
  }
  return moveChannel(
    context,
    target,
    async (view, head) => {
      const newest = requireHead(await view.head(source), source)
      if (from === SOURCE) return copyTo(context, source, target, newest.entry, head)
      const history = await entries(context, source, newest)
      const entry = resolve(from, history)
      refuseStepBack(entry, head, history, target)
      return copyTo(context, source, target, entry, head)
    },
    confirm,
  )
}

/**
 * Points a channel at an older release of its own history; for every client it is a new, higher version.
 * @param to default: the release before the head
 */
export async function revert(
  context: PublisherContext,
  channel: Channel,
  to: string | undefined,
  confirm: Confirm,
): Promise<MoveReport> {
  let entry: ReleaseEntry | undefined
  return moveChannel(
    context,
    channel,
    async (_view, head) => {
      const current = requireHead(head, channel)
      // Chosen once: seen from a head that moved meanwhile, the release before it may be the one to get away from.
      entry ??=
        to === undefined
          ? await before(context, channel, current)
          : resolve(to, await entries(context, channel, current))
      if (entry === undefined) {
        throw new SkillsctlError('absent', 'this channel has no earlier release', { subject: channel.name })
      }
      return copyTo(context, channel, channel, entry, head)
    },
    confirm,
  )
}

/** The newest release that is not the head's. */
async function before(
  { store }: PublisherContext,
  channel: Channel,
  head: ChannelHead,
): Promise<ReleaseEntry | undefined> {
  const { sha256 } = head.entry.manifest
  return findInChannel(store, channel, head, ({ manifest }) => manifest.sha256 !== sha256)
}

async function entries(
  { store }: PublisherContext,
  channel: Channel,
  head: ChannelHead,
): Promise<ReleaseEntry[]> {
  const found: ReleaseEntry[] = []
  for await (const entry of channelHistory(store, channel, head)) found.push(entry)
  return found
}

function resolve(wanted: string, history: readonly ReleaseEntry[]): ReleaseEntry {
  const candidates = history.map((entry) => ({
    version: entry.release.version,
    commit: entry.release.commit,
    manifest: entry.manifest.sha256,
    entry,
  }))
  return resolveVersion(wanted, candidates).entry
}

/** Canary's own order says what is newer. */
function refuseStepBack(
  entry: ReleaseEntry,
  head: ChannelHead | undefined,
  history: readonly ReleaseEntry[],
  target: Channel,
): void {
  const place = ({ manifest }: ReleaseEntry): number =>
    history.findIndex((other) => other.manifest.sha256 === manifest.sha256)
  if (head === undefined || place(head.entry) < 0 || place(entry) <= place(head.entry)) return
  throw new SkillsctlError('refused', 'this would be a step back', {
    subject: target.name,
    expected: `newer than ${head.entry.release.version}`,
    found: entry.release.version,
    hint: `to go back on purpose: skillsctl revert ${target.name} --to ${entry.release.version}`,
  })
}

/** Verifies that all bytes of a release are there, and puts its manifest where the target's clients look. */
async function copyTo(
  context: PublisherContext,
  source: Channel,
  target: Channel,
  entry: ReleaseEntry,
  head: ChannelHead | undefined,
): Promise<Wanted> {
  const { store, clock } = context
  const manifest = await fetchManifest(store, { channel: source, entry })
  if (!(await keepArchive(context, entry))) {
    throw new SkillsctlError('missing', 'the archive of this release was collected', {
      subject: entry.release.version,
      hint: 'publish its commit again: skillsctl publish --commit … --allow-older',
    })
  }
  await putContent(store, manifestKey(target, entry.manifest.sha256), manifest.bytes)
  const changes = changesBetween(await headManifest(store, target, head), manifest.content)
  const release = { ...entry.release, publishedAt: formatInstant(clock()) }
  return { entry: { ...entry, release, changes: shortenChanges(changes) }, changes, bytes: manifest.bytes }
}
