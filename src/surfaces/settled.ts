/** Whether there is anything to do for a surface. */
import type { Surface } from '../core/surface.ts'
import type { Layout } from '../home/layout.ts'
import { type Ledger, readLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'

/**
 * Reads two small files, and waits for nobody.
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

/** Whether everything on the surface is of this release. */
export function isShown(layout: Layout, { name }: Surface, { shows }: Ledger, release: string): boolean {
  return shows?.release === release && pointerOf(layout, name) === release
}
