/** How much of one text is in another, and which of several units is one that somebody renamed. About what git does. */
import type { Entry } from './manifest.ts'

const LF = 10
/** Longer lines are compared in parts. Bytes. */
const LONGEST_PIECE = 64
/** Less in common is another unit. */
const ALIKE = 0.5

/** 0 to 1: bytes of lines that are in both, wherever, of the longer one. */
export function similarity(a: Uint8Array, b: Uint8Array): number {
  const longer = Math.max(a.length, b.length)
  if (longer === 0) return 1
  const [left, right] = [piecesOf(a), piecesOf(b)]
  let shared = 0
  for (const [hash, bytes] of left) shared += Math.min(bytes, right.get(hash) ?? 0)
  return shared / longer
}

/** Hash of each line → bytes of all lines that have it. Two lines with the same hash do no harm to an estimate. */
function piecesOf(bytes: Uint8Array): ReadonlyMap<number, number> {
  const pieces = new Map<number, number>()
  let [hash, length] = [0, 0]
  for (const [index, byte] of bytes.entries()) {
    hash = (Math.imul(hash, 31) + byte) | 0
    length++
    if (byte !== LF && length < LONGEST_PIECE && index < bytes.length - 1) continue
    pieces.set(hash, (pieces.get(hash) ?? 0) + length)
    hash = 0
    length = 0
  }
  return pieces
}

/** A file or link of a unit, as a skill is one; `path` is relative to it. */
export type UnitFile = Entry & {
  /** Read only where that decides something; undefined when it cannot be had. */
  bytes(): Uint8Array | undefined
}

/** The one candidate that is the renamed base: at least half of it, and more alike than any other. */
export function findRenamed(
  base: readonly UnitFile[],
  candidates: ReadonlyMap<string, readonly UnitFile[]>,
): string | undefined {
  const comparisons = [...candidates].map(([name, files]) => ({ name, ...compare(base, files) }))
  let best: { readonly name: string | undefined; readonly score: number } = { name: undefined, score: 0 }
  // Those with the most to expect first, so that the others need not be read.
  for (const { name, most, scoreOf } of comparisons.sort((one, other) => other.most - one.most)) {
    if (most < ALIKE || most < best.score) break
    const score = scoreOf()
    if (score > best.score) best = { name, score }
    else if (score === best.score) best = { name: undefined, score }
  }
  return best.score < ALIKE ? undefined : best.name
}

interface Comparison {
  /** The score when every file that would have to be read were the same. */
  readonly most: number
  /** 0 to 1. Reads files. */
  scoreOf(): number
}

function compare(base: readonly UnitFile[], candidate: readonly UnitFile[]): Comparison {
  const { same, left, right } = withoutEqual(base, candidate)
  const whole = Math.max(weightOfAll(base), weightOfAll(candidate), 1)
  const byPath = new Map(right.map((file) => [file.path, file]))
  const pairs = left.flatMap((file) => {
    const other = byPath.get(file.path)
    return other === undefined || file.mode === 'link' || other.mode === 'link' ? [] : [{ file, other }]
  })
  const most = pairs.reduce((sum, { file, other }) => sum + Math.min(weightOf(file), weightOf(other)), same)
  return {
    most: most / whole,
    scoreOf: () => pairs.reduce((sum, { file, other }) => sum + sharedWeight(file, other), same) / whole,
  }
}

/** Files of the same content, under whatever path, are taken out of both. `same` is their weight. */
function withoutEqual(base: readonly UnitFile[], candidate: readonly UnitFile[]) {
  const right = new Set(candidate)
  const byContent = new Map<string, UnitFile[]>()
  for (const file of candidate) {
    const equal = byContent.get(contentOf(file))
    if (equal === undefined) byContent.set(contentOf(file), [file])
    else equal.push(file)
  }
  let same = 0
  const left = base.filter((file) => {
    const equal = byContent.get(contentOf(file))?.pop()
    if (equal === undefined) return true
    same += weightOf(file)
    right.delete(equal)
    return false
  })
  return { same, left, right: [...right] }
}

function sharedWeight(file: UnitFile, other: UnitFile): number {
  const [before, after] = [file.bytes(), other.bytes()]
  if (before === undefined || after === undefined) return 0
  return similarity(before, after) * Math.max(weightOf(file), weightOf(other))
}

function contentOf(entry: Entry): string {
  return entry.mode === 'link' ? `link ${entry.target}` : entry.integrity
}

/** Also empty files make a unit what it is. */
function weightOf(entry: Entry): number {
  return 1 + (entry.mode === 'link' ? entry.target.length : entry.size)
}

function weightOfAll(files: readonly Entry[]): number {
  return files.reduce((sum, file) => sum + weightOf(file), 0)
}
