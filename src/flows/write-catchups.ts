/** Writes the catch-up bundles of a new head, before anything points at it (SPEC.md, "Catch-up"). */
import { encodeCatchup } from '../archive/catchup.ts'
import { encodeDelta, encodeWhole } from '../archive/delta.ts'
import type { Git } from '../archive/git.ts'
import {
  CATCHUP_RELEASES,
  catchupKey,
  diffManifests,
  filesOf,
  type ManifestPatch,
  MOST_CATCHUP_CONTENT,
  type Piece,
} from '../core/catchup.ts'
import type { Channel, ChannelHead, ReleaseEntry } from '../core/channel.ts'
import { isError } from '../core/errors.ts'
import { type Entry, type FileEntry, parseEntry } from '../core/manifest.ts'
import { type Fields, object, parseJson } from '../core/parse.ts'
import { integrityOf } from '../trust/digest.ts'
import { metadataKey } from '../trust/metadata.ts'
import type { View } from '../trust/view.ts'
import type { WrittenFile } from '../trust/writer.ts'
import { fetchManifestBytes } from './obtain.ts'
import type { PublisherContext } from './publisher.ts'

const MOST_ATTEMPTS = 2

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

const WITHOUT_CLONE = {
  flow: 'publish',
  step: 'catch up',
  status: 'warning',
  message: 'no clone of the source here, so machines fetch this release whole: run this in one',
} as const

interface Described {
  readonly entry: ReleaseEntry
  /** The manifest as parsed JSON, with fields that we do not know: of thousands of files only a few are looked at. */
  readonly fields: Fields
}

/**
 * A store that does not take them is worth a word, and keeps nobody from publishing: machines fetch everything then.
 * @param files what the writer has just written, by role
 * @param attempt a publisher that keeps losing the race goes without: writing bundles takes time
 */
export async function writeCatchups(
  context: PublisherContext,
  move: Move,
  files: ReadonlyMap<string, WrittenFile>,
  attempt = 1,
): Promise<void> {
  if (attempt > MOST_ATTEMPTS) return
  if (attempt === 1 && move.git === undefined && move.former !== undefined) context.emit(WITHOUT_CLONE)
  try {
    await writeAll(context, move, files)
  } catch (error) {
    if (!isError(error)) throw error
    const message = `no catch-up bundles were written: ${error.message} (${error.subject ?? context.store.url})`
    context.emit({ flow: 'publish', step: 'catch up', status: 'warning', message })
  }
}

async function writeAll(
  { store }: PublisherContext,
  { view, channel, former, entry, bytes, git }: Move,
  files: ReadonlyMap<string, WrittenFile>,
): Promise<void> {
  const role = files.get(channel.role)
  if (role === undefined) return
  const next = { entry, fields: fieldsOf(bytes) }
  const past = former === undefined ? [] : [former.entry, ...former.history]
  const known = await Promise.all(distinct(past, entry).map((each) => describe(store, channel, each)))
  const steps = known.filter((from) => from !== undefined).map((from) => stepBetween(from, next))
  const contents = git && (await readVerified(git, steps.flatMap(contentsOf)))
  const texts = metadataTexts(view, files)
  const put = async (bundle: Buffer | undefined, from?: ReleaseEntry): Promise<void> => {
    const key = catchupKey(channel, role.version, from?.manifest.sha256)
    if (bundle !== undefined) await store.put(key, bundle, { absent: true })
  }
  await Promise.all([
    put(encodeFirst(texts, next)),
    ...steps.map((step) => put(encodeStep(texts, step, contents), step.from.entry)),
  ])
}

/** The newest releases before the new head, each at the place where it was last the head. */
function distinct(past: readonly ReleaseEntry[], { manifest }: ReleaseEntry): ReleaseEntry[] {
  const seen = new Set([manifest.sha256])
  const isNew = ({ manifest: { sha256 } }: ReleaseEntry): boolean =>
    !seen.has(sha256) && seen.add(sha256) === seen
  return past.filter(isNew).slice(0, CATCHUP_RELEASES)
}

/** A manifest that the store has lost makes no bundle, and no failure. */
async function describe(
  store: PublisherContext['store'],
  channel: Channel,
  entry: ReleaseEntry,
): Promise<Described | undefined> {
  try {
    return { entry, fields: fieldsOf(await fetchManifestBytes(store, { channel, entry })) }
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

/** For a machine that has nothing: the archive follows. */
function encodeFirst(texts: ReadonlyMap<string, string>, { fields }: Described): Buffer | undefined {
  return encodeCatchup({ metadata: texts, manifest: diffManifests(undefined, fields), files: undefined }, [])
}

function encodeStep(
  texts: ReadonlyMap<string, string>,
  { patch, changed }: Step,
  contents: Contents | undefined,
): Buffer | undefined {
  const files = contents && changed && encodeFiles(changed, contents)
  // A machine that has something has the targets, too; they change when keys do.
  const index = { metadata: withoutTargets(texts), manifest: patch, files: files?.pieces }
  return encodeCatchup(index, files?.bodies ?? [])
}

function withoutTargets(metadata: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...metadata].filter(([key]) => !/^metadata\/\d+\.targets\.json$/.test(key)))
}

/** What a machine that runs `from` needs for the new head. */
interface Step {
  readonly from: Described
  readonly next: Described
  readonly patch: ManifestPatch
  /** Each with the old copy that it resembles; undefined when it is too much. */
  readonly changed: readonly { readonly entry: FileEntry; readonly old: FileEntry | undefined }[] | undefined
}

function stepBetween(from: Described, next: Described): Step {
  const patch = diffManifests(from.fields, next.fields)
  const wanted = patch.changed.map(parseEntry).filter(isFile)
  if (wanted.reduce((sum, { size }) => sum + size, 0) > MOST_CATCHUP_CONTENT)
    return { from, next, patch, changed: undefined }
  const oldOf = resembling(from, patch)
  return { from, next, patch, changed: wanted.map((entry) => ({ entry, old: oldOf(entry) })) }
}

interface Named {
  readonly commit: string
  readonly entry: FileEntry
}

function contentsOf({ from, next, changed = [] }: Step): Named[] {
  return changed.flatMap(({ entry, old }) => [
    { commit: next.entry.release.commit, entry },
    ...(old === undefined ? [] : [{ commit: from.entry.release.commit, entry: old }]),
  ])
}

/** By integrity. */
type Contents = ReadonlyMap<string, Buffer>

/** Undefined when git lacks something of it. */
function encodeFiles(
  changed: NonNullable<Step['changed']>,
  contents: Contents,
): { pieces: readonly Piece[]; bodies: readonly Buffer[] } | undefined {
  const pieces: Piece[] = []
  const bodies: Buffer[] = []
  for (const { entry, old } of changed) {
    const content = contents.get(entry.integrity)
    if (content === undefined) return undefined
    const before = old && contents.get(old.integrity)
    const { body, ...taken } =
      old === undefined || before === undefined
        ? { body: encodeWhole(content) }
        : against(old, before, content)
    pieces.push({ path: entry.path, length: body.length, ...taken })
    bodies.push(body)
  }
  return { pieces, bodies }
}

function against(
  { path }: FileEntry,
  before: Buffer,
  content: Buffer,
): Pick<Piece, 'old'> & { body: Buffer } {
  const { body, head, tail } = encodeDelta(before, content)
  return { body, old: { path, head, tail } }
}

/**
 * The old copy that a changed file is compared with: of the same name, else one of the same content that goes, which was
 * renamed. Together they are held in memory, so there is a limit.
 */
function resembling(
  { fields }: Described,
  { removed }: ManifestPatch,
): (entry: FileEntry) => FileEntry | undefined {
  const files = new Map(filesOf(fields).map((entry) => [entry['path'], entry]))
  const gone = new Map(removed.map((path) => [files.get(path)?.['integrity'], files.get(path)]))
  let room = MOST_CATCHUP_CONTENT
  return ({ path, integrity }) => {
    const candidate = files.get(path) ?? gone.get(integrity)
    const old = candidate && parseEntry(candidate)
    if (old === undefined || !isFile(old) || old.size > room) return undefined
    room -= old.size
    return old
  }
}

function isFile(entry: Entry): entry is FileEntry {
  return entry.mode !== 'link'
}

/** Whatever git answers counts only if it is what the manifest says; a clone that fails has nothing. */
async function readVerified(git: Git, files: readonly Named[]): Promise<Contents> {
  const named = new Map(files.map(({ commit, entry }) => [`${commit}:${entry.path}`, entry]))
  const found = new Map<string, Buffer>()
  const contents = await git.contents(named.keys()).catch(nothingFrom)
  for (const [name, content] of contents) {
    const entry = named.get(name)
    if (entry?.integrity === integrityOf(content)) found.set(entry.integrity, content)
  }
  return found
}

function nothingFrom(error: unknown): Map<string, Buffer> {
  if (isError(error)) return new Map()
  throw error
}
