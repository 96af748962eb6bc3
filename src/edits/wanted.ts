/** Which tree a surface should show. */
import type { Layout } from '../home/layout.ts'
import { readEdits } from './record.ts'
import { overlaysFor, viewName } from './view-name.ts'

/** @param release directory of `releases/` */
export async function wantedTree(layout: Layout, surface: string, release: string): Promise<string> {
  const { overlays } = await readEdits(layout)
  return viewName(release, overlaysFor(overlays, surface))
}
