/** From a commit to a release that lies ready: collect, pack and describe in one pass over the bytes. */
import { join } from 'node:path'
import { type CollectedFile, collectCommit, type Selection } from '../archive/collect.ts'
import type { Commit, Git } from '../archive/git.ts'
import { packArchive } from '../archive/pack.ts'
import { collectWorkingTree } from '../archive/working-tree.ts'
import { compareTrees, type FileChanges } from '../core/changes.ts'
import { type ArchiveRef, archiveKey, type DigestRef } from '../core/channel.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import {
  buildManifest,
  type Entry,
  LONGEST_MANIFEST,
  type Manifest,
  serializeManifest,
} from '../core/manifest.ts'
import { versionName } from '../core/version.ts'
import { sha256Hex } from '../trust/digest.ts'

export interface PackingOptions {
  readonly git: Git
  /** Goes into the manifest. */
  readonly name: string
  readonly selection: Selection
  /** Pack the working tree instead of the commit. */
  readonly workingTree: boolean
}

export interface DescribedRelease {
  readonly manifest: Manifest
  /** The exact bytes that are stored and signed for. */
  readonly bytes: Buffer
  readonly digest: DigestRef
}

export interface PackedRelease extends DescribedRelease {
  /** Path of the archive in the temporary directory. */
  readonly path: string
  readonly archive: ArchiveRef
}

/** Hashes without packing, to find out whether there is anything to do. */
export async function describeRelease(source: Commit, options: PackingOptions): Promise<DescribedRelease> {
  const entries: Entry[] = []
  for await (const { entry } of filesOf(source, options)) entries.push(entry)
  return describe(source, options, entries)
}

/** @param directory an empty temporary directory */
export async function packRelease(
  source: Commit,
  options: PackingOptions,
  directory: string,
): Promise<PackedRelease> {
  const path = join(directory, 'archive.tar.gz')
  const { entries, sha256, size } = await packArchive(
    filesOf(source, options),
    new Date(source.committedAt),
    path,
  )
  const integrity = `sha256-${Buffer.from(sha256, 'hex').toString('base64')}`
  return {
    ...describe(source, options, entries),
    path,
    archive: { path: archiveKey(sha256), integrity, size },
  }
}

/**
 * How a packed working tree differs from the commit that it is named after, file by file.
 * @returns undefined where that commit could not be published itself
 */
export async function sinceCommit(
  source: Commit,
  options: PackingOptions,
  { manifest }: DescribedRelease,
): Promise<FileChanges | undefined> {
  try {
    const committed = await describeRelease(source, { ...options, workingTree: false })
    return compareTrees(committed.manifest.files, manifest.files)
  } catch (error) {
    if (isError(error, 'refused')) return undefined
    throw error
  }
}

function filesOf(
  { hash }: Commit,
  { git, selection, workingTree }: PackingOptions,
): AsyncGenerator<CollectedFile> {
  return workingTree ? collectWorkingTree(git, selection) : collectCommit(git, hash, selection)
}

function describe(
  { hash, committedAt }: Commit,
  { name, workingTree }: PackingOptions,
  files: readonly Entry[],
): DescribedRelease {
  const parts = { name, source: { commit: hash, committedAt }, files }
  const committed = buildManifest({ ...parts, version: versionName(hash, committedAt) }, sha256Hex)
  const tree = committed.tree.slice('sha256:'.length)
  const manifest = workingTree ? { ...committed, version: versionName(hash, committedAt, tree) } : committed
  const bytes = Buffer.from(serializeManifest(manifest), 'utf8')
  if (bytes.length > LONGEST_MANIFEST) {
    throw new SkillsctlError('refused', 'the release has too many files', {
      expected: `a manifest of at most ${LONGEST_MANIFEST} bytes`,
      found: `${bytes.length} bytes for ${files.length} files`,
      hint: 'leave directories out with --exclude',
    })
  }
  return { manifest, bytes, digest: { sha256: sha256Hex(bytes), length: bytes.length } }
}
