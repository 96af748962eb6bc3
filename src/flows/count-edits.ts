/** How many edits there are on this machine, for `status`: loaded where there may be any. */
import { isUnresolved } from '../core/edits.ts'
import { readEdits } from '../edits/record.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { findEdits } from './take-edits.ts'

export interface EditCounts {
  /** Found just now: the next pull takes them over. */
  readonly new: number
  readonly kept: number
  /** Of those that are kept. */
  readonly blessed: number
  readonly waits: number
}

/** @throws SkillsctlError `corrupt` */
export async function countEdits(layout: Layout, config: MachineConfig): Promise<EditCounts> {
  const known = await readEdits(layout)
  const { edits } = await findEdits(layout, config, known)
  const { overlays } = known
  return {
    new: new Set(edits.map(({ edit }) => `${edit.unit}\n${edit.surface ?? ''}`)).size,
    kept: overlays.length,
    blessed: overlays.filter(({ blessed }) => blessed !== undefined).length,
    waits: overlays.filter(isUnresolved).length,
  }
}
