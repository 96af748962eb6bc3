/**
 * Catch-up bundles (SPEC.md, "Catch-up"): what a machine on one release lacks of another, in one object. A shortcut that
 * nobody trusts: every piece passes the check that it would have to pass when fetched by its name.
 */
import { compareBytes } from './canonical.ts'
import type { Channel } from './channel.ts'
import { bounded, type Fields, integer, list, object, optional, parseJson, string } from './parse.ts'

/** Releases before the head that get a bundle, newest first. */
export const CATCHUP_RELEASES = 8
/** No bundle is longer; a publisher leaves out what would make it so. Bytes. */
export const LONGEST_CATCHUP = 8 * 1024 * 1024
/**
 * Once inflated. It is parsed before anybody vouches for it, and parsed JSON can take sixty times its length. Enough
 * for 20,000 files. Bytes.
 */
export const LONGEST_INDEX = 4 * 1024 * 1024
/** Files are in a bundle only when they are at most this together, inflated. Bytes. */
export const MOST_CATCHUP_CONTENT = 4 * 1024 * 1024

/** @param from SHA-256 of the manifest of the release that a machine has, hex; undefined when it has none */
export function catchupKey({ name }: Channel, role: number, from: string | undefined): string {
  return `${catchupPrefix(name, role)}${from === undefined ? 'none' : from.slice(0, 16)}`
}

export function catchupPrefix(channel: string, role: number): string {
  return `catchup/${channel}/${role}/`
}

/** The difference between two manifests, as plain JSON, so that fields of a newer skillsctl take part. */
export interface ManifestPatch {
  /** Everything in the new manifest but its files. */
  readonly fields: Fields
  /** Entries that are new, or differ. */
  readonly changed: readonly Fields[]
  readonly removed: readonly string[]
}

/** How one changed file is made of the machine's old copy and a body in the bundle. */
export interface Piece {
  readonly path: string
  /** Bytes of the deflated body. */
  readonly length: number
  /** The file that it resembles: its first `head` and last `tail` bytes are taken over. */
  readonly old?: { readonly path: string; readonly head: number; readonly tail: number } | undefined
}

export interface CatchupIndex {
  /** Exact text of TUF metadata by key. */
  readonly metadata: ReadonlyMap<string, string>
  readonly manifest: ManifestPatch
  /** Every changed file, in the order of the bodies; absent when they were too much, or not at hand. */
  readonly files: readonly Piece[] | undefined
}

const FORMAT = 'skillsctl-catchup/1'

export function serializeIndex({ metadata, manifest, files }: CatchupIndex): string {
  return JSON.stringify({ format: FORMAT, metadata: Object.fromEntries(metadata), manifest, files })
}

/** @throws SkillsctlError `corrupt` */
export function parseIndex(text: string): CatchupIndex {
  const subject = 'catch-up'
  const fields = object(parseJson(text, subject), subject)
  // Only the depth: what walks it recurses.
  bounded(fields, subject, Number.POSITIVE_INFINITY)
  string(fields['format'], `${subject}.format`, /^skillsctl-catchup\/1$/)
  const metadata = Object.entries(object(fields['metadata'], `${subject}.metadata`))
  const patch = object(fields['manifest'], `${subject}.manifest`)
  return {
    metadata: new Map(metadata.map(([key, value]) => [key, string(value, key)])),
    manifest: {
      fields: object(patch['fields'], `${subject}.fields`),
      changed: list(patch['changed'], `${subject}.changed`).map((entry) =>
        object(entry, `${subject}.changed`),
      ),
      removed: list(patch['removed'], `${subject}.removed`).map((path) => string(path, `${subject}.removed`)),
    },
    files: optional(fields['files'], `${subject}.files`, (value) =>
      list(value, `${subject}.files`).map(parsePiece),
    ),
  }
}

function parsePiece(value: unknown): Piece {
  const fields = object(value, 'catch-up.files[]')
  const path = string(fields['path'], 'catch-up.files[].path')
  const old = optional(fields['old'], path, (value) => {
    const { path: from, head, tail } = object(value, path)
    return { path: string(from, path), head: integer(head, path), tail: integer(tail, path) }
  })
  return { path, length: integer(fields['length'], path), old }
}

/** Both manifests as parsed JSON; `before` is undefined for a machine that has nothing. */
export function diffManifests(before: Fields | undefined, after: Fields): ManifestPatch {
  const old = before === undefined ? new Map<string, string>() : spellings(before)
  const next = spellings(after)
  const { files: _files, ...fields } = after
  return {
    fields,
    changed: filesOf(after).filter((entry) => old.get(pathOf(entry)) !== next.get(pathOf(entry))),
    removed: [...old.keys()].filter((path) => !next.has(path)),
  }
}

/** Each new release is compared with many. */
const spelled = new WeakMap<Fields, ReadonlyMap<string, string>>()

/** Entries as text by path. All were read from canonical JSON: the same entry is spelled the same. */
function spellings(manifest: Fields): ReadonlyMap<string, string> {
  const known = spelled.get(manifest)
  if (known !== undefined) return known
  const all = new Map(filesOf(manifest).map((entry) => [pathOf(entry), JSON.stringify(entry)]))
  spelled.set(manifest, all)
  return all
}

/**
 * The text of the new manifest, if the patch is what it says: its digest decides.
 * @param before the manifest of the release that the machine has, as parsed JSON
 */
export function patchManifest(
  before: Fields | undefined,
  { fields, changed, removed }: ManifestPatch,
): string {
  const gone = new Set([...removed, ...changed.map(pathOf)])
  const files = [...filesOf(before).filter((entry) => !gone.has(pathOf(entry))), ...changed]
  files.sort((left, right) => compareBytes(pathOf(left), pathOf(right)))
  const sorted = Object.entries({ ...fields, files }).sort(([left], [right]) => (left < right ? -1 : 1))
  // What was read from canonical JSON keeps the order of its keys, so nothing has to be sorted again.
  return `${JSON.stringify(Object.fromEntries(sorted))}\n`
}

/** Entries of a manifest, as parsed JSON. */
export function filesOf(manifest: Fields | undefined): readonly Fields[] {
  if (manifest === undefined) return []
  return list(manifest['files'], 'manifest.files').map((entry) => object(entry, 'manifest.files[]'))
}

function pathOf(entry: Fields): string {
  return string(entry['path'], 'manifest.files[].path')
}
