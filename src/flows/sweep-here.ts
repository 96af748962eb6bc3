/** Clearing away what was shown of edits, and is not any more. Most machines have none of it, and load nothing for it. */
import { existsSync } from 'node:fs'
import type { Layout } from '../home/layout.ts'
import type { StagingArea } from '../home/staging.ts'

/** The caller holds the lock. @param held names of trees @returns directories of `kept/` with edits found in what went */
export async function sweepHere(
  layout: Layout,
  held: ReadonlySet<string>,
  area: StagingArea,
): Promise<readonly string[]> {
  if (!existsSync(layout.views) && !existsSync(layout.overlays)) return []
  const [{ sweepEdits }, { readEdits }] = await Promise.all([
    import('../edits/sweep.ts'),
    import('../edits/record.ts'),
  ])
  return sweepEdits(layout, await readEdits(layout), held, area.directory)
}
