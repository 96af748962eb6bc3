/** Merging what a person and a newer release have both made of a unit (SPEC.md, "Merging"). */
import type { Entry, FileEntry } from '../core/manifest.ts'
import { type BothChanged, planMerge } from '../core/merge-entries.ts'
import { mergeText } from '../core/merge-text.ts'
import { integrityOf } from '../trust/digest.ts'
import type { Source } from './source.ts'

export type Merged =
  | { readonly merged: Source; readonly conflicts?: undefined }
  /** Paths that only a person can settle. */
  | { readonly merged?: undefined; readonly conflicts: readonly string[] }

export function mergeUnit(base: Source, mine: Source, theirs: Source): Merged {
  const plan = planMerge({ base: base.entries, mine: mine.entries, theirs: theirs.entries })
  const texts = new Map<string, Buffer>()
  const conflicts = [...plan.conflicts]
  const entries: Entry[] = plan.take.map(({ entry }) => entry)
  for (const both of plan.merge) {
    const text = mergeFile(both, base, mine, theirs)
    if (text === undefined) conflicts.push(both.path)
    else {
      texts.set(both.path, text)
      entries.push({ mode: both.mode, path: both.path, size: text.length, integrity: integrityOf(text) })
    }
  }
  if (conflicts.length > 0) return { conflicts: conflicts.sort() }
  const from = new Map(
    plan.take.map(({ entry, from: side }) => [entry.path, side === 'mine' ? mine : theirs]),
  )
  const read = (file: FileEntry): Buffer | undefined =>
    texts.get(file.path) ?? from.get(file.path)?.read(file)
  return { merged: { entries, read } }
}

function mergeFile(
  { base: from, mine: own, theirs: other }: BothChanged,
  ...sources: [Source, Source, Source]
): Buffer | undefined {
  const [base, mine, theirs] = [sources[0].read(from), sources[1].read(own), sources[2].read(other)]
  // Nobody here has what both started from.
  if (base === undefined || mine === undefined || theirs === undefined) return undefined
  const text = mergeText(base, mine, theirs)
  return text && Buffer.from(text)
}
