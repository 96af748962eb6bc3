/** Whether there is anything to do for a surface. */
import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Surface } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import { isViewOf } from '../edits/view-name.ts'
import { wantedTree } from '../edits/wanted.ts'
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
  if (ledger.waitsSince !== undefined) return false
  return isShown(layout, surface, ledger, await wantedTree(layout, surface.name, release))
}

/** Whether everything on the surface is of this tree, and there. @param wanted name of a tree */
export function isShown(layout: Layout, surface: Surface, ledger: Ledger, wanted: string): boolean {
  const { name, root } = surface
  const { release: shown } = ledger.shows ?? {}
  if (!isViewOf(shown, wanted) || pointerOf(layout, name) !== shown) return false
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
