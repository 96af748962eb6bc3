/** `skillsctl publish`: collect → pack → describe → upload → sign → point (DESIGN §5). */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CollectedFile, collectCommit, collectWorkingTree, type Selection } from '../archive/collect.ts'
import type { Commit, Git } from '../archive/git.ts'
import {
  type Changes,
  removalLimit,
  shortenChanges,
  topLevelSkills,
  vanishedSkills,
} from '../core/changes.ts'
import {
  type ArchiveRef,
  archiveKey,
  type Channel,
  type ChannelHead,
  isDraft,
  manifestKey,
  type ReleaseEntry,
} from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import {
  buildManifest,
  type Entry,
  LONGEST_MANIFEST,
  type Manifest,
  serializeManifest,
} from '../core/manifest.ts'
import { formatInstant } from '../core/parse.ts'
import { versionName } from '../core/version.ts'
import { sha256Hex } from '../trust/digest.ts'
import { commit as commitChange, readRepository, type View } from '../trust/writer.ts'
import { channelHistory } from './channel-history.ts'
import {
  changesBetween,
  exists,
  GRACE,
  headManifest,
  moveHead,
  type PublisherContext,
  putContent,
  repositoryName,
} from './publisher.ts'

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
}

export interface PublishReport {
  /** `superseded`: the channel is ahead of this commit already; nothing was written. */
  readonly outcome: 'published' | 'unchanged' | 'superseded' | 'planned'
  readonly channel: string
  readonly version: string
  readonly commit: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest?: string
  readonly previous?: string | undefined
  readonly changes?: Changes
  readonly files?: number
  /** Bytes of the archive, and whether the store had it already. */
  readonly archive?: { readonly size: number; readonly reused: boolean }
}

/**
 * Makes a commit the head of a channel. All or nothing, and safe to repeat.
 * @throws SkillsctlError `refused` for a diverged or unknown history, forbidden names or too many removals;
 *   `raced`, and what reading and writing throw
 */
export async function publish(context: PublisherContext, options: PublishOptions): Promise<PublishReport> {
  const step = steps('publish', context.emit, context.stopwatch)
  const { channel, git } = options
  if (options.workingTree === true && !isDraft(channel)) throw onlyDrafts(channel)
  const source = await step('collect', () => git.commit(options.revision))
  const { view } = await readRepository(context)
  const head = await view.head(channel)
  const place = await position(context, options, source, head)
  const report = {
    channel: channel.name,
    version: versionName(source.hash, source.committedAt),
    commit: source.hash,
  }
  if (place === 'superseded')
    return { ...report, outcome: 'superseded', previous: head?.entry.release.version }

  const work = await mkdtemp(join(tmpdir(), 'skillsctl-publish-'))
  try {
    if (place === 'same' && options.workingTree !== true) {
      const { manifest, bytes } = await step('describe', () =>
        describe(view, options, source, entriesOf(files(options, source))),
      )
      if (sha256Hex(bytes) === head?.entry.manifest.sha256)
        return { ...report, ...described(manifest, bytes), outcome: 'unchanged' }
    }
    const path = join(work, 'archive.tar.gz')
    const packed = await step('pack', () => pack(options, source, path))
    const { manifest, bytes } = await step('describe', () => describe(view, options, source, packed.entries))
    const before = await headManifest(context.store, channel, head)
    const renames = head === undefined ? [] : await git.renames(head.entry.release.commit, source.hash)
    const changes = changesBetween(before, manifest, renames)
    refuseRemovals(changes, before, options)
    const done = { ...report, ...described(manifest, bytes), previous: head?.entry.release.version, changes }
    if (sha256Hex(bytes) === head?.entry.manifest.sha256) return { ...done, outcome: 'unchanged' }
    const known = await findKnown(context, head, sha256Hex(bytes))
    const archive = known?.archive ?? archiveRef(packed)
    if (options.dryRun === true)
      return { ...done, outcome: 'planned', archive: { size: archive.size, reused: known !== undefined } }
    const upload = (): Promise<'new' | 'known'> =>
      step('upload', () => put(context, channel, bytes, known ? undefined : path, archive))
    const first = await upload()
    const entry = (): ReleaseEntry => ({
      release: {
        version: manifest.version,
        commit: source.hash,
        committedAt: source.committedAt,
        publishedAt: formatInstant(context.clock()),
      },
      archive,
      changes: shortenChanges(changes),
      manifest: { sha256: sha256Hex(bytes), length: bytes.length },
    })
    const outcome = await step('point', () => point(context, options, source, entry, upload))
    return {
      ...done,
      outcome,
      archive: { size: archive.size, reused: known !== undefined || first === 'known' },
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

function described(manifest: Manifest, bytes: Buffer) {
  return { version: manifest.version, manifest: sha256Hex(bytes), files: manifest.files.length }
}

function files(
  { git, selection, workingTree }: PublishOptions,
  source: Commit,
): AsyncGenerator<CollectedFile> {
  return workingTree === true
    ? collectWorkingTree(git, selection)
    : collectCommit(git, source.hash, selection)
}

async function entriesOf(collected: AsyncIterable<CollectedFile>): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const { entry } of collected) entries.push(entry)
  return entries
}

async function pack(options: PublishOptions, source: Commit, path: string) {
  const { packArchive } = await import('../archive/pack.ts')
  return packArchive(files(options, source), new Date(source.committedAt), path)
}

/** The manifest and its exact bytes. @throws SkillsctlError `refused` when a name may not be in a release */
async function describe(
  view: View,
  { workingTree }: PublishOptions,
  { hash, committedAt }: Commit,
  collected: readonly Entry[] | Promise<readonly Entry[]>,
): Promise<{ manifest: Manifest; bytes: Buffer }> {
  const parts = { name: repositoryName(view), source: { commit: hash, committedAt }, files: await collected }
  const committed = buildManifest({ ...parts, version: versionName(hash, committedAt) }, sha256Hex)
  const draft =
    workingTree === true ? versionName(hash, committedAt, committed.tree.slice('sha256:'.length)) : undefined
  const manifest = draft === undefined ? committed : { ...committed, version: draft }
  const bytes = Buffer.from(serializeManifest(manifest), 'utf8')
  if (bytes.length <= LONGEST_MANIFEST) return { manifest, bytes }
  throw new SkillsctlError('refused', 'the release has too many files', {
    expected: `a manifest of at most ${LONGEST_MANIFEST} bytes`,
    found: `${bytes.length} bytes for ${manifest.files.length} files`,
    hint: 'leave directories out with --exclude',
  })
}

/** Where a commit stands relative to the head. @throws SkillsctlError `refused` */
async function position(
  { store }: PublisherContext,
  { git, channel, allowOlder }: PublishOptions,
  source: Commit,
  head: ChannelHead | undefined,
): Promise<'ahead' | 'same' | 'superseded'> {
  if (head === undefined) return 'ahead'
  const { commit, version } = head.entry.release
  if (commit === source.hash) return 'same'
  if (isDraft(channel) || allowOlder === true) return 'ahead'
  const relation = await git.relation(source.hash, commit)
  if (relation === 'ancestor') return 'superseded'
  if (relation === 'descendant')
    return (await wasPublished(store, channel, head, source)) ? 'superseded' : 'ahead'
  const unknown = relation === 'unknown'
  throw new SkillsctlError(
    'refused',
    unknown
      ? 'this clone cannot tell whether the commit is newer'
      : 'the commit is not a descendant of what is published',
    {
      subject: source.hash,
      expected: `a descendant of ${commit} (${version} on ${channel.name})`,
      hint: unknown
        ? 'fetch the whole history (git fetch --unshallow; in GitHub Actions: fetch-depth: 0), or use --allow-older'
        : 'publish from the branch that was published before; if history was rewritten on purpose: --allow-older',
    },
  )
}

/** Whether the channel had this commit before. Entries published before the commit existed cannot be it. */
async function wasPublished(
  store: PublisherContext['store'],
  channel: Channel,
  head: ChannelHead,
  source: Commit,
): Promise<boolean> {
  for await (const { release } of channelHistory(store, channel, head)) {
    if (release.commit === source.hash) return true
    if (release.publishedAt < source.committedAt) return false
  }
  return false
}

/** The same release in the channel's recent history: its archive is used again, unless it was collected. */
async function findKnown(
  { store }: PublisherContext,
  head: ChannelHead | undefined,
  manifest: string,
): Promise<ReleaseEntry | undefined> {
  const entry = head?.history.find((earlier) => earlier.manifest.sha256 === manifest)
  return entry !== undefined && (await exists(store, entry.archive.path)) ? entry : undefined
}

function archiveRef({ sha256, size }: { sha256: string; size: number }): ArchiveRef {
  const integrity = `sha256-${Buffer.from(sha256, 'hex').toString('base64')}`
  return { path: archiveKey(sha256), integrity, size }
}

async function put(
  { store }: PublisherContext,
  channel: Channel,
  manifest: Buffer,
  archivePath: string | undefined,
  archive: ArchiveRef,
): Promise<'new' | 'known'> {
  const stored =
    archivePath === undefined ? 'known' : await putContent(store, archive.path, await readFile(archivePath))
  await putContent(store, manifestKey(channel, sha256Hex(manifest)), manifest)
  return stored
}

/** Signs and points; decides anew each time somebody else was faster. */
async function point(
  context: PublisherContext,
  options: PublishOptions,
  source: Commit,
  entry: () => ReleaseEntry,
  upload: () => Promise<unknown>,
): Promise<'published' | 'unchanged' | 'superseded'> {
  const { channel } = options
  let uploadedAt = context.clock()
  let outcome: 'published' | 'unchanged' | 'superseded' = 'published'
  await commitChange(context, async (view) => {
    const head = await view.head(channel)
    const place = await position(context, options, source, head)
    const next = entry()
    outcome =
      place === 'superseded'
        ? place
        : head?.entry.manifest.sha256 === next.manifest.sha256
          ? 'unchanged'
          : 'published'
    if (outcome !== 'published') return undefined
    if (context.clock() - uploadedAt > GRACE / 2) {
      // What nobody points at for that long may be collected at any moment.
      uploadedAt = context.clock()
      await upload()
    }
    return { edits: [{ role: channel.role, signed: await moveHead(context, view, channel, next) }] }
  })
  return outcome
}

function refuseRemovals(
  changes: Changes,
  before: Manifest | undefined,
  { allowRemovals, channel }: PublishOptions,
): void {
  if (before === undefined || allowRemovals === true || isDraft(channel)) return
  const gone = vanishedSkills(changes, before.files)
  const limit = removalLimit(topLevelSkills(before.files).length)
  if (gone.length <= limit) return
  throw new SkillsctlError('refused', `${gone.length} skills would disappear`, {
    expected: `at most ${limit} at once`,
    found: gone.join(', '),
    hint: 'if it is meant: --allow-removals',
  })
}

function onlyDrafts({ name }: Channel): SkillsctlError {
  return new SkillsctlError('usage', 'a working tree is published to a draft only', {
    subject: name,
    hint: 'use --channel drafts/<name>, or commit and publish the commit',
  })
}
