/** Surfaces that do not show what `current` names, a line each for `status`: which, and what they wait for. */
import { isError } from '../core/errors.ts'
import { formatAge } from '../core/freshness.ts'
import type { Surface } from '../core/surface.ts'
import { whatItAwaits } from '../core/waiting.ts'
import { shownAs } from '../edits/tree-name.ts'
import type { Layout } from '../home/layout.ts'
import { sessionsOn } from './lease.ts'
import { readLedger } from './ledger.ts'
import { pointerOf } from './pointer.ts'
import { isDirectory } from './root.ts'
import { isSettled } from './settled.ts'
import { wantedReleases } from './wanted.ts'

/** @param now milliseconds since the epoch */
export async function surfacesBehind(
  layout: Layout,
  surfaces: readonly Surface[],
  now: number,
): Promise<string[]> {
  const lines: string[] = []
  for (const surface of surfaces) {
    const line = await lineFor(layout, surface, now)
    if (line !== undefined) lines.push(line)
  }
  return lines
}

async function lineFor(layout: Layout, surface: Surface, now: number): Promise<string | undefined> {
  const { name, root } = surface
  try {
    if (root !== undefined && !isDirectory(root))
      return `${name} shows nothing, its root is gone: see skillsctl doctor`
    if (await isSettled(layout, surface, (await wantedReleases(layout, now))(name))) return undefined
    const { waitsSince } = await readLedger(layout, name)
    const pointer = pointerOf(layout, name)
    const shows = pointer === undefined ? 'nothing' : shownAs(pointer)
    if (surface.switch === 'now' || waitsSince === undefined)
      return `${name} is behind, it shows ${shows}: run skillsctl pull`
    const age = formatAge(now - Date.parse(waitsSince))
    return `${name} shows ${shows} until ${whatItAwaits(sessionsOn(layout, name, now))} (waits since ${age})`
  } catch (error) {
    if (!isError(error)) throw error
    return `${name} cannot be looked at: ${error.message}: see skillsctl doctor`
  }
}
