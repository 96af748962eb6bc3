/**
 * What became of the lines of a text: a shortest edit script, its changes moved to where git would show them. Of the many
 * shortest scripts of a text with repeated lines, merging depends on which one is taken (test/edits/merge-text.test.ts).
 */
import { diffArrays } from 'diff/lib/diff/array.js'

/** Lines `[from, to)` became lines `[start, end)`. One of both may be empty. */
export interface LineChange {
  readonly from: number
  readonly to: number
  readonly start: number
  readonly end: number
}

/** The cost grows with the square of it: a quarter of a second here. Lines that only one side has don't count. */
const MOST_MOVED_LINES = 500

/** In order, no two of them adjacent; undefined when finding out would take too long. */
export function changesOf(before: readonly string[], after: readonly string[]): LineChange[] | undefined {
  const pairs = commonLines(before, after)
  if (pairs === undefined) return undefined
  const [left, right] = [
    sideOf(before, (index) => pairs[index]?.[0]),
    sideOf(after, (index) => pairs[index]?.[1]),
  ]
  settle(left, right)
  settle(right, left)
  return left.gaps.flatMap(({ start: from, end: to }, index) => {
    const { start, end } = gapAt(right, index)
    return from === to && start === end ? [] : [{ from, to, start, end }]
  })
}

type Pair = readonly [before: number, after: number]

/** A longest common subsequence, beginning with what both begin with and ending with what both end with. */
function commonLines(before: readonly string[], after: readonly string[]): Pair[] | undefined {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && before[head] === after[head]) head++
  let tail = 0
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const [left, right] = [before.length - tail, after.length - tail]
  const between = commonBetween(before.slice(head, left), after.slice(head, right))
  if (between === undefined) return undefined
  return [
    ...Array.from({ length: head }, (_, index): Pair => [index, index]),
    ...between.map(([i, j]): Pair => [head + i, head + j]),
    ...Array.from({ length: tail }, (_, index): Pair => [left + index, right + index]),
  ]
}

function commonBetween(left: readonly string[], right: readonly string[]): Pair[] | undefined {
  // A line that the other side lacks is in no common subsequence, and numbers are compared faster than lines.
  const known = new Set(right)
  const ids = new Map<string, number>()
  for (const line of left) if (known.has(line) && !ids.has(line)) ids.set(line, ids.size)
  const [those, these] = [sharedLines(left, ids), sharedLines(right, ids)]
  const script = diffArrays(those.ids, these.ids, { maxEditLength: MOST_MOVED_LINES })
  if (script === undefined) return undefined
  const pairs: Pair[] = []
  let [i, j] = [0, 0]
  for (const { added, removed, count } of script) {
    for (let step = 0; step < count; step++) {
      const [from, to] = [those.indexes[i], these.indexes[j]]
      if (!added && !removed && from !== undefined && to !== undefined) pairs.push([from, to])
      if (!added) i++
      if (!removed) j++
    }
  }
  return pairs
}

function sharedLines(lines: readonly string[], known: ReadonlyMap<string, number>) {
  const [ids, indexes]: [number[], number[]] = [[], []]
  for (const [index, line] of lines.entries()) {
    const id = known.get(line)
    if (id === undefined) continue
    ids.push(id)
    indexes.push(index)
  }
  return { ids, indexes }
}

interface Gap {
  readonly start: number
  readonly end: number
}

/** One of the two texts. Both have as many gaps: one before each common line, and one behind the last. */
interface Side {
  readonly lines: readonly string[]
  readonly gaps: Gap[]
}

/** @param common index of the nth common line, as long as there is one */
function sideOf(lines: readonly string[], common: (index: number) => number | undefined): Side {
  const gaps: Gap[] = []
  let start = 0
  for (let end = common(0); end !== undefined; end = common(gaps.length)) {
    gaps.push({ start, end })
    start = end + 1
  }
  return { lines, gaps: [...gaps, { start, end: lines.length }] }
}

function gapAt({ gaps }: Side, index: number): Gap {
  const gap = gaps[index]
  if (gap === undefined) throw new RangeError(`there is no gap ${index}`)
  return gap
}

/**
 * Where equal lines follow each other, a change can be said to be at several places. Git takes the last, or the last
 * where the other side has changed as well. Changes that meet on the way become one, and start over.
 */
function settle(side: Side, other: Side): void {
  for (let index = 0; index < side.gaps.length; index++) {
    if (lengthOf(side, index) === 0) continue
    let length: number
    let aligned: number | undefined
    do {
      length = lengthOf(side, index)
      while (canRise(side, index)) rise(side, index--)
      aligned = lengthOf(other, index) > 0 ? index : undefined
      while (canSink(side, index)) {
        sink(side, index++)
        if (lengthOf(other, index) > 0) aligned = index
      }
    } while (length !== lengthOf(side, index))
    if (aligned !== undefined) while (index > aligned) rise(side, index--)
  }
}

function lengthOf(side: Side, index: number): number {
  const { start, end } = gapAt(side, index)
  return end - start
}

function canRise(side: Side, index: number): boolean {
  const { start, end } = gapAt(side, index)
  return index > 0 && side.lines[start - 1] === side.lines[end - 1]
}

function canSink(side: Side, index: number): boolean {
  const { start, end } = gapAt(side, index)
  return index < side.gaps.length - 1 && side.lines[start] === side.lines[end]
}

/** The change takes in the common line above it, and leaves its own last line in place of that. */
function rise(side: Side, index: number): void {
  const { end } = gapAt(side, index)
  side.gaps[index - 1] = { start: gapAt(side, index - 1).start, end: end - 1 }
  side.gaps[index] = { start: end, end }
}

/** The same downwards. */
function sink(side: Side, index: number): void {
  const { start } = gapAt(side, index)
  side.gaps[index + 1] = { start: start + 1, end: gapAt(side, index + 1).end }
  side.gaps[index] = { start, end: start }
}
