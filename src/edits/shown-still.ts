/** The files of an overlay that is damaged, from a view that shows them still. */
import type { Overlay } from '../core/edits.ts'
import type { Layout } from '../home/layout.ts'
import { type Placed, sourceIn } from './source.ts'
import { readTree } from './tree.ts'
import { viewNames } from './view.ts'

/** Undefined when no view here has every byte of them. */
export function shownStill(layout: Layout, { unit, content }: Overlay): Placed | undefined {
  for (const name of viewNames(layout)) {
    const tree = readTree(layout, name)
    const shown = tree?.overlaid.find((one) => one.unit === unit && one.content === content)
    if (tree === undefined || shown === undefined) continue
    const source = sourceIn(tree.path, shown.entries)
    if (shown.entries.every((entry) => entry.mode === 'link' || source.read(entry) !== undefined))
      return source
  }
  return undefined
}
