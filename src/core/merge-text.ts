/**
 * A three-way merge of one file, line by line, as `git merge-file` does it: clean or not at all. What cannot be merged is a
 * person's to decide, so that nothing like a conflict marker is ever made.
 */
import { changesOf, type LineChange } from './line-changes.ts'
import { bytesOf, isText, linesOf } from './lines.ts'

/**
 * @param mine what the person made of `base` @param theirs what became of it elsewhere
 * @returns undefined when both changed the same or neighbouring lines in different ways, and for what is binary or too
 *   much to compare
 */
export function mergeText(base: Uint8Array, mine: Uint8Array, theirs: Uint8Array): Uint8Array | undefined {
  if (![base, mine, theirs].every(isText)) return undefined
  const [origin, left, right] = [linesOf(base), linesOf(mine), linesOf(theirs)]
  const ours = changesOf(origin, left)
  const others = ours && changesOf(origin, right)
  if (ours === undefined || others === undefined) return undefined
  const merged: (readonly string[])[] = []
  let done = 0
  for (const region of regionsOf(ours, others)) {
    const text = agreed(textIn(region, left, region.mine), textIn(region, right, region.theirs))
    if (text === undefined) return undefined
    merged.push(origin.slice(done, region.from), text)
    done = region.to
  }
  return bytesOf([...merged, origin.slice(done)].flat())
}

/** Lines `[from, to)` of the base, and what became of them. */
interface Region {
  readonly from: number
  to: number
  readonly mine: LineChange[]
  readonly theirs: LineChange[]
}

/** Changes that touch are one region: neither of them knows what the other does to its neighbour. */
function regionsOf(mine: readonly LineChange[], theirs: readonly LineChange[]): Region[] {
  const all = [
    ...mine.map((change) => ({ change, side: 'mine' as const })),
    ...theirs.map((change) => ({ change, side: 'theirs' as const })),
  ]
  const regions: Region[] = []
  for (const { change, side } of all.sort((one, other) => one.change.from - other.change.from)) {
    const { from, to } = change
    let region = regions.at(-1)
    if (region === undefined || region.to < from) {
      region = { from, to, mine: [], theirs: [] }
      regions.push(region)
    }
    region[side].push(change)
    region.to = Math.max(region.to, to)
  }
  return regions
}

/** What one version has in place of a region; undefined when it left it alone. */
function textIn(
  { from, to }: Region,
  lines: readonly string[],
  changes: readonly LineChange[],
): readonly string[] | undefined {
  const [first, last] = [changes[0], changes.at(-1)]
  if (first === undefined || last === undefined) return undefined
  return lines.slice(first.start - (first.from - from), last.end + (to - last.to))
}

function agreed(
  mine: readonly string[] | undefined,
  theirs: readonly string[] | undefined,
): readonly string[] | undefined {
  if (mine === undefined || theirs === undefined) return mine ?? theirs
  const isSame = mine.length === theirs.length && mine.every((line, index) => line === theirs[index])
  return isSame ? mine : undefined
}
