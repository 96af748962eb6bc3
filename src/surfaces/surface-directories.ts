/** The directories of a home that only machines with surfaces have. */
import { makePath } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

export async function createSurfaceDirectories(layout: Layout): Promise<void> {
  for (const directory of [layout.surfaces, layout.ledgers, layout.leases])
    await onDisk(directory, () => makePath(directory))
}
