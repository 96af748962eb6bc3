/**
 * `skillsctl gc`: removes what nothing points at (SPEC.md, "Garbage collection"). Never anything reachable, also
 * while somebody publishes: what is young stays, and a publisher makes young whatever it is about to point at.
 */
import { randomBytes } from 'node:crypto'
import { compareBytes } from '../core/canonical.ts'
import { catchupPrefix } from '../core/catchup.ts'
import { type Channel, historyKey, manifestKey, type ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Store, StoredObject } from '../store/store.ts'
import { APPROVAL_LIFE } from '../trust/approval.ts'
import { metadataKey } from '../trust/metadata.ts'
import { type Reading, readRepository, type View } from '../trust/view.ts'
import { readPage } from './channel-history.ts'
import { allHeads, GRACE, KEEP_FOR, type PublisherContext } from './publisher.ts'

/** These stay whatever their age. */
const KEEP_RELEASES = 100
const SWEPT = ['metadata/', 'targets/', 'blobs/', 'history/', 'approvals/', 'catchup/', 'probe/']
const AT_ONCE = 8
const MOST_TRIES = 10

export interface GcReport {
  readonly removed: readonly StoredObject[]
  /** Bytes. */
  readonly freed: number
  /** Objects that stay. */
  readonly kept: number
}

/** @param dryRun tell what would go, and remove nothing */
export async function collectGarbage(
  context: PublisherContext,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<GcReport> {
  const { store, clock } = context
  const objects: StoredObject[] = []
  for (const prefix of SWEPT) for await (const object of store.list(prefix)) objects.push(object)
  const now = dryRun ? clock() : Math.min(clock(), await timeOf(store))
  // Read after the listing: whatever was committed before it is reachable from here.
  const reachable = dryRun
    ? await reachableKeys(context, await readRepository(context), now)
    : await reachableInForce(context, now)
  const superseded = supersessions([...objects, ...writtenSince(objects, reachable, now)])
  const garbage = objects.filter(
    ({ key, modified }) =>
      !isKept(key, reachable) && now - Math.max(modified, superseded.get(key) ?? 0) > graceOf(key),
  )
  const removed: StoredObject[] = []
  for (let start = 0; !dryRun && start < garbage.length; start += AT_ONCE) {
    const batch = garbage.slice(start, start + AT_ONCE)
    const gone = await Promise.all(batch.map((object) => removeIfUntouched(store, object)))
    removed.push(...batch.filter((_, index) => gone[index]))
  }
  const report = dryRun ? garbage : removed
  return {
    removed: report,
    freed: report.reduce((sum, { size }) => sum + size, 0),
    kept: objects.length - report.length,
  }
}

/** The store's own clock, by which the age of its objects counts: ours may be ahead. */
async function timeOf(store: Store): Promise<number> {
  const key = `probe/${randomBytes(8).toString('hex')}`
  await store.touch(key, Buffer.from('time'))
  const { modified = 0 } = (await store.stat(key)) ?? {}
  await store.remove(key)
  return modified
}

/** Approvals wait for other people, everything else for a publisher that is at work. */
function graceOf(key: string): number {
  return key.startsWith('approvals/') ? APPROVAL_LIFE + GRACE : GRACE
}

/** What is in force and was not there yet when the store was listed. */
function writtenSince(
  objects: readonly StoredObject[],
  reachable: ReadonlySet<string>,
  now: number,
): StoredObject[] {
  const listed = new Set(objects.map(({ key }) => key))
  return [...reachable].filter((key) => !listed.has(key)).map((key) => ({ key, size: 0, modified: now }))
}

/**
 * Since when there is a newer version of a metadata file. However old it is, until then it was in force, and a reader who
 * was told of it a moment ago may still ask for it. @returns milliseconds since the epoch, by key
 */
function supersessions(objects: readonly StoredObject[]): ReadonlyMap<string, number> {
  const versions = objects.flatMap(({ key, modified }) => {
    const [, version, name] = /^metadata\/(\d+)\.(.+)$/.exec(key) ?? []
    return name === undefined ? [] : { name, version: Number(version), key, modified }
  })
  versions.sort((one, other) => compareBytes(one.name, other.name) || one.version - other.version)
  return new Map(
    versions.flatMap(({ name, key }, index) => {
      const next = versions[index + 1]
      return next?.name === name ? [[key, next.modified] as const] : []
    }),
  )
}

/** The chain of roots is kept for ever; the timestamp is the repository. */
function isKept(key: string, reachable: ReadonlySet<string>): boolean {
  const directory = key.slice(0, key.lastIndexOf('/') + 1)
  return (
    reachable.has(key) || reachable.has(directory) || /^metadata\/(?:\d+\.root|timestamp)\.json$/.test(key)
  )
}

/** A publisher that is about to point at an old object has written it again: its time has changed. */
async function removeIfUntouched(store: Store, { key, modified }: StoredObject): Promise<boolean> {
  const now = await store.stat(key)
  if (now?.modified !== modified) return false
  await store.remove(key)
  return true
}

/**
 * To a reader behind a cache that shows an old timestamp, what was published since is garbage. Only the store itself
 * can tell: it takes the same bytes once more if they are what it has.
 * @throws SkillsctlError `raced`
 */
async function reachableInForce(context: PublisherContext, now: number): Promise<Set<string>> {
  const { store } = context
  for (let attempt = 1; attempt <= MOST_TRIES; attempt++) {
    const reading = await readRepository(context)
    const reachable = await reachableKeys(context, reading, now)
    const { timestamp, etag } = reading
    const answer = await store.put(metadataKey('timestamp', 0), timestamp, { match: etag })
    if (answer.kind === 'stored') return reachable
  }
  throw new SkillsctlError('raced', 'the repository is another whenever it is looked at', {
    subject: store.url,
    hint: 'run the command again; if it stays, something between here and the store shows an old timestamp',
  })
}

/** Keys, and directories (with a slash at their end) of which everything stays. */
async function reachableKeys(
  context: PublisherContext,
  { view }: Reading,
  now: number,
): Promise<Set<string>> {
  const keys = new Set(metadataInForce(view))
  for (const { channel, head } of await allHeads(view)) {
    // The bundles that came with this head; those of older heads nobody asks for.
    keys.add(catchupPrefix(channel.name, view.snapshot.meta[`${channel.role}.json`]?.version ?? 0))
    let count = 0
    const visit = (entry: ReleaseEntry): void => {
      const young = now - Date.parse(entry.release.publishedAt) < KEEP_FOR
      if (count++ < KEEP_RELEASES || young) for (const key of keysOf(channel, entry)) keys.add(key)
    }
    for (const entry of [head.entry, ...head.history]) visit(entry)
    for (let older = head.older; older !== undefined; ) {
      keys.add(historyKey(channel, older.sha256))
      const page = await readPage(context.store, channel, older)
      page.entries.forEach(visit)
      older = page.older
    }
  }
  return keys
}

function keysOf(channel: Channel, { manifest, archive }: ReleaseEntry): string[] {
  return [manifestKey(channel, manifest.sha256), archive.path]
}

function metadataInForce({ snapshot }: View): string[] {
  const roles = Object.entries(snapshot.meta).map(([file, { version }]) =>
    metadataKey(file.replace('.json', ''), version),
  )
  return [...roles, metadataKey('snapshot', snapshot.version)]
}
