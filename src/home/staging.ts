/** Unfinished work. Each run has its own directory, named after its process; those of dead runs are swept. */
import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAndSync } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, unlessAbsent } from '../disk/fault.ts'
import { isAlive, ownIdentity, parseIdentity } from '../disk/process-identity.ts'
import { removeTree } from '../disk/remove-tree.ts'
import type { Layout } from './layout.ts'

const OWNER = 'owner.json'
/** Work without a readable owner is being set up right now, or is debris. Milliseconds. */
const SETUP_LIFE = 60_000

export interface StagingArea {
  readonly directory: string
  /** Where the tree is unpacked. */
  readonly tree: string
  /** Where an archive is downloaded; that of an interrupted run is taken over. */
  archive(sha256: string): Promise<string>
  /** Empties the tree, to build it anew. */
  clear(): Promise<void>
  discard(): Promise<void>
}

export async function openStaging(layout: Layout): Promise<StagingArea> {
  const directory = join(layout.staging, `run-${process.pid}-${randomBytes(6).toString('hex')}`)
  await onDisk(directory, () => mkdir(directory))
  return areaIn(layout, directory)
}

async function areaIn(layout: Layout, directory: string): Promise<StagingArea> {
  const tree = join(directory, 'tree')
  await onDisk(directory, async () => {
    try {
      await writeAndSync(join(directory, OWNER), JSON.stringify(ownIdentity()))
      await makeRoot(tree)
    } catch (error) {
      // Ours, and we live on: nobody else would sweep it.
      await removeTree(directory)
      throw error
    }
  })
  return {
    directory,
    tree,
    archive: (sha256) => onDisk(directory, () => takeOverPartial(layout, directory, partialName(sha256))),
    clear: async () => {
      await removeTree(tree)
      await onDisk(tree, () => makeRoot(tree))
    },
    discard: () => removeTree(directory),
  }
}

/** The root of what will be a release has the mode of its other directories, whatever the umask says. */
async function makeRoot(tree: string): Promise<void> {
  await mkdir(tree)
  await chmod(tree, 0o755)
}

/** Runs `work` with a staging area of its own, and discards what is left of it. */
export async function inStaging<T>(layout: Layout, work: (area: StagingArea) => Promise<T>): Promise<T> {
  const area = await openStaging(layout)
  try {
    return await work(area)
  } finally {
    await area.discard()
  }
}

/**
 * As `inStaging`, for work that one process at a time shall do.
 * @param name of the area
 * @returns undefined when another process is at it, or was killed at it and nobody has swept since
 */
export async function aloneInStaging<T>(
  layout: Layout,
  name: string,
  work: (area: StagingArea) => Promise<T>,
): Promise<T | undefined> {
  const directory = join(layout.staging, name)
  const isOurs = await onDisk(directory, () =>
    mkdir(directory).then(
      () => true,
      (error: unknown) => {
        if (errnoOf(error) === 'EEXIST') return false
        throw error
      },
    ),
  )
  if (!isOurs) return undefined
  const area = await areaIn(layout, directory)
  try {
    return await work(area)
  } finally {
    await area.discard()
  }
}

function partialName(sha256: string): string {
  return `${sha256}.partial`
}

/** rename(2) decides between two runs that want the same leftovers. */
async function takeOverPartial(layout: Layout, directory: string, name: string): Promise<string> {
  const own = join(directory, name)
  for (const other of await abandoned(layout)) {
    try {
      await rename(join(other, name), own)
      break
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error
    }
  }
  return own
}

/** Removes what dead runs left behind. The caller holds the lock. */
export async function sweepStaging(layout: Layout): Promise<void> {
  for (const path of await abandoned(layout)) await removeTree(path)
}

/** Whether a run was killed here, and nobody has swept since. */
export async function hasLeftovers(layout: Layout): Promise<boolean> {
  return (await abandoned(layout)).length > 0
}

async function abandoned(layout: Layout): Promise<string[]> {
  return onDisk(layout.staging, async () => {
    const names = await unlessAbsent(readdir(layout.staging), [])
    const paths = names.map((name) => join(layout.staging, name))
    const verdicts = await Promise.all(paths.map(isAbandoned))
    return paths.filter((_, index) => verdicts[index])
  })
}

async function isAbandoned(path: string): Promise<boolean> {
  // Never followed: a link that was not renamed to `current` points at nothing from here.
  const info = await unlessAbsent(lstat(path), undefined)
  if (info === undefined) return false
  const age = Date.now() - info.mtimeMs
  const written = await unlessAbsent(readFile(join(path, OWNER), 'utf8'), '')
  const owner = parseIdentity(written)
  return owner === undefined ? age > SETUP_LIFE : isAlive(owner, age) === false
}
