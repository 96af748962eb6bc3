/**
 * From a release that signed metadata names to a complete tree in `staging/`: fetch, verify, unpack, sync.
 * Each step takes what the one before returned; "verified" is a type that only its verifier makes.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import type { Catchup } from '../archive/catchup.ts'
import { patchManifest } from '../core/catchup.ts'
import type { Channel, DigestRef, ReleaseEntry } from '../core/channel.ts'
import { checkRequirements, manifestKey } from '../core/channel.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import { type Manifest, parseManifest } from '../core/manifest.ts'
import { object, parseJson } from '../core/parse.ts'
import { errnoOf } from '../disk/fault.ts'
import { syncParts } from '../disk/sync.ts'
import { type Layout, manifestPath } from '../home/layout.ts'
import { type Staged, syncRelease } from '../home/place.ts'
import type { StagingArea } from '../home/staging.ts'
import { dropStandby } from '../home/standby.ts'
import type { StatRecord } from '../home/stat-record.ts'
import { fetchPromised } from '../store/promised.ts'
import type { ReadableStore } from '../store/store.ts'
import { hexOf, sha256Hex } from '../trust/digest.ts'
import { type BaseCopy, inTurns } from './base-copy.ts'
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
  if (shortcut?.copy !== undefined) {
    const { copy, catchup } = shortcut
    const known = patchedManifest(layout, shortcut, wanted.entry)
    const patched = known && (await step('unpack', () => patch(catchup, copy, known, area)))
    if (known !== undefined && patched !== undefined) {
      await step('sync', () => patched.sync())
      return staged(known, area, patched.stamps)
    }
  }
  await area.clear()
  // It is a copy of what runs, and no bundle leads from there.
  await dropStandby(layout, area)
  const manifest = await fetchTree(store, wanted, area, step, () =>
    readManifest(store, layout, wanted, shortcut),
  )
  await step('sync', () => syncRelease(area.tree, manifest.content.files))
  return staged(manifest, area)
}

/** From the archive to a verified tree that is not synced yet. */
export async function fetchTree(
  store: ReadableStore,
  wanted: Wanted,
  area: StagingArea,
  step: Steps,
  manifestOf: () => Promise<VerifiedManifest> = () => fetchManifest(store, wanted),
): Promise<VerifiedManifest> {
  const laidOut = new Set<string>()
  const arrived = new AbortController()
  const [archive, manifest] = await step('fetch', () =>
    together(
      fetchArchive(store, wanted, area, step).finally(() => arrived.abort()),
      manifestOf().then((manifest) => layOutMeanwhile(manifest, area, laidOut, arrived.signal)),
    ),
  )
  await step('unpack', () => unpack(archive, manifest, area, laidOut))
  return manifest
}

/** What keeps a file from being made here keeps it from being unpacked, too, and is told then. */
async function layOutMeanwhile(
  manifest: VerifiedManifest,
  area: StagingArea,
  made: Set<string>,
  signal: AbortSignal,
): Promise<VerifiedManifest> {
  const { layOut } = await import('../archive/lay-out.ts')
  await inTurns(layOut(area.tree, manifest.content, made), signal).catch((error: unknown) => {
    if (errnoOf(error) === undefined) throw error
  })
  return manifest
}

function staged({ content, bytes }: VerifiedManifest, area: StagingArea, stamps?: StatRecord): Staged {
  return { tree: area.tree, manifest: content, manifestBytes: bytes, stamps }
}

/** Until the archive has been asked for. Milliseconds. */
const ASKING = 3

/** The manifest from the shortcut, read while the archive travels; or fetched beside it. */
async function readManifest(
  store: ReadableStore,
  layout: Layout,
  wanted: Wanted,
  shortcut: Shortcut | undefined,
): Promise<VerifiedManifest> {
  if (shortcut === undefined) return fetchManifest(store, wanted)
  await delay(ASKING)
  return patchedManifest(layout, shortcut, wanted.entry) ?? fetchManifest(store, wanted)
}

/** Loads the code that a first install needs, once what was asked has gone out. */
export async function loadUnpacking(): Promise<void> {
  await setImmediate()
  await Promise.all([import('../store/download.ts'), import('../archive/unpack.ts')])
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
    // Whatever keeps it from being read, there is another way to it.
    if (isError(error) || errnoOf(error) !== undefined) return undefined
    throw error
  }
}

interface PatchedTree {
  readonly sync: () => Promise<void>
  /** Stamps of the files that are as they were. */
  readonly stamps: StatRecord | undefined
}

/** Makes the tree of a copy of the installed one and a bundle; undefined when that cannot be done. */
async function patch(
  catchup: Catchup,
  { base, stamps }: BaseCopy,
  manifest: VerifiedManifest,
  area: StagingArea,
): Promise<PatchedTree | undefined> {
  const { patchTree } = await import('../archive/patch-tree.ts')
  const changed = patchTree(area.tree, manifest.content, catchup, base)
  if (changed === false) return undefined
  if (stamps === undefined) return { sync: () => syncRelease(area.tree, manifest.content.files), stamps }
  const { files, directories } = changed
  const kept = new Map(stamps)
  for (const path of files) kept.delete(path)
  return { sync: () => syncParts(area.tree, files, directories), stamps: kept }
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
  laidOut: ReadonlySet<string>,
): Promise<void> {
  const { unpackArchive } = await import('../archive/unpack.ts')
  await unpackArchive(archive.path, manifest.content, area.tree, laidOut)
}

/** Both, or the first failure once both have ended: nobody may still write when the staging area goes. */
export async function together<A, B>(first: A | Promise<A>, second: B | Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return Promise.all([first, second])
}
