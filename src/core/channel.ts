/**
 * What a channel says: its head, where the bytes are, and its history (SPEC.md, "Channel heads").
 * These values live in the signed `custom` of one TUF target, so they are read only after verification.
 */
import { parseAuthor } from './author.ts'
import type { JsonObject } from './canonical.ts'
import { type Changes, parseChanges } from './changes.ts'
import { SkillsctlError } from './errors.ts'
import { integrityHex, LONGEST_MANIFEST } from './manifest.ts'
import {
  bounded,
  COMMIT,
  describe,
  type Fields,
  instant,
  integer,
  list,
  object,
  optional,
  parseJson,
  SHA256_HEX,
  SHA256_INTEGRITY,
  string,
} from './parse.ts'
import { parseVersion } from './version.ts'

export interface Release {
  readonly version: string
  readonly commit: string
  readonly committedAt: string
  readonly publishedAt: string
  /** Who wrote the commit, by name; undefined where nobody said so. */
  readonly author?: string | undefined
}

export interface ArchiveRef {
  readonly path: string
  readonly integrity: string
  /** Bytes of the compressed archive. */
  readonly size: number
}

export interface DigestRef {
  readonly sha256: string
  /** Bytes. */
  readonly length: number
}

/** One release as a channel names it. `manifest` identifies it; everything else can be reached from here. */
export interface ReleaseEntry {
  readonly release: Release
  readonly archive: ArchiveRef
  readonly changes: Changes
  readonly manifest: DigestRef
  /** Features that a client must know to install it. */
  readonly requires?: readonly string[]
  /** Fields of a newer skillsctl, kept for a rewrite. */
  readonly extra?: Fields
}

export interface ChannelHead {
  readonly entry: ReleaseEntry
  /** Newest first, without the head itself; at most `INLINE_HISTORY`. */
  readonly history: readonly ReleaseEntry[]
  /** The page that continues `history`. */
  readonly older: DigestRef | undefined
  /** The whole signed value, so that fields of a newer skillsctl survive a rewrite. */
  readonly raw: Fields
}

export interface HistoryPage {
  readonly entries: readonly ReleaseEntry[]
  readonly older: DigestRef | undefined
  /** As in `ChannelHead`. */
  readonly raw?: Fields
}

export const INLINE_HISTORY = 10
export const PAGE_ENTRIES = 100
/** No history page is longer. Bytes. */
export const LONGEST_PAGE = 1024 * 1024
const HISTORY_FORMAT = 'skillsctl-history/1'
/** No archive is larger. Bytes. */
const LARGEST_ARCHIVE = 8 * 1024 ** 3

/** Features of a release that a client must know to install it. This version knows none. */
const KNOWN_REQUIREMENTS: readonly string[] = []

const CHANNEL = /^(?:[a-z][a-z0-9-]*|drafts\/[a-z0-9][a-z0-9._-]{0,63})$/
const TUF_ROLES = ['root', 'targets', 'snapshot', 'timestamp', 'drafts']

/** A channel's name, and where TUF keeps it. */
export interface Channel {
  readonly name: string
  /** The delegated role that signs for it; all drafts share one. */
  readonly role: string
  /** Path of its target in TUF. */
  readonly target: string
}

/** @throws SkillsctlError `usage` */
export function parseChannel(name: string): Channel {
  if (!CHANNEL.test(name) || TUF_ROLES.includes(name)) {
    throw new SkillsctlError('usage', 'this is not the name of a channel', {
      subject: name,
      expected: 'canary, stable or drafts/<name>, in lower case',
    })
  }
  const [role = name, draft] = name.split('/')
  return draft === undefined
    ? { name, role, target: `${role}/release.json` }
    : { name, role, target: `${role}/${draft}.release.json` }
}

export function isDraft(channel: Channel): boolean {
  return channel.role === 'drafts'
}

/** The channel that a target path of the drafts role, or any other, belongs to. */
export function channelOfTarget(target: string): Channel | undefined {
  const match = /^([a-z][a-z0-9-]*)\/(?:([a-z0-9][a-z0-9._-]{0,63})\.)?release\.json$/.exec(target)
  const [, role, draft] = match ?? []
  if (role === undefined || (role === 'drafts') !== (draft !== undefined)) return undefined
  if (draft === undefined && TUF_ROLES.includes(role)) return undefined
  return parseChannel(draft === undefined ? role : `${role}/${draft}`)
}

/** Key of an object that belongs to a channel under its own digest (consistent snapshots, TUF spec 6.2). */
export function manifestKey(channel: Channel, sha256: string): string {
  const slash = channel.target.indexOf('/')
  return `targets/${channel.role}/${sha256}.${channel.target.slice(slash + 1)}`
}

export function archiveKey(sha256: string): string {
  return `blobs/${sha256.slice(0, 2)}/${sha256}.tar.gz`
}

export function historyKey(channel: Channel, sha256: string): string {
  return `history/${channel.name}/${sha256}.json`
}

/**
 * Reads the verified `custom` of a channel's target.
 * @param manifest digest and length that TUF verified for the target itself
 * @throws SkillsctlError `corrupt`, or `unsupported` when the release needs a newer skillsctl
 */
export function parseHead(custom: unknown, manifest: DigestRef, subject: string): ChannelHead {
  const fields = object(custom, subject)
  // First of all: a release that needs more may have another shape.
  checkRequirements(requiresOf(fields, subject), subject)
  bounded(fields, subject)
  const entry = parseEntry({ ...fields, manifest }, subject)
  return {
    entry,
    history: list(fields['history'] ?? [], `${subject}.history`, 1000).map((value) =>
      parseEntry(value, `${subject}.history`),
    ),
    older: optional(fields['older'], `${subject}.older`, parseDigestRef),
    raw: fields,
  }
}

function requiresOf(fields: Fields, subject: string): string[] {
  return list(fields['requires'] ?? [], `${subject}.requires`, 100).map((name) => {
    // Whatever else it is, we do not know it.
    if (typeof name !== 'string') throw unknownRequirement(describe(name), subject)
    return name
  })
}

/** @throws SkillsctlError `unsupported` when a release needs what this skillsctl does not know */
export function checkRequirements(requires: readonly string[], subject: string): void {
  const unknown = requires.filter((name) => !KNOWN_REQUIREMENTS.includes(name))
  if (unknown.length > 0) throw unknownRequirement(unknown.join(', '), subject)
}

function unknownRequirement(names: string, subject: string): SkillsctlError {
  return new SkillsctlError('unsupported', 'this release needs a newer skillsctl', {
    subject,
    found: `requires ${names}`,
    hint: 'install a newer skillsctl; the installed release keeps running',
  })
}

function parseEntry(value: unknown, subject: string): ReleaseEntry {
  const fields = object(value, subject)
  const release = object(fields['release'], `${subject}.release`)
  const archive = object(fields['archive'], `${subject}.archive`)
  const integrity = string(archive['integrity'], `${subject}.archive.integrity`, SHA256_INTEGRITY)
  const path = string(archive['path'], `${subject}.archive.path`)
  if (path !== archiveKey(integrityHex({ integrity }))) {
    throw new SkillsctlError('corrupt', 'an archive is stored under its own digest', { subject, found: path })
  }
  return {
    release: {
      ...release,
      version: parseVersion(release['version']),
      commit: string(release['commit'], `${subject}.release.commit`, COMMIT),
      committedAt: instant(release['committedAt'], `${subject}.release.committedAt`),
      publishedAt: instant(release['publishedAt'], `${subject}.release.publishedAt`),
      author: optional(release['author'], `${subject}.release.author`, parseAuthor),
    },
    archive: {
      ...archive,
      path,
      integrity,
      size: integer(archive['size'], `${subject}.archive.size`, 1, LARGEST_ARCHIVE),
    },
    changes: parseChanges(fields['changes'], `${subject}.changes`),
    manifest: parseDigestRef(fields['manifest'], `${subject}.manifest`, LONGEST_MANIFEST),
    ...unlessEmpty('requires', requiresOf(fields, subject)),
    ...unlessEmpty(
      'extra',
      Object.fromEntries(Object.entries(fields).filter(([name]) => !KNOWN_FIELDS.includes(name))),
    ),
  }
}

function unlessEmpty<K extends string, T extends object>(key: K, value: T): { readonly [name in K]?: T } {
  return Object.keys(value).length === 0 ? {} : ({ [key]: value } as { readonly [name in K]?: T })
}

const KNOWN_FIELDS = ['release', 'archive', 'changes', 'manifest', 'requires', 'history', 'older']

/** An entry as it is written into `history` and its pages. */
function entryFields({ extra, requires = [], ...fields }: ReleaseEntry): object {
  return { ...extra, ...fields, ...(requires.length === 0 ? {} : { requires }) }
}

function parseDigestRef(value: unknown, subject: string, most: number = LONGEST_PAGE): DigestRef {
  const fields = object(value, subject)
  return {
    sha256: string(fields['sha256'], `${subject}.sha256`, SHA256_HEX),
    length: integer(fields['length'], `${subject}.length`, 1, most),
  }
}

/** Reads a history page whose bytes matched their signed digest. @throws SkillsctlError `corrupt`, `unsupported` */
export function parsePage(text: string, subject: string): HistoryPage {
  const fields = object(parseJson(text, subject), subject)
  bounded(fields, subject)
  if (fields['format'] !== HISTORY_FORMAT) {
    throw new SkillsctlError(
      'unsupported',
      'this history page has a format that this skillsctl does not know',
      {
        subject,
        expected: HISTORY_FORMAT,
      },
    )
  }
  return {
    entries: list(fields['entries'], `${subject}.entries`, PAGE_ENTRIES).map((value) =>
      parseEntry(value, subject),
    ),
    older: optional(fields['older'], `${subject}.older`, parseDigestRef),
    raw: fields,
  }
}

export function pageFields(page: HistoryPage): JsonObject {
  return asJson({
    ...page.raw,
    format: HISTORY_FORMAT,
    entries: page.entries.map(entryFields),
    older: page.older,
  })
}

/** The new `custom`, and the history page that has to be written first when the inline history overflows. */
export interface Advance {
  readonly custom: JsonObject
  readonly page: HistoryPage | undefined
}

/**
 * Moves a channel to `entry`; the former head becomes history.
 * @param olderPage the page that `head.older` names, already read; a full one is chained, another is continued
 * @param pageRef digest of the page this function returned, which the caller computes once it knows the bytes
 */
export function advance(
  head: ChannelHead | undefined,
  entry: ReleaseEntry,
  olderPage: HistoryPage | undefined,
  pageRef: (page: HistoryPage) => DigestRef,
): Advance {
  const past = head === undefined ? [] : [head.entry, ...head.history]
  const overflow = past.slice(INLINE_HISTORY)
  const page = overflow.length === 0 ? undefined : continuePage(overflow, head?.older, olderPage)
  const { manifest: _manifest, extra, requires = [], ...fields } = entry
  const older = page === undefined ? head?.older : pageRef(page)
  return {
    custom: asJson({
      ...head?.raw,
      ...extra,
      ...fields,
      requires,
      history: past.slice(0, INLINE_HISTORY).map(entryFields),
      older,
    }),
    page,
  }
}

function continuePage(
  overflow: readonly ReleaseEntry[],
  older: DigestRef | undefined,
  olderPage: HistoryPage | undefined,
): HistoryPage {
  const room = olderPage !== undefined && olderPage.entries.length + overflow.length <= PAGE_ENTRIES
  return room ? { ...olderPage, entries: [...overflow, ...olderPage.entries] } : { entries: overflow, older }
}

/** Drops `undefined`, which JSON has no word for. */
function asJson(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value))
}
