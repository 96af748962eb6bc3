/** What ran on this machine before, as far as it is still on disk. */
import { runOrder } from '../core/timeline.ts'
import { readHistory } from './history.ts'
import type { Layout } from './layout.ts'
import { type InstalledName, listNames } from './releases.ts'

/**
 * Releases on disk in the order they ran, the current one last. A copy that was fetched anew lies in another
 * directory and is the same release.
 */
export async function ranHere(layout: Layout): Promise<InstalledName[]> {
  const activations = await readHistory(layout)
  const directories = new Set(activations.map(({ to }) => to))
  const copies = new Map(
    listNames(layout).flatMap((copy) =>
      directories.has(copy.directory) ? [[copy.directory, copy] as const] : [],
    ),
  )
  const latest = new Map<string, InstalledName>()
  const identified = activations.map((activation) => {
    const copy = copies.get(activation.to)
    if (copy === undefined) return activation
    latest.set(copy.manifest, copy)
    return { ...activation, to: copy.manifest }
  })
  return runOrder(identified).flatMap((release) => latest.get(release) ?? [])
}
