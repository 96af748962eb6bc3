/** The directories of a home that only machines with surfaces have. */
import { makePath } from '../disk/atomic-file.ts'
import { onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

export function createSurfaceDirectories(layout: Layout): void {
  for (const directory of [layout.surfaces, layout.ledgers, layout.leases])
    onDiskNow(directory, () => makePath(directory))
}
