/** Writes the catch-up bundles of a new head, before anything points at it (SPEC.md, "Catch-up"). */
import { encodeCatchup } from '../archive/catchup.ts'
import { encodeDelta, encodeWhole } from '../archive/delta.ts'
import type { Git } from '../archive/git.ts'
import {
  CATCHUP_RELEASES,
  catchupKey,
  diffManifests,
  LONGEST_CATCHUP,
  type ManifestPatch,
  MOST_CATCHUP_CONTENT,
  type Piece,
} from '../core/catchup.ts'
import { compareTrees } from '../core/changes.ts'
import type { Channel, ChannelHead, ReleaseEntry } from '../core/channel.ts'
import { isError } from '../core/errors.ts'
import { type FileEntry, type Manifest, parseManifest } from '../core/manifest.ts'
import { type Fields, object, parseJson } from '../core/parse.ts'
import { hexOf, integrityOf, sha256Hex } from '../trust/digest.ts'
import { metadataKey } from '../trust/metadata.ts'
import type { View } from '../trust/view.ts'
import type { WrittenFile } from '../trust/writer.ts'
import { fetchManifest } from './obtain.ts'
import type { PublisherContext } from './publisher.ts'

/** The release that becomes the head, and how it comes about. */
export interface Move {
  readonly view: View
  readonly channel: Channel
  readonly former: ChannelHead | undefined
  readonly entry: ReleaseEntry
  /** Its manifest. */
  readonly bytes: Buffer
  /** Where contents of both releases may be found; without it bundles hold no files. */
  readonly git: Git | undefined
}

interface Described {
  readonly entry: ReleaseEntry
  readonly manifest: Manifest
  /** The manifest as parsed JSON, with fields that we do not know. */
  readonly fields: Fields
}

/** @param files what the writer has just written, by role */
export async function writeCatchups(
  { store }: PublisherContext,
  { view, channel, former, entry, bytes, git }: Move,
  files: ReadonlyMap<string, WrittenFile>,
): Promise<void> {
  const role = files.get(channel.role)
  if (role === undefined) return
  const next = {
    entry,
    manifest: parseManifest(bytes.toString('utf8'), sha256Hex, hexOf),
    fields: fieldsOf(bytes),
  }
  const metadata = metadataTexts(view, files)
  const put = async (from: Described | undefined): Promise<void> => {
    const bundle = await encode(metadata, from, next, git)
    if (bundle === undefined || bundle.length > LONGEST_CATCHUP) return
    await store.put(catchupKey(channel, role.version, from?.entry.manifest.sha256), bundle, { absent: true })
  }
  const past = former === undefined ? [] : [former.entry, ...former.history]
  const known = await Promise.all(distinct(past, entry).map((each) => describe(store, channel, each)))
  await Promise.all([put(undefined), ...known.filter((from) => from !== undefined).map(put)])
}

/** The newest releases before the new head, each once. */
function distinct(past: readonly ReleaseEntry[], { manifest }: ReleaseEntry): ReleaseEntry[] {
  const byDigest = new Map(past.toReversed().map((entry) => [entry.manifest.sha256, entry]))
  byDigest.delete(manifest.sha256)
  return [...byDigest.values()].toReversed().slice(0, CATCHUP_RELEASES)
}

/** A manifest that the store has lost makes no bundle, and no failure. */
async function describe(
  store: PublisherContext['store'],
  channel: Channel,
  entry: ReleaseEntry,
): Promise<Described | undefined> {
  try {
    const { content, bytes } = await fetchManifest(store, { channel, entry })
    return { entry, manifest: content, fields: fieldsOf(bytes) }
  } catch (error) {
    if (isError(error, 'missing') || isError(error, 'corrupt')) return undefined
    throw error
  }
}

function fieldsOf(manifest: Buffer): Fields {
  return object(parseJson(manifest.toString('utf8'), 'manifest'), 'manifest')
}

/** Everything that a machine walks through, by key. */
function metadataTexts(
  { targets, targetsBytes }: View,
  files: ReadonlyMap<string, WrittenFile>,
): Map<string, string> {
  const all = new Map([['targets', { version: targets.version, bytes: targetsBytes }], ...files])
  return new Map(
    [...all].map(([role, { version, bytes }]) => [metadataKey(role, version), bytes.toString('utf8')]),
  )
}

async function encode(
  metadata: ReadonlyMap<string, string>,
  from: Described | undefined,
  next: Described,
  git: Git | undefined,
): Promise<Buffer | undefined> {
  const manifest = diffManifests(from?.fields, next.fields)
  const contents = from && git && (await changedContents(git, from, next, manifest))
  // A machine that has something has the targets, too; they change when keys do.
  const index = { metadata: from === undefined ? metadata : withoutTargets(metadata), manifest }
  if (contents === undefined) return encodeCatchup({ ...index, files: undefined }, [])
  return encodeCatchup({ ...index, files: contents.pieces }, contents.bodies)
}

function withoutTargets(metadata: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...metadata].filter(([key]) => !/^metadata\/\d+\.targets\.json$/.test(key)))
}

interface Contents {
  readonly pieces: readonly Piece[]
  readonly bodies: readonly Buffer[]
}

/** Undefined when it is too much, or when git lacks something of it. */
async function changedContents(
  git: Git,
  from: Described,
  next: Described,
  { changed }: ManifestPatch,
): Promise<Contents | undefined> {
  const paths = new Set(changed.map(({ path }) => path))
  const wanted = next.manifest.files.filter(
    (entry): entry is FileEntry => entry.mode !== 'link' && paths.has(entry.path),
  )
  if (wanted.reduce((sum, { size }) => sum + size, 0) > MOST_CATCHUP_CONTENT) return undefined
  const resembling = new Map(
    compareTrees(from.manifest.files, next.manifest.files).renamed.map(([old, now]) => [now, old]),
  )
  const oldFiles = new Map(from.manifest.files.map((entry) => [entry.path, entry]))
  const pairs = wanted.map((entry) => ({
    entry,
    old: oldFiles.get(resembling.get(entry.path) ?? entry.path),
  }))
  const read = await readVerified(git, [
    ...pairs.map(({ entry }) => ({ commit: next.entry.release.commit, entry })),
    ...pairs.flatMap(({ old }) =>
      isFile(old) && old.size <= MOST_CATCHUP_CONTENT
        ? [{ commit: from.entry.release.commit, entry: old }]
        : [],
    ),
  ])
  const pieces: Piece[] = []
  const bodies: Buffer[] = []
  for (const { entry, old } of pairs) {
    const content = read.get(entry.integrity)
    if (content === undefined) return undefined
    const before = isFile(old) && old.size <= MOST_CATCHUP_CONTENT ? read.get(old.integrity) : undefined
    if (isFile(old) && before !== undefined) {
      const { head, tail, body } = encodeDelta(before, content)
      pieces.push({ path: entry.path, length: body.length, old: { path: old.path, head, tail } })
      bodies.push(body)
    } else {
      const body = encodeWhole(content)
      pieces.push({ path: entry.path, length: body.length })
      bodies.push(body)
    }
  }
  return { pieces, bodies }
}

function isFile(entry: Manifest['files'][number] | undefined): entry is FileEntry {
  return entry !== undefined && entry.mode !== 'link'
}

/** By integrity. Whatever git answers counts only if it is what the manifest says. */
async function readVerified(
  git: Git,
  files: readonly { readonly commit: string; readonly entry: FileEntry }[],
): Promise<Map<string, Buffer>> {
  const named = new Map(files.map(({ commit, entry }) => [`${commit}:${entry.path}`, entry]))
  const found = new Map<string, Buffer>()
  for (const [name, content] of await git.contents(named.keys())) {
    const entry = named.get(name)
    if (entry?.integrity === integrityOf(content)) found.set(entry.integrity, content)
  }
  return found
}
