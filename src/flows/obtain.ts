/**
 * From a release that signed metadata names to a complete tree in `staging/`: fetch, verify, unpack, sync.
 * Each step takes what the one before returned; "verified" is a type that only its verifier makes.
 */
import type { Channel, ReleaseEntry } from '../core/channel.ts'
import { checkRequirements, manifestKey } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import { type Manifest, parseManifest } from '../core/manifest.ts'
import { syncTree } from '../disk/sync.ts'
import type { Staged } from '../home/place.ts'
import type { StagingArea } from '../home/staging.ts'
import { fetchPromised } from '../store/promised.ts'
import type { ReadableStore } from '../store/store.ts'
import { sha256Hex } from '../trust/digest.ts'

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

export async function obtain(
  store: ReadableStore,
  wanted: Wanted,
  area: StagingArea,
  step: Steps,
): Promise<Staged> {
  checkRequirements(wanted.entry.requires ?? [], wanted.entry.release.version)
  const [manifest, archive] = await step('fetch', () =>
    together(fetchManifest(store, wanted), fetchArchive(store, wanted, area, step)),
  )
  await step('unpack', () => unpack(archive, manifest, area))
  await step('sync', () => sync(manifest, area))
  return { tree: area.tree, manifest: manifest.content, manifestBytes: manifest.bytes }
}

/** The manifest of a release: matched against its signed digest, then parsed. */
export async function fetchManifest(
  store: ReadableStore,
  { channel, entry }: Wanted,
): Promise<VerifiedManifest> {
  const { sha256, length } = entry.manifest
  const key = manifestKey(channel, sha256)
  const bytes = await fetchPromised(store, key, length)
  if (bytes.length !== length || sha256Hex(bytes) !== sha256) {
    throw new SkillsctlError('corrupt', 'the manifest differs from its signed digest', {
      subject: `${store.url} ${key}`,
      expected: `${length} bytes, sha256:${sha256}`,
      found: `${bytes.length} bytes, sha256:${sha256Hex(bytes)}`,
      hint: 'tell whoever publishes: the store holds other bytes than were signed',
    })
  }
  const content = parseManifest(bytes.toString('utf8'), sha256Hex)
  const { version, commit } = entry.release
  if (content.version !== version || content.source.commit !== commit) {
    throw new SkillsctlError('corrupt', 'the manifest belongs to another release', {
      subject: key,
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
  const files = content.files.filter(({ mode }) => mode !== 'link')
  await syncTree(
    area.tree,
    files.map(({ path }) => path),
  )
}

/** Both, or the first failure once both have ended: nobody may still write when the staging area goes. */
async function together<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return Promise.all([first, second])
}
