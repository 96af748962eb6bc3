/** Removing a tree that somebody may have made read-only. */
import { chmodSync, lstatSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, onDisk } from './fault.ts'

/** Removes a tree; one that is not there is fine. @throws SkillsctlError `failed` */
export async function removeTree(path: string): Promise<void> {
  await onDisk(path, async () => {
    try {
      await rm(path, { recursive: true, force: true })
    } catch (error) {
      if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw error
      makeWritable(path)
      await rm(path, { recursive: true, force: true })
    }
  })
}

/**
 * A directory without write permission can neither be emptied nor moved to another parent. What is gone meanwhile is
 * fine: Node's `rm` goes on with the other entries after it has reported its first error.
 */
export function makeWritable(directory: string): void {
  try {
    if (!lstatSync(directory).isDirectory()) return
    chmodSync(directory, 0o755)
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) makeWritable(join(directory, entry.name))
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
