/** Removing views that nobody reads any more, and contents of overlays that are no more. */
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edits } from '../core/edits.ts'
import { onDisk } from '../disk/fault.ts'
import { removeTree } from '../disk/remove-tree.ts'
import { keepEdits } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { contentNames, isRecordLost } from './content.ts'
import { editedUnits } from './edited.ts'
import { readTree, type Tree } from './tree.ts'
import { forgetView, takeViewAway, viewNames } from './view.ts'

/**
 * @param held names of trees that somebody may be reading
 * @param area this run's staging directory
 * @returns directories of `kept/` with edits that were found in what was removed
 */
export async function sweepEdits(
  layout: Layout,
  edits: Edits,
  held: ReadonlySet<string>,
  area: string,
): Promise<readonly string[]> {
  const kept: string[] = []
  for (const name of viewNames(layout)) {
    if (held.has(name)) continue
    const tree = readTree(layout, name)
    // Before, so that a kill loses nothing; and after, when nobody can reach it by its name any more.
    kept.push(...(await keepUntaken(layout, tree, edits)))
    const away = await takeViewAway(layout, name, area)
    kept.push(...(await keepUntaken(layout, tree, edits, away)))
    await removeTree(away)
    await forgetView(layout, name)
  }
  // Somebody has removed it: the next look for edits makes it anew of what is there.
  if (isRecordLost(layout)) return kept
  // Whoever edits in a view that is older has made that of what it shows.
  const shown = viewNames(layout).flatMap((name) => readTree(layout, name)?.overlaid ?? [])
  const used = new Set([...edits.overlays, ...shown].map(({ content }) => content))
  for (const name of contentNames(layout)) {
    if (used.has(name)) continue
    const away = join(area, name)
    await onDisk(away, () => rename(join(layout.overlays, name), away))
    await removeTree(away)
  }
  return kept
}

/** Edits in a tree that is neither in an overlay nor in `kept/` yet. @returns directories of `kept/` */
export async function keepUntaken(
  layout: Layout,
  tree: Tree | undefined,
  { taken }: Edits,
  root?: string,
): Promise<string[]> {
  if (tree === undefined || !existsSync(root ?? tree.path)) return []
  const units = editedUnits(layout, tree, root === undefined ? {} : { root })
  const untaken = units.filter(({ unit, digest }) => taken.get(tree.name)?.get(unit) !== digest)
  const drift = untaken.flatMap((one) => one.drift)
  const { version, manifest } = tree.release
  const kept = await keepEdits(layout, { directory: tree.name, version, manifest }, drift, root ?? tree.path)
  return kept === undefined ? [] : [kept]
}
