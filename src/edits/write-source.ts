/** Writing a person's files somewhere, below their paths in the release. Whoever needs them durable syncs the whole. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FileEntry } from '../core/manifest.ts'
import type { Source } from './source.ts'

/**
 * @param directory absolute; nothing of these lies there yet
 * @param gone says what it means that bytes are not to be had
 */
export async function writeSource(
  directory: string,
  { entries, read }: Source,
  gone: (file: FileEntry) => never,
): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const entry of entries) {
    const path = join(directory, entry.path)
    await mkdir(dirname(path), { recursive: true })
    if (entry.mode === 'link') await symlink(entry.target, path)
    else await writeFile(path, read(entry) ?? gone(entry), { flag: 'wx', mode: modeOf(entry) })
  }
}

/** It is theirs to change. */
function modeOf({ mode }: FileEntry): number {
  return mode === '755' ? 0o755 : 0o644
}
