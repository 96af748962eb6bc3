/** What the trees of a surface are called: a release as it is, or a view with the overlays of that surface in it. */
import type { Overlay } from '../core/edits.ts'
import { sha256Hex } from '../trust/digest.ts'

/** The overlays that a surface shows: its own before those of all. */
export function overlaysFor(overlays: readonly Overlay[], surface: string): readonly Overlay[] {
  const own = overlays.filter((overlay) => overlay.surface === surface)
  const ofAll = overlays.filter((overlay) => overlay.surface === undefined)
  return [...own, ...ofAll.filter(({ unit }) => own.every((other) => other.unit !== unit))]
}

/**
 * Name of the tree that shows a release with these overlays; views that were edited since have others.
 * @param release directory of `releases/`
 */
export function viewName(release: string, overlays: readonly Overlay[]): string {
  if (overlays.length === 0) return release
  const lines = overlays.map(({ unit, content, surface = '' }) => `${unit} ${content} ${surface}\n`)
  return `${release}~${sha256Hex(lines.sort().join('')).slice(0, 8)}`
}

/** The tree of this name, whether as it was made or under a further one, when somebody has worked in the first. */
export function isViewOf(name: string | undefined, wanted: string): boolean {
  return name === wanted || (name?.startsWith(`${wanted}.`) === true && wanted.includes('~'))
}
