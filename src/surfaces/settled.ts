/** Whether there is anything to do for a surface. */
import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Surface } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { type Ledger, readLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'

/**
 * Reads two small files, looks once at each entry, and waits for nobody.
 * @param release directory of `releases/` that `current` names
 */
export async function isSettled(
  layout: Layout,
  surface: Surface,
  release: string | undefined,
): Promise<boolean> {
  if (surface.root === undefined || release === undefined) return true
  const ledger = await readLedger(layout, surface.name)
  return ledger.waitsSince === undefined && isShown(layout, surface, ledger, release)
}

/** Whether everything on the surface is of this release, and there. */
export function isShown(layout: Layout, surface: Surface, ledger: Ledger, release: string): boolean {
  const { name, root } = surface
  if (ledger.shows?.release !== release || pointerOf(layout, name) !== release) return false
  return root === undefined || isComplete(root, ledger)
}

/**
 * Nothing is gone, or leads nowhere as after a move of the home, and no place is free that something else had taken.
 * What an entry holds is not looked at: that takes `doctor`.
 */
function isComplete(root: string, { entries, shadowed }: Ledger): boolean {
  return onDiskNow(
    root,
    () =>
      [...entries.keys()].every((place) => existsSync(join(root, place))) &&
      shadowed.every((place) => lstatSync(join(root, place), { throwIfNoEntry: false }) !== undefined),
  )
}
