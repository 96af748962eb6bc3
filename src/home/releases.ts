/** The installed releases: finding them, reading their manifests. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { type Manifest, parseKnownManifest } from '../core/manifest.ts'
import { errnoOf, onDiskNow, systemError } from '../disk/fault.ts'
import { hexOf, sha256Hex } from '../trust/digest.ts'
import { type Layout, manifestPath } from './layout.ts'
import { readWholeRecord, stampOf } from './stat-record.ts'
import type { ReleaseName } from './state.ts'

/** A release on disk, by name. */
export interface InstalledName extends ReleaseName {
  readonly directory: string
}

/** A release on disk. */
export interface Installed extends InstalledName {
  readonly content: Manifest
}

/** Name of the directory that `current` points to; undefined when it is missing, damaged or points elsewhere. */
export function currentDirectory(layout: Layout): string | undefined {
  let target: string
  try {
    target = readlinkSync(layout.current)
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw systemError(error, layout.current)
  }
  const [, directory] = /^releases\/([^/]+)$/.exec(target) ?? []
  if (directory === undefined) return undefined
  try {
    readdirSync(join(layout.releases, directory))
    return directory
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw systemError(error, join(layout.releases, directory))
  }
}

/** The release that `current` names, or undefined when it has to be repaired. */
export function currentRelease(layout: Layout): Installed | undefined {
  const directory = currentDirectory(layout)
  return directory === undefined ? undefined : readInstalled(layout, directory)
}

/** As `currentRelease`, by the digest of its manifest only: enough to know whether something is new. */
export function currentName(layout: Layout): InstalledName | undefined {
  const directory = currentDirectory(layout)
  return directory === undefined ? undefined : readName(layout, directory)
}

/** As `currentRelease`, of which only the name is wanted: its manifest is read where nobody noted which one it was. */
export function currentSound(layout: Layout): InstalledName | undefined {
  const name = currentName(layout)
  if (name === undefined) return undefined
  const isSound = readWholeRecord(layout, name.directory)?.manifest === name.manifest
  return isSound ? name : readInstalled(layout, name.directory)
}

/** Reads the manifest beside a release; undefined when it is missing or damaged. */
export function readInstalled(layout: Layout, directory: string): Installed | undefined {
  const name = readName(layout, directory)
  if (name === undefined) return undefined
  try {
    const content = parsed.get(name.manifest) ?? readManifest(layout, name)
    keepParsed(name.manifest, content)
    return content.version === name.version ? { ...name, content } : undefined
  } catch (error) {
    if (error instanceof SkillsctlError) return undefined
    throw error
  }
}

function readManifest(layout: Layout, { directory, manifest }: InstalledName): Manifest {
  const bytes = onDiskNow(directory, () => readFileSync(manifestPath(layout, directory)))
  if (sha256Hex(bytes) !== manifest)
    throw new SkillsctlError('corrupt', 'the manifest changed while it was read', { subject: directory })
  return parseKnownManifest(bytes.toString('utf8'), sha256Hex, hexOf)
}

/** By digest, so that a run that looks at a release several times reads its thousands of lines once. */
const parsed = new Map<string, Manifest>()
const MOST_PARSED = 4

function keepParsed(digest: string, manifest: Manifest): void {
  parsed.delete(digest)
  parsed.set(digest, manifest)
  for (const oldest of parsed.keys()) if (parsed.size > MOST_PARSED) parsed.delete(oldest)
}

const DIRECTORY = /^(\d{4}\.\d\d\.\d\d-[0-9a-f]{7}(?:\+[0-9a-f]{8})?)(?:\.[0-9a-f]{8}(?:\.\d+)?)?$/

/** The version of the release in a directory of `releases/`, by its name. */
export function versionIn(directory: string): string | undefined {
  return DIRECTORY.exec(directory)?.[1]
}

/** By path, as long as the file is the same: a run asks for the same few names again and again. */
const named = new Map<string, { readonly name: InstalledName; readonly stamp: string }>()
const MOST_NAMED = 1000

/** The name of one release; undefined when there is no manifest beside it. */
export function readName(layout: Layout, directory: string): InstalledName | undefined {
  const version = versionIn(directory)
  if (version === undefined) return undefined
  const path = manifestPath(layout, directory)
  try {
    const stamp = stampOf(path)
    const known = named.get(path)
    if (stamp === undefined) return undefined
    if (known?.stamp === stamp) return known.name
    const name = { directory, version, manifest: sha256Hex(readFileSync(path)) }
    if (named.size >= MOST_NAMED) named.clear()
    named.set(path, { name, stamp })
    return name
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw systemError(error, path)
  }
}

/** Every release on disk, by name: without reading what each of them holds. */
export function listNames(layout: Layout): InstalledName[] {
  return directories(layout).flatMap((directory) => readName(layout, directory) ?? [])
}

/** Every release on disk whose manifest can be read. */
export function listInstalled(layout: Layout): Installed[] {
  return directories(layout)
    .filter((name) => !name.startsWith('.'))
    .flatMap((directory) => readInstalled(layout, directory) ?? [])
}

/** Whatever lies in `releases/`. */
export function directories({ releases }: Layout): string[] {
  return onDiskNow(releases, () => readdirSync(releases))
}
