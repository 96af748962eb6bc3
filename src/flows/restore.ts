/** The bytes of published releases: whether the store still has them, and writing them again. */
import { readFile } from 'node:fs/promises'
import { type Channel, type ChannelHead, manifestKey, type ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { onDisk } from '../disk/fault.ts'
import { findInChannel } from './channel-history.ts'
import type { PackedRelease } from './pack-release.ts'
import type { PublisherContext } from './publisher.ts'

type Bytes = Pick<ReleaseEntry, 'archive' | 'manifest'>

/** Whether archive and manifest of a release are there, by their sizes. */
export async function hasBytes(
  { store }: PublisherContext,
  channel: Channel,
  { archive, manifest }: Bytes,
): Promise<boolean> {
  const found = [await store.stat(archive.path), await store.stat(manifestKey(channel, manifest.sha256))]
  return found[0]?.size === archive.size && found[1]?.size === manifest.length
}

/** @throws SkillsctlError `missing` when the store lost the bytes of a release */
export async function insistOnBytes(
  context: PublisherContext,
  channel: Channel,
  entry: ReleaseEntry,
): Promise<void> {
  if (await hasBytes(context, channel, entry)) return
  throw new SkillsctlError('missing', 'the store has lost bytes of this release', {
    subject: `${entry.release.version} on ${channel.name}`,
    hint: `write them again: skillsctl publish --commit ${entry.release.commit} --restore`,
  })
}

/**
 * Writes archive and manifest of a published release once more; no head moves.
 * @returns the entry whose bytes are there again. @throws SkillsctlError `absent`, `refused`
 */
export async function restore(
  { store }: PublisherContext,
  channel: Channel,
  head: ChannelHead | undefined,
  { digest, bytes, archive, path }: PackedRelease,
): Promise<ReleaseEntry> {
  const entry = await findInChannel(store, channel, head, ({ manifest }) => manifest.sha256 === digest.sha256)
  if (entry === undefined) {
    throw new SkillsctlError('absent', 'this commit was never published here, with this packing', {
      subject: channel.name,
      hint: 'check --commit, --channel, --include and --exclude',
    })
  }
  await store.touch(manifestKey(channel, digest.sha256), bytes)
  if (entry.archive.path !== archive.path) {
    throw new SkillsctlError(
      'refused',
      'this machine compresses differently, so the signed archive cannot be made again',
      {
        subject: entry.release.version,
        expected: entry.archive.path,
        found: archive.path,
        hint: 'the manifest is restored; run this with the version of Node that published, or publish a new commit',
      },
    )
  }
  await store.touch(archive.path, await onDisk(path, () => readFile(path)))
  return entry
}
