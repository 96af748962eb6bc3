/** A home that was copied counts as edited: every inode and every time of change is another one. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Layout, statPath } from '../../src/home/layout.ts'
import { listInstalled } from '../../src/home/releases.ts'
import { recordRelease } from '../../src/home/stat-record.ts'

/** As if all that lies there had been installed there. */
export async function recordAsInstalled(layout: Layout): Promise<void> {
  for (const { directory, manifest, content } of listInstalled(layout)) {
    const record = recordRelease(manifest, join(layout.releases, directory), content.files)
    await writeFile(statPath(layout, directory), record)
  }
}
