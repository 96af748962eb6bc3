/** Whether a surface shows what it should. */
import type { Surface } from '../core/surface.ts'
import type { Layout } from '../home/layout.ts'
import { readLedger } from './ledger.ts'
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
  const { shows } = await readLedger(layout, surface.name)
  return shows?.release === release && pointerOf(layout, surface.name) === release
}
