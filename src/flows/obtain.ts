/**
 * From a release that signed metadata names to a complete tree in `staging/`: fetch, verify, unpack, sync.
 * Each step takes what the one before returned; "verified" is a type that only its verifier makes.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { patchManifest } from '../core/catchup.ts'
import type { Channel, DigestRef, ReleaseEntry } from '../core/channel.ts'
import { checkRequirements, manifestKey } from '../core/channel.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import { type Manifest, parseManifest } from '../core/manifest.ts'
import { object, parseJson } from '../core/parse.ts'
import { errnoOf } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import { type Layout, manifestPath } from '../home/layout.ts'
import type { Staged } from '../home/place.ts'
import { readInstalled } from '../home/releases.ts'
import type { StagingArea } from '../home/staging.ts'
import { readRecord, stampOf } from '../home/stat-record.ts'
import { fetchPromised } from '../store/promised.ts'
import type { ReadableStore } from '../store/store.ts'
import { hexOf, sha256Hex } from '../trust/digest.ts'
import type { Shortcut } from './catch-up.ts'

declare const verified: unique symbol

interface VerifiedManifest {
  readonly [verified]: 'manifest'
  readonly content: Manifest
  readonly bytes: Buffer
}

interface VerifiedArchive {
  readonly [verified]: 'archive'
  readonly path: string
}

export interface Wanted {
  readonly channel: Channel
  readonly entry: ReleaseEntry
}

/** @param shortcut spares what it can; whatever is wrong with it, the release is fetched */
export async function obtain(
  store: ReadableStore,
  layout: Layout,
  wanted: Wanted,
  area: StagingArea,
  step: Steps,
  shortcut?: Shortcut,
): Promise<Staged> {
  checkRequirements(wanted.entry.requires ?? [], wanted.entry.release.version)
  const patched = shortcut && patchedManifest(layout, shortcut, wanted.entry)
  const assembled = patched && (await step('unpack', () => assemble(layout, shortcut, patched, area)))
  const manifest = assembled ? patched : await fetchAndUnpack(store, wanted, area, step, patched)
  await step('sync', () => sync(manifest, area))
  return { tree: area.tree, manifest: manifest.content, manifestBytes: manifest.bytes }
}

async function fetchAndUnpack(
  store: ReadableStore,
  wanted: Wanted,
  area: StagingArea,
  step: Steps,
  known: VerifiedManifest | undefined,
): Promise<VerifiedManifest> {
  const [manifest, archive] = await step('fetch', () =>
    together(known ?? fetchManifest(store, wanted), fetchArchive(store, wanted, area, step)),
  )
  await step('unpack', () => unpack(archive, manifest, area))
  return manifest
}

/** The signed manifest, made of the one on disk and the patch of a bundle; undefined when it is not the signed one. */
function patchedManifest(
  layout: Layout,
  { catchup, base }: Shortcut,
  entry: ReleaseEntry,
): VerifiedManifest | undefined {
  try {
    const path = base && manifestPath(layout, base.directory)
    const before = path === undefined ? undefined : object(parseJson(readFileSync(path, 'utf8'), path), path)
    return verifyManifest(Buffer.from(patchManifest(before, catchup.manifest), 'utf8'), entry, 'catch-up')
  } catch (error) {
    if (isError(error) || errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Makes the tree of the one that is installed and a bundle. @returns false when that cannot be done */
async function assemble(
  layout: Layout,
  { catchup, base }: Shortcut,
  manifest: VerifiedManifest,
  area: StagingArea,
): Promise<boolean> {
  const installed = base && readInstalled(layout, base.directory)
  if (installed === undefined || catchup.files === undefined) return false
  const { assembleTree } = await import('../archive/assemble.ts')
  const directory = join(layout.releases, installed.directory)
  const record = readRecord(layout, installed.directory)
  const isUntouched = (path: string): boolean => stampOf(join(directory, path)) === record.get(path)
  const old = { directory, manifest: installed.content, isUntouched }
  if (assembleTree(area.tree, manifest.content, catchup, old)) return true
  await area.clear()
  return false
}

/** The manifest of a release: matched against its signed digest, then parsed. */
export async function fetchManifest(
  store: ReadableStore,
  { channel, entry }: Wanted,
): Promise<VerifiedManifest> {
  const key = manifestKey(channel, entry.manifest.sha256)
  return verifyManifest(await fetchManifestBytes(store, { channel, entry }), entry, `${store.url} ${key}`)
}

/** The same bytes, unread. */
export async function fetchManifestBytes(
  store: ReadableStore,
  { channel, entry: { manifest } }: Wanted,
): Promise<Buffer> {
  const key = manifestKey(channel, manifest.sha256)
  const bytes = await fetchPromised(store, key, manifest.length)
  checkDigest(bytes, manifest, `${store.url} ${key}`)
  return bytes
}

function checkDigest(bytes: Buffer, { sha256, length }: DigestRef, subject: string): void {
  if (bytes.length !== length || sha256Hex(bytes) !== sha256) {
    throw new SkillsctlError('corrupt', 'the manifest differs from its signed digest', {
      subject,
      expected: `${length} bytes, sha256:${sha256}`,
      found: `${bytes.length} bytes, sha256:${sha256Hex(bytes)}`,
      hint: 'tell whoever publishes: the store holds other bytes than were signed',
    })
  }
}

function verifyManifest(bytes: Buffer, entry: ReleaseEntry, subject: string): VerifiedManifest {
  checkDigest(bytes, entry.manifest, subject)
  const content = parseManifest(bytes.toString('utf8'), sha256Hex, hexOf)
  const { version, commit } = entry.release
  if (content.version !== version || content.source.commit !== commit) {
    throw new SkillsctlError('corrupt', 'the manifest belongs to another release', {
      subject,
      expected: `${version} (${commit})`,
      found: `${content.version} (${content.source.commit})`,
    })
  }
  return { content, bytes } as VerifiedManifest
}

/** Downloads the archive; nothing reads it before all of it matched its signed digest. */
async function fetchArchive(
  store: ReadableStore,
  { entry }: Wanted,
  area: StagingArea,
  step: Steps,
): Promise<VerifiedArchive> {
  const { path: key, integrity, size } = entry.archive
  const path = await area.archive(sha256OfKey(key))
  const { download } = await import('../store/download.ts')
  await download(store, { key, integrity, size }, path, (bytes) => step.progress('fetch', bytes, size))
  return { path } as VerifiedArchive
}

function sha256OfKey(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1).replace('.tar.gz', '')
}

async function unpack(
  archive: VerifiedArchive,
  manifest: VerifiedManifest,
  area: StagingArea,
): Promise<void> {
  const { unpackArchive } = await import('../archive/unpack.ts')
  await unpackArchive(archive.path, manifest.content, area.tree)
}

async function sync({ content }: VerifiedManifest, area: StagingArea): Promise<void> {
  const paths = (links: boolean): string[] =>
    content.files.filter(({ mode }) => (mode === 'link') === links).map(({ path }) => path)
  await syncTree(area.tree, paths(false), paths(true))
}

/** Both, or the first failure once both have ended: nobody may still write when the staging area goes. */
export async function together<A, B>(first: A | Promise<A>, second: B | Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return Promise.all([first, second])
}
