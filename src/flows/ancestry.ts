/** Where a commit stands relative to what a channel has published: git decides, never a date or a name. */
import type { Commit, Git } from '../archive/git.ts'
import { type Channel, type ChannelHead, isDraft } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { ReadableStore } from '../store/store.ts'
import { channelHistory } from './channel-history.ts'

export interface AncestryOptions {
  readonly git: Git
  readonly channel: Channel
  /** Take a commit that is behind the head, diverged from it, or of unknown ancestry, for a new one. */
  readonly allowOlder?: boolean
}

/** `same`: the head's own commit. `behind`: the head contains it. `left`: the channel had it, and was moved back. */
export type Position = 'ahead' | 'same' | Superseded
export type Superseded = 'behind' | 'left'

export function isSuperseded(position: string): position is Superseded {
  return position === 'behind' || position === 'left'
}

/** @throws SkillsctlError `refused` for a diverged history, or one that this clone cannot know */
export async function positionOf(
  source: Commit,
  store: ReadableStore,
  head: ChannelHead | undefined,
  { git, channel, allowOlder = false }: AncestryOptions,
): Promise<Position> {
  if (head === undefined) return 'ahead'
  const { commit, version, publishedAt } = head.entry.release
  if (commit === source.hash) return 'same'
  // A draft is its author's own, and goes wherever they go.
  if (isDraft(channel) || allowOlder) return 'ahead'
  switch (await git.relation(source.hash, commit)) {
    case 'same':
      return 'same'
    case 'ancestor':
      return 'behind'
    case 'descendant':
      return (await wasPublished(store, channel, head, source)) ? 'left' : 'ahead'
    case 'unknown':
      throw new SkillsctlError('refused', 'this clone cannot tell whether the commit is newer', {
        subject: source.hash,
        expected: `the history down to ${commit} (${version} on ${channel.name}, published ${publishedAt})`,
        hint: (await git.isShallow())
          ? 'fetch all of it (git fetch --unshallow; in GitHub Actions fetch-depth: 0), or use --allow-older'
          : `it lacks what ${channel.name} has, so it is behind or of another history: git pull, then publish again (or use --allow-older)`,
      })
    case 'diverged':
      throw new SkillsctlError('refused', 'the commit is not a descendant of what is published', {
        subject: source.hash,
        expected: `a descendant of ${commit} (${version} on ${channel.name}, published ${publishedAt})`,
        hint: `${channel.name} has what this branch lacks: rebase or merge it, then publish again; if history was rewritten on purpose: --allow-older`,
      })
  }
}

/** Clocks of those who commit and of CI differ by less. Milliseconds. */
const CLOCK_SKEW = 24 * 60 * 60 * 1000

/** Whether the channel had this commit before. What was published before the commit existed cannot be it. */
async function wasPublished(
  store: ReadableStore,
  channel: Channel,
  head: ChannelHead,
  source: Commit,
): Promise<boolean> {
  for await (const { release } of channelHistory(store, channel, head)) {
    if (release.commit === source.hash) return true
    if (Date.parse(release.publishedAt) + CLOCK_SKEW < Date.parse(source.committedAt)) return false
  }
  return false
}
