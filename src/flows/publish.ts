/** `skillsctl publish`: collect → pack → describe → upload → sign → catch up → point (SPEC.md, "Publishing"). */
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Selection } from '../archive/collect.ts'
import type { Commit, Git } from '../archive/git.ts'
import {
  type Changes,
  type FileChanges,
  removalLimit,
  shortenChanges,
  topLevelSkills,
  vanishedSkills,
} from '../core/changes.ts'
import {
  type ArchiveRef,
  type Channel,
  type ChannelHead,
  isDraft,
  manifestKey,
  type ReleaseEntry,
} from '../core/channel.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import type { Manifest } from '../core/manifest.ts'
import { formatInstant } from '../core/parse.ts'
import { versionName } from '../core/version.ts'
import { onDisk } from '../disk/fault.ts'
import { removeTree } from '../disk/remove-tree.ts'
import { type Reading, readRepository } from '../trust/view.ts'
import { commit, delegationOf, signersFor } from '../trust/writer.ts'
import { isSuperseded, positionOf, type Superseded } from './ancestry.ts'
import { describeRelease, type PackedRelease, packRelease, sinceCommit } from './pack-release.ts'
import {
  changesBetween,
  GRACE,
  headManifest,
  moveHead,
  type PublisherContext,
  putContent,
  repositoryName,
} from './publisher.ts'
import { hasBytes, insistOnBytes, restore } from './restore.ts'
import { writeCatchups } from './write-catchups.ts'

export interface PublishOptions {
  readonly git: Git
  /** A revision of that repository. */
  readonly revision: string
  readonly channel: Channel
  readonly selection: Selection
  /** Publish the working tree instead; drafts only. */
  readonly workingTree?: boolean
  readonly dryRun?: boolean
  /** Publish a commit that is behind the head, diverged from it, or of unknown ancestry. */
  readonly allowOlder?: boolean
  /** Publish although many skills disappear. */
  readonly allowRemovals?: boolean
  /** Write archive and manifest of a commit that was published before once more, for a store that lost them. */
  readonly restore?: boolean
}

export interface PublishReport {
  /**
   * `superseded`: the channel is ahead of this commit already; nothing was written. `restored`: the bytes of a
   * published release were written again, and no head was moved.
   */
  readonly outcome: 'published' | 'unchanged' | 'superseded' | 'planned' | 'restored'
  readonly channel: string
  readonly version: string
  readonly commit: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest?: string
  readonly previous?: string | undefined
  readonly changes?: Changes
  readonly files?: number
  /** Of a working tree: what is in it that its commit does not hold; absent where that commit cannot be packed. */
  readonly uncommitted?: FileChanges
  /** Of what is superseded. `behind`: the head contains this commit. `left`: the channel had it, and was moved back. */
  readonly because?: 'behind' | 'left'
  /** Bytes of the archive, and whether the store had it already. */
  readonly archive?: { readonly size: number; readonly reused: boolean }
}

/**
 * Makes a commit the head of a channel. All or nothing, and safe to repeat.
 * @throws SkillsctlError `refused` for a diverged or unknown history, forbidden names or too many removals;
 *   `raced`, and what reading and writing throw
 */
export async function publish(context: PublisherContext, options: PublishOptions): Promise<PublishReport> {
  const { git, channel, selection, workingTree = false, dryRun = false } = options
  if (workingTree && !isDraft(channel)) throw onlyDrafts(channel)
  const step = steps('publish', context.emit, context.stopwatch)
  const source = await step('collect', () => git.commit(options.revision))
  if (workingTree) await insistOnHead(git, source)
  const reading = await readRepository(context)
  const head = await reading.view.head(channel)
  const report = reportOf(source, channel, head)

  const position = options.restore === true ? 'same' : await positionOf(source, context.store, head, options)
  if (isSuperseded(position)) return { ...report, outcome: 'superseded', because: position }
  const packing = { git, name: repositoryName(reading.view), selection, workingTree }
  if (position === 'same' && !workingTree && options.restore !== true) {
    const { manifest, digest } = await step('describe', () => describeRelease(source, packing))
    if (digest.sha256 === head?.entry.manifest.sha256) {
      await insistOnBytes(context, channel, head.entry)
      return { ...report, outcome: 'unchanged', manifest: digest.sha256, files: manifest.files.length }
    }
  }
  return inTemporaryDirectory(async (directory) => {
    const packed = await step('pack', () => packRelease(source, packing, directory))
    if (options.restore === true) {
      const entry = await step('upload', () => restore(context, channel, head, packed))
      return {
        ...report,
        outcome: 'restored',
        version: entry.release.version,
        manifest: entry.manifest.sha256,
      }
    }
    const changes = await step('describe', () => changesSince(context, options, head, packed))
    const archive = await archiveFor(context, head, packed)
    const uncommitted = workingTree ? await sinceCommit(source, packing, packed) : undefined
    const described = {
      ...report,
      version: packed.manifest.version,
      manifest: packed.digest.sha256,
      files: packed.manifest.files.length,
      changes,
      ...(uncommitted === undefined ? {} : { uncommitted }),
      archive: { size: archive.size, reused: archive !== packed.archive },
    }
    if (packed.digest.sha256 === head?.entry.manifest.sha256) return { ...described, outcome: 'unchanged' }
    if (dryRun) return { ...described, outcome: 'planned' }
    // A key that may not sign is found out now, not after the upload.
    signersFor(channel.role, delegationOf(reading.view.targets, channel.role), context.signers)
    const upload = (): Promise<boolean> => step('upload', () => store(context, channel, packed, archive))
    const reused = await upload()
    const pointed = await step('point', () =>
      point(context, options, { reading, source, packed, archive, upload, changes, since: head }),
    )
    // What was there before may have been collected in the moment before it was pointed at.
    if (
      pointed === 'published' &&
      reused &&
      !(await hasBytes(context, channel, { archive, manifest: packed.digest }))
    ) {
      await upload()
    }
    const finished = { ...described, archive: { size: archive.size, reused } }
    if (isSuperseded(pointed)) return { ...finished, outcome: 'superseded', because: pointed }
    return { ...finished, outcome: pointed }
  })
}

function reportOf(source: Commit, channel: Channel, head: ChannelHead | undefined) {
  const version = versionName(source.hash, source.committedAt)
  return { channel: channel.name, version, commit: source.hash, previous: head?.entry.release.version }
}

/** What moving on from `head` changes. @throws SkillsctlError `refused` when too many skills would disappear */
async function changesSince(
  { store }: PublisherContext,
  { git, channel, allowRemovals = false }: PublishOptions,
  head: ChannelHead | undefined,
  { manifest }: PackedRelease,
): Promise<Changes> {
  const before = await formerManifest(store, channel, head)
  const renames =
    head !== undefined && before !== undefined && hasRemovals(before, manifest)
      ? await git.renames(head.entry.release.commit, manifest.source.commit)
      : []
  const changes = changesBetween(before, manifest, renames)
  if (before !== undefined && !allowRemovals && !isDraft(channel)) refuseRemovals(changes, before)
  return changes
}

/** Where nothing has gone nothing was renamed, and git need not be asked. */
function hasRemovals(before: Manifest, after: Manifest): boolean {
  const paths = new Set(after.files.map(({ path }) => path))
  return before.files.some(({ path }) => !paths.has(path))
}

/** A store that lost the old manifest must not keep a new release from being published. */
async function formerManifest(
  store: PublisherContext['store'],
  channel: Channel,
  head: ChannelHead | undefined,
): Promise<Manifest | undefined> {
  try {
    return await headManifest(store, channel, head)
  } catch (error) {
    if (isError(error, 'missing') || isError(error, 'corrupt')) return undefined
    throw error
  }
}

function refuseRemovals(changes: Changes, before: Manifest): void {
  const gone = vanishedSkills(changes, before.files)
  const limit = removalLimit(topLevelSkills(before.files).length)
  if (gone.length <= limit) return
  throw new SkillsctlError('refused', `${gone.length} skills would disappear`, {
    expected: `at most ${limit} at once`,
    found: gone.join(', '),
    hint: 'if it is meant: --allow-removals',
  })
}

/** A release of the recent history is not packed twice, because compressors differ; unless it was collected. */
async function archiveFor(
  { store }: PublisherContext,
  head: ChannelHead | undefined,
  { digest, archive }: PackedRelease,
): Promise<ArchiveRef> {
  const known = head?.history.find(({ manifest }) => manifest.sha256 === digest.sha256)
  return known !== undefined && (await store.stat(known.archive.path)) !== undefined ? known.archive : archive
}

/** Content first. @returns whether the store had the archive already */
async function store(
  { store }: PublisherContext,
  channel: Channel,
  { path, archive: own, bytes, digest }: PackedRelease,
  archive: ArchiveRef,
): Promise<boolean> {
  const isKnown =
    archive !== own ||
    (await putContent(store, archive.path, await onDisk(path, () => readFile(path)))) === 'known'
  await putContent(store, manifestKey(channel, digest.sha256), bytes)
  return isKnown
}

interface Stored {
  readonly reading: Reading
  /** Relative to the head `since`. */
  readonly changes: Changes
  readonly since: ChannelHead | undefined
  readonly source: Commit
  readonly packed: PackedRelease
  readonly archive: ArchiveRef
  readonly upload: () => Promise<unknown>
}

/** Signs and points; decides anew each time somebody else was faster. */
async function point(
  context: PublisherContext,
  options: PublishOptions,
  { reading, source, packed, archive, upload, changes, since }: Stored,
): Promise<'published' | 'unchanged' | Superseded> {
  const { channel } = options
  let uploadedAt = context.clock()
  let outcome: 'published' | 'unchanged' | Superseded = 'published'
  await commit(
    context,
    async (view) => {
      const head = await view.head(channel)
      const same = head?.entry.manifest.sha256 === since?.entry.manifest.sha256
      const position = same ? 'ahead' : await positionOf(source, context.store, head, options)
      if (isSuperseded(position)) outcome = position
      else if (head?.entry.manifest.sha256 === packed.digest.sha256) outcome = 'unchanged'
      else outcome = 'published'
      if (outcome !== 'published') return undefined
      if (context.clock() - uploadedAt > GRACE / 2) {
        // What nobody points at for that long may be collected at any moment.
        uploadedAt = context.clock()
        await upload()
      }
      const entry: ReleaseEntry = {
        release: {
          version: packed.manifest.version,
          commit: source.hash,
          committedAt: source.committedAt,
          publishedAt: formatInstant(context.clock()),
          // What a working tree holds is not what the author of its commit wrote.
          author: options.workingTree === true ? undefined : source.author,
        },
        archive,
        changes: shortenChanges(same ? changes : await changesSince(context, options, head, packed)),
        manifest: packed.digest,
      }
      const move = { view, channel, former: head, entry, bytes: packed.bytes, git: options.git }
      return {
        edits: [{ role: channel.role, signed: await moveHead(context, view, channel, entry) }],
        beforeCommit: (files, attempt) => writeCatchups(context, move, files, attempt),
      }
    },
    reading,
  )
  return outcome
}

async function inTemporaryDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'skillsctl-publish-')))
  try {
    return await work(directory)
  } finally {
    await removeTree(directory)
  }
}

/** What is in a working tree was made from the commit that it stands on. */
async function insistOnHead(git: Git, { hash }: Commit): Promise<void> {
  const head = await git.commit('HEAD')
  if (head.hash === hash) return
  throw new SkillsctlError(
    'usage',
    'a working tree is published as it is, on the commit that is checked out',
    {
      subject: hash,
      found: `HEAD is ${head.hash}`,
      hint: 'leave out --commit, or leave out --working-tree',
    },
  )
}

function onlyDrafts({ name }: Channel): SkillsctlError {
  return new SkillsctlError('usage', 'a working tree is published to a draft only', {
    subject: name,
    hint: 'use --channel drafts/<name>, or commit and publish the commit',
  })
}
