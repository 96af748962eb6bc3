/** What a person made of a unit, set aside whole: beside what it was made from, so that it can be told what it changed. */
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Overlay } from '../core/edits.ts'
import { syncDirectory } from '../disk/atomic-file.ts'
import { copyWhole, pathsIn } from '../disk/copy-whole.ts'
import { onDisk } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { inStaging } from '../home/staging.ts'

/** In front of the name of the content. */
export const KEPT_EDIT = 'edit-'

/** A copy: the edit counts until `edits.json` says otherwise. @returns its directory in `kept/` */
export async function keepOverlay(layout: Layout, { content }: Pick<Overlay, 'content'>): Promise<string> {
  const kept = join(layout.kept, `${KEPT_EDIT}${content}`)
  // The name tells what it holds. Whoever kept it may have been killed between the rename and its sync.
  if (existsSync(kept)) {
    await onDisk(layout.kept, () => syncDirectory(layout.kept))
    return kept
  }
  return inStaging(layout, async ({ directory }) => {
    const copy = join(directory, content)
    return onDisk(kept, async () => {
      await copyWhole(join(layout.overlays, content), copy)
      await syncTree(copy, ...pathsIn(copy))
      await rename(copy, kept)
      await syncDirectory(layout.kept)
      return kept
    })
  })
}
