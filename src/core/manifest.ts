/**
 * The manifest of a release: canonical JSON naming every file (SPEC.md, "Manifest"). It is a function of the
 * commit and the packing configuration only.
 */
import { canonicalJson, compareBytes, isCanonical, type JsonObject } from './canonical.ts'
import { SkillsctlError } from './errors.ts'
import {
  COMMIT,
  type Fields,
  instant,
  integer,
  list,
  object,
  parseJson,
  SHA256_INTEGRITY,
  string,
} from './parse.ts'
import { byPath, checkNames } from './paths.ts'
import { parseVersion } from './version.ts'

export const MANIFEST_FORMAT = 'skillsctl-manifest/1'
/** No manifest is longer, whatever its signed length says: 64 MiB, some 400,000 files. */
export const LONGEST_MANIFEST = 64 * 1024 * 1024
const MOST_FILES = 500_000

export interface FileEntry {
  readonly mode: '644' | '755'
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Subresource integrity, `sha256-<base64>`. */
  readonly integrity: string
}

export interface LinkEntry {
  readonly mode: 'link'
  readonly path: string
  readonly target: string
}

export type Entry = FileEntry | LinkEntry

export interface Source {
  /** Full hash of the commit that was packed. */
  readonly commit: string
  readonly committedAt: string
}

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly source: Source
  /** `sha256:<hex>` over `treeLines`. */
  readonly tree: string
  /** In byte order of path. */
  readonly files: readonly Entry[]
}

/** SHA-256 of UTF-8 text, in hex. Passed in, because core does no hashing of its own. */
export type HashText = (text: string) => string
/** The digest inside `sha256-<base64>`, in hex. A platform may have a faster way than `integrityHex`. */
export type HexOf = (entry: { readonly integrity: string }) => string

/** Puts a manifest together. @throws SkillsctlError `refused` when a name may not be in a release */
export function buildManifest(
  parts: {
    readonly name: string
    readonly version: string
    readonly source: Source
    readonly files: Iterable<Entry>
  },
  hash: HashText,
): Manifest {
  const files = [...parts.files].sort(byPath)
  checkNames(files)
  const { name, version, source } = parts
  return { name, version, source, files, tree: `sha256:${hash(treeLines(files))}` }
}

/** The exact bytes that are hashed, stored and signed for. */
export function serializeManifest(manifest: Manifest): string {
  return `${canonicalJson({ format: MANIFEST_FORMAT, ...manifest } as unknown as JsonObject)}\n`
}

/** What `tree` hashes: `<mode> <sha256-hex or link target> <path>\n` for each entry, in byte order of path. */
export function treeLines(files: readonly Entry[], hexOf: HexOf = integrityHex): string {
  return files
    .map((entry) => `${entry.mode} ${entry.mode === 'link' ? entry.target : hexOf(entry)} ${entry.path}\n`)
    .join('')
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const HEX = '0123456789abcdef'
const VALUE_OF = new Map([...BASE64].map((digit, value) => [digit.charCodeAt(0), value]))
const CODE_OF = [...HEX].map((digit) => digit.charCodeAt(0))

/** The digest inside `sha256-<base64>`, in hex. */
export function integrityHex({ integrity }: { readonly integrity: string }): string {
  const codes: number[] = []
  let bits = 0
  let pending = 0
  for (let index = 'sha256-'.length; codes.length < 64 && index < integrity.length; index++) {
    pending = (pending << 6) | (VALUE_OF.get(integrity.charCodeAt(index)) ?? 0)
    for (bits += 6; bits >= 4; bits -= 4) codes.push(CODE_OF[(pending >> (bits - 4)) & 15] ?? 0)
    pending &= (1 << bits) - 1
  }
  return String.fromCharCode(...codes.slice(0, 64))
}

/**
 * Reads a manifest whose bytes have already been authenticated.
 * @throws SkillsctlError `corrupt` for a wrong shape or tree hash, `refused` for a forbidden name,
 *   `unsupported` for a newer format
 */
export function parseManifest(text: string, hash: HashText, hexOf: HexOf = integrityHex): Manifest {
  const fields = object(parseJson(text, 'manifest'), 'manifest')
  const manifest = manifestOf(fields)
  if (!isCanonical(text.slice(0, -1), fields as JsonObject) || !text.endsWith('\n')) {
    throw new SkillsctlError('corrupt', 'a manifest is canonical JSON and one newline', {
      subject: manifest.version,
    })
  }
  parseVersion(manifest.version)
  checkOrder(manifest.files)
  checkNames(manifest.files)
  checkTree(manifest, hash, hexOf)
  return manifest
}

/**
 * As `parseManifest`, for one that has passed it on this machine: its tree hash tells whether the disk has kept it.
 * @throws SkillsctlError `corrupt`, `unsupported`
 */
export function parseKnownManifest(text: string, hash: HashText, hexOf: HexOf = integrityHex): Manifest {
  const manifest = manifestOf(object(parseJson(text, 'manifest'), 'manifest'))
  checkTree(manifest, hash, hexOf)
  return manifest
}

function manifestOf(fields: Fields): Manifest {
  const format = string(fields['format'], 'manifest.format')
  if (format !== MANIFEST_FORMAT) {
    throw new SkillsctlError('unsupported', 'this manifest has a format that this skillsctl does not know', {
      expected: MANIFEST_FORMAT,
      found: format,
      hint: 'install a newer skillsctl',
    })
  }
  const source = object(fields['source'], 'manifest.source')
  return {
    name: string(fields['name'], 'manifest.name'),
    version: string(fields['version'], 'manifest.version'),
    source: {
      commit: string(source['commit'], 'manifest.source.commit', COMMIT),
      committedAt: instant(source['committedAt'], 'manifest.source.committedAt'),
    },
    tree: string(fields['tree'], 'manifest.tree', /^sha256:[0-9a-f]{64}$/),
    files: list(fields['files'], 'manifest.files', MOST_FILES).map(parseEntry),
  }
}

function checkTree({ tree: expected, files, version }: Manifest, hash: HashText, hexOf: HexOf): void {
  const found = `sha256:${hash(treeLines(files, hexOf))}`
  if (found === expected) return
  throw new SkillsctlError('corrupt', "the manifest's tree hash does not match its files", {
    subject: version,
    expected,
    found,
  })
}

/** One entry of a manifest. @throws SkillsctlError `corrupt` */
export function parseEntry(value: unknown): Entry {
  const fields: Fields = object(value, 'manifest.files[]')
  const path = string(fields['path'], 'manifest.files[].path')
  const mode = string(fields['mode'], `mode of ${path}`, /^(?:644|755|link)$/)
  if (mode === 'link') return { mode, path, target: string(fields['target'], `target of ${path}`) }
  return {
    mode: mode === '755' ? '755' : '644',
    path,
    size: integer(fields['size'], `size of ${path}`),
    integrity: string(fields['integrity'], `integrity of ${path}`, SHA256_INTEGRITY),
  }
}

function checkOrder(files: readonly Entry[]): void {
  files.forEach((entry, index) => {
    const before = files[index - 1]
    if (before !== undefined && compareBytes(before.path, entry.path) >= 0) {
      throw new SkillsctlError('corrupt', 'the files of a manifest are sorted by path, each once', {
        subject: entry.path,
      })
    }
  })
}

/** Whether two entries of one path, or their absence, are the same to whoever reads them. */
export function isSameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  if (one.mode === 'link' || other.mode === 'link')
    return one.mode === 'link' && other.mode === 'link' && one.target === other.target
  return one.mode === other.mode && one.integrity === other.integrity
}

/** Sum of all file sizes in bytes. */
export function treeSize(files: readonly Entry[]): number {
  return files.reduce((sum, entry) => sum + (entry.mode === 'link' ? 0 : entry.size), 0)
}
