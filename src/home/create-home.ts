/** Making the directories of a home. */
import { chmod } from 'node:fs/promises'
import { makeDirectory, makePath } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import type { Layout } from './layout.ts'

/** Makes the directories that are not there yet. */
export async function createHome(layout: Layout): Promise<void> {
  await onDisk(layout.root, async () => {
    // A directory that somebody made before us keeps its mode.
    if (await makeDirectory(layout.root)) await chmod(layout.root, 0o700)
    for (const directory of [layout.releases, layout.manifests, layout.trust, layout.staging, layout.kept]) {
      makePath(directory)
    }
  })
}
