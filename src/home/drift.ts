/** What somebody changed in an installed release, and keeping it (SPEC.md, "Local edits"). */
import {
  type Dirent,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
  statSync,
} from 'node:fs'
import { cp, mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { compareBytes } from '../core/canonical.ts'
import type { Entry, FileEntry } from '../core/manifest.ts'
import { isScratch } from '../core/scratch.ts'
import { syncDirectory, temporaryName, writeAndSync } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, onDiskNow, systemError } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import { integrityOf, newSha256 } from '../trust/digest.ts'
import type { Layout } from './layout.ts'
import { type Installed, type InstalledName, readInstalled, readName } from './releases.ts'
import { readRecord, readWholeRecord, type StatRecord, stampOf } from './stat-record.ts'

/** Where the file of a path is. */
export type Locate = (path: string) => string

export interface Drift {
  readonly path: string
  readonly kind: 'modified' | 'deleted' | 'added' | 'mode'
}

/**
 * Compares a release with its manifest. Files whose stat record fits are taken as untouched.
 * @param full hash every file whatever its record says
 * @param root where the release lies; it may have been moved away
 * @throws SkillsctlError `failed` for what may not be read
 */
export function findDrift(
  layout: Layout,
  installed: Installed,
  { full = false, root = join(layout.releases, installed.directory) }: { full?: boolean; root?: string } = {},
): Drift[] {
  try {
    const record = full ? new Map<string, string>() : readRecord(layout, installed.directory)
    return compareWithManifest(installed.content.files, root, record)
  } catch (error) {
    throw systemError(error, root)
  }
}

/**
 * The same for any tree, or the part of one.
 * @param files what it should hold
 * @param record stamps of its files when it was written
 * @param part path below `root` that `files` are in
 */
export function driftIn(root: string, files: readonly Entry[], record: StatRecord, part = ''): Drift[] {
  return onDiskNow(root, () => compareWithManifest(files, root, record, part))
}

/**
 * Whether everything in a release, and its manifest, is as it was installed, and there is nothing besides. Says so by
 * stamps, without reading what is in the manifest; false when anybody has to look.
 */
export function isUntouched(layout: Layout, directory: string): boolean {
  const root = join(layout.releases, directory)
  const whole = readWholeRecord(layout, directory)
  if (whole === undefined || readName(layout, directory)?.manifest !== whole.manifest) return false
  const { record } = whole
  try {
    for (const [path, stamp] of record) if (stampOf(`${root}/${path}`) !== stamp) return false
    for (const path of walk(root)) if (!record.has(path) && !isScratch(path)) return false
    return true
  } catch (error) {
    if (isDenied(error) || ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false
    throw systemError(error, root)
  }
}

/** What `findDrift` finds; the manifest is read only where something was touched. Undefined when it is damaged: nobody can tell then. */
export function findTouched(layout: Layout, directory: string): Drift[] | undefined {
  if (isUntouched(layout, directory)) return []
  const installed = readInstalled(layout, directory)
  return installed && findDrift(layout, installed)
}

function compareWithManifest(files: readonly Entry[], root: string, record: StatRecord, part = ''): Drift[] {
  const drift: Drift[] = []
  for (const entry of files) {
    const kind = driftOf(`${root}/${entry.path}`, entry, record)
    if (kind !== undefined) drift.push({ path: entry.path, kind })
  }
  const known = new Set(files.map(({ path }) => path))
  for (const path of walk(root, part)) {
    if (!known.has(path) && !isScratch(path)) drift.push({ path, kind: 'added' })
  }
  return drift.sort((left, right) => compareBytes(left.path, right.path))
}

/** What nobody may read is not what was installed there: that could be read. */
function driftOf(path: string, entry: Entry, record: StatRecord): Drift['kind'] | undefined {
  try {
    return driftIfRead(path, entry, record)
  } catch (error) {
    if (isDenied(error)) return 'modified'
    throw error
  }
}

function driftIfRead(path: string, entry: Entry, record: StatRecord): Drift['kind'] | undefined {
  const stamp = stampOf(path)
  if (stamp === undefined) return 'deleted'
  if (entry.mode === 'link') return linkTarget(path) === entry.target ? undefined : 'modified'
  return stamp === record.get(entry.path) ? undefined : contentDrift(path, entry)
}

function contentDrift(path: string, entry: FileEntry): Drift['kind'] | undefined {
  // A link or directory in the place of a file has been edited, too; never follow it.
  if (linkTarget(path) !== undefined) return 'modified'
  const info = statSync(path)
  if (!info.isFile() || info.size !== entry.size) return 'modified'
  const integrity = integrityOf(readFileSync(path))
  if (integrity !== entry.integrity) return 'modified'
  const executable = (info.mode & 0o100) !== 0
  return executable === (entry.mode === '755') ? undefined : 'mode'
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (['EINVAL', 'ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')
}

/** Files and links, and directories that nobody may read. Nobody's work is in a socket or a pipe. */
function* walk(root: string, part = ''): Generator<string> {
  if (part !== '' && lstatSync(`${root}/${part}`, { throwIfNoEntry: false })?.isDirectory() !== true) return
  const directories = [part === '' ? '' : `${part}/`]
  for (let prefix = directories.pop(); prefix !== undefined; prefix = directories.pop()) {
    const entries = entriesOf(`${root}/${prefix}`)
    if (entries === undefined) yield prefix.slice(0, -1)
    for (const entry of entries ?? []) {
      if (entry.isDirectory()) directories.push(`${prefix}${entry.name}/`)
      else if (isKeepable(entry)) yield `${prefix}${entry.name}`
    }
  }
}

function entriesOf(directory: string): Dirent[] | undefined {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if (isDenied(error)) return undefined
    throw error
  }
}

function isKeepable(entry: Stats | Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink() || entry.isDirectory()
}

/**
 * Copies edited and added files to `kept/<directory>-<digest8>/files/`, beside `edits.json`. The same edits are
 * kept once, however often they are met.
 * @param root where the files are, by their paths
 * @returns the directory that holds them, or undefined when there is nothing to keep
 */
export async function keepEdits(
  layout: Layout,
  installed: InstalledName,
  drift: readonly Drift[],
  root: string | Locate = join(layout.releases, installed.directory),
): Promise<string | undefined> {
  const locate = typeof root === 'string' ? (path: string): string => join(root, path) : root
  const edits = drift.filter(({ kind }) => kind !== 'mode')
  if (edits.length === 0) return undefined
  const digest = await onDisk(layout.kept, async () => digestOf(locate, edits))
  const name = `${installed.directory}-${digest}`
  const kept = join(layout.kept, name)
  return onDisk(kept, async () => {
    if (existsSync(kept)) {
      // Whoever kept it may have been killed between the rename and its sync.
      await syncDirectory(layout.kept)
      return kept
    }
    const temporary = join(layout.staging, temporaryName('kept'))
    await mkdir(join(temporary, 'files'), { recursive: true })
    const copied = edits.filter(({ kind }) => kind !== 'deleted')
    for (const { path } of copied) {
      await mkdir(join(temporary, 'files', dirname(path)), { recursive: true })
      await cp(locate(path), join(temporary, 'files', path), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (source) => isKeepable(lstatSync(source)),
        preserveTimestamps: true,
      })
    }
    const list = { release: installed.version, manifest: installed.manifest, edits }
    await writeAndSync(join(temporary, 'edits.json'), `${JSON.stringify(list, null, 2)}\n`)
    const isLink = (path: string): boolean => lstatSync(join(temporary, path)).isSymbolicLink()
    const paths = [...walk(temporary)]
    await syncTree(
      temporary,
      paths.filter((path) => !isLink(path)),
      paths.filter(isLink),
    )
    await rename(temporary, kept)
    await syncDirectory(layout.kept)
    return kept
  })
}

function contentOf(path: string, kind: Drift['kind']): string | Buffer | undefined {
  const target = linkTarget(path)
  if (target !== undefined || kind === 'deleted') return target
  return statSync(path).isFile() ? readFileSync(path) : undefined
}

function digestOf(locate: Locate, edits: readonly Drift[]): string {
  const hash = newSha256()
  for (const { path, kind } of edits) {
    hash.update(`${kind} ${path}\n`)
    const content = onDiskNow(locate(path), () => contentOf(locate(path), kind))
    if (content !== undefined) hash.update(content)
  }
  return hash.digest('hex').slice(0, 8)
}
