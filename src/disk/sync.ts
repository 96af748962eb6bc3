/** Waits until a whole new tree is on disk, before anything points at it. */
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { syncDirectory } from './atomic-file.ts'
import { onDisk } from './fault.ts'

const AT_ONCE = 16

/**
 * Makes every file and directory of a tree durable. Linux syncs the file system in one call (`sync -f`, which
 * is syncfs(2) and reports write errors); elsewhere, or where that program is missing, each file is synced.
 * @param root absolute path of the tree
 * @param files relative paths of its regular files
 * @param links those of its symbolic links: a directory may hold nothing else
 */
export async function syncTree(
  root: string,
  files: readonly string[],
  links: readonly string[],
): Promise<void> {
  if (process.platform === 'linux' && (await syncFileSystem(root))) return
  const directories = new Set(['.'])
  for (const path of [...files, ...links]) {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) directories.add(parent)
  }
  await syncParts(root, files, [...directories])
}

/**
 * As `syncTree`, for a tree of which all but a few files and directories are durable already.
 * @param files relative paths of those files
 * @param directories relative paths of those directories
 */
export async function syncParts(
  root: string,
  files: readonly string[],
  directories: readonly string[],
): Promise<void> {
  await onDisk(root, async () => {
    await inBatches(files, (path) => syncFile(join(root, path)))
    await inBatches(directories, (path) => syncDirectory(join(root, path)))
  })
}

async function syncFileSystem(path: string): Promise<boolean> {
  try {
    // Loaded here: most commands start no other program.
    const { execFile } = process.getBuiltinModule('node:child_process')
    await promisify(execFile)('sync', ['-f', path])
    return true
  } catch {
    // No such program or option here (busybox, a bare container), or it failed: sync file by file and see.
    return false
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(work))
  }
}
