/** Putting a release on disk, and taking one away: each is one rename(2). */
import { chmodSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entry, Manifest } from '../core/manifest.ts'
import { syncDirectory, writeFileAtomic } from '../disk/atomic-file.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import { sha256Hex } from '../trust/digest.ts'
import { findTouched } from './drift.ts'
import { type Layout, manifestPath, statPath } from './layout.ts'
import { directories, type InstalledName, readName } from './releases.ts'
import { recordRelease, type StatRecord } from './stat-record.ts'
import type { ReleaseName } from './state.ts'

/** A complete, verified tree that lies in `staging/`. */
export interface Staged {
  /** Absolute path of the tree. */
  readonly tree: string
  readonly manifest: Manifest
  /** The exact bytes that were verified. */
  readonly manifestBytes: Buffer
  /** Stamps of files that are known already. */
  readonly stamps?: StatRecord | undefined
}

/** An untouched copy of a release on disk, whichever directory it has. */
export function findIntact(layout: Layout, { version, manifest }: ReleaseName): InstalledName | undefined {
  return directories(layout)
    .filter((name) => name === version || name.startsWith(`${version}.`))
    .flatMap((directory) => readName(layout, directory) ?? [])
    .find((name) => name.manifest === manifest && findTouched(layout, name.directory)?.length === 0)
}

/**
 * Moves a staged tree to `releases/`, its manifest and stat record first, so that nothing is ever listed
 * without them. The caller holds the lock.
 * @returns the directory; that of an identical release when another process was faster
 */
export async function placeRelease(layout: Layout, staged: Staged): Promise<InstalledName> {
  const manifest = sha256Hex(staged.manifestBytes)
  const { version, files } = staged.manifest
  const there = findIntact(layout, { version, manifest })
  if (there !== undefined) return there
  return onDisk(layout.releases, async () => {
    const directory = await freeName(layout, version, manifest)
    const write = (path: string, content: string | Buffer): Promise<void> =>
      writeFileAtomic(path, content, { via: layout.staging })
    await write(manifestPath(layout, directory), staged.manifestBytes)
    await write(statPath(layout, directory), recordRelease(manifest, staged.tree, files, staged.stamps))
    await rename(staged.tree, join(layout.releases, directory))
    await syncDirectory(layout.releases)
    return { directory, version, manifest }
  })
}

/** `<version>`, else `<version>.<manifest8>`, else that with a counter: an occupied name may be in use. */
async function freeName(layout: Layout, version: string, manifest: string): Promise<string> {
  const short = `${version}.${manifest.slice(0, 8)}`
  for (let count = 0; ; count++) {
    const name = [version, short][count] ?? `${short}.${count}`
    if ((await unlessAbsent(stat(join(layout.releases, name)), undefined)) === undefined) return name
  }
}

/** Waits until a whole tree of these entries is on disk. @param tree absolute path */
export async function syncRelease(tree: string, files: readonly Entry[]): Promise<void> {
  const paths = (links: boolean): string[] =>
    files.filter(({ mode }) => (mode === 'link') === links).map(({ path }) => path)
  await syncTree(tree, paths(false), paths(true))
}

/** Takes a release out of `releases/` in one rename, so that it is never listed half removed. */
export async function takeAway(layout: Layout, directory: string, into: string): Promise<string> {
  return onDisk(layout.releases, async () => {
    await mkdir(into, { recursive: true })
    const away = join(into, directory)
    const path = join(layout.releases, directory)
    chmodSync(path, 0o755)
    await rename(path, away)
    return away
  })
}

/** Forgets manifest and stat record of releases that are gone. */
export async function forgetRecords(layout: Layout): Promise<void> {
  await onDisk(layout.manifests, async () => {
    const [there, records] = await Promise.all([readdir(layout.releases), readdir(layout.manifests)])
    const gone = records.filter((name) => !there.includes(name.replace(/\.(?:json|stat)$/, '')))
    await Promise.all(gone.map((name) => rm(join(layout.manifests, name), { force: true })))
  })
}
