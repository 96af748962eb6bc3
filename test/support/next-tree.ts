/** A tree from an installed one and a bundle, as a pull makes it: copied, then changed. */

import type { Catchup } from '../../src/archive/catchup.ts'
import { type Base, copyTree, falseUnlessFull } from '../../src/archive/copy-tree.ts'
import { patchTree } from '../../src/archive/patch-tree.ts'
import type { Manifest } from '../../src/core/manifest.ts'

/** @returns whether the tree in `directory` is that of the manifest; if not, it holds debris */
export function buildNextTree(directory: string, manifest: Manifest, catchup: Catchup, base: Base): boolean {
  try {
    const copying = copyTree(directory, base)
    for (let step = copying.next(); ; step = copying.next()) {
      if (step.done === true) return step.value && patchTree(directory, manifest, catchup, base) !== false
    }
  } catch (error) {
    return falseUnlessFull(error, directory)
  }
}
