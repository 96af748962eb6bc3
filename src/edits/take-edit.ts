/** An edit, however it was made, becomes an overlay, or a change of one. */
import type { EditedRelease, Overlay } from '../core/edits.ts'
import { type Content, storeContent } from './content.ts'
import { mergeUnit } from './merge-unit.ts'
import { isSame, type Overlays } from './overlays.ts'
import type { Placed, Source } from './source.ts'

/** Something that a person has made of a unit. */
export interface Edit {
  readonly unit: string
  /** Whose edit it is, absent for all. */
  readonly surface?: string | undefined
  /** The release that it started from. */
  readonly base: EditedRelease
  readonly before: Source
  readonly after: Placed
}

/** Takes an edit over, however it was made. */
export async function takeEdit(overlays: Overlays, edit: Edit): Promise<void> {
  const { unit, surface, base, before, after } = edit
  const known = overlays.find(unit, surface)
  if (isSame(before, after) || overlays.policy(unit, surface, known) === 'take') {
    if (!isSame(before, after))
      overlays.outcome('aside', edit, { kept: await overlays.keep(edit.base, before, after) })
    return
  }
  if (known === undefined) {
    const { name } = await storeContent(overlays.layout, unit, startOf(overlays, edit), after)
    overlays.add({ unit, surface, content: name, base, since: overlays.now, changedAt: overlays.now })
    return overlays.outcome('kept', edit)
  }
  const content = overlays.intact(known)
  if (content === undefined) return takeAgain(overlays, known, edit)
  if (isSame(after, content.mine)) return
  if (isSame(before, content.mine)) return change(overlays, known, content, after)
  // Meanwhile it was changed elsewhere, too: another surface, a merge.
  const { merged } = mergeUnit(before, after, content.mine)
  if (merged !== undefined) await overlays.keep(base, before, after)
  if (merged !== undefined && isSame(merged, content.mine)) return
  const kept = await overlays.keepWritten(known, content)
  if (merged !== undefined) return change(overlays, known, content, merged, kept, true)
  // What newer releases changed is not in it: as if it had waited since the one that it was made of.
  if (base.manifest !== known.base.manifest) return takeAgain(overlays, known, edit, kept)
  await change(overlays, known, content, after, kept)
}

/** In the place of what was known, which is damaged or made of another release. */
async function takeAgain(overlays: Overlays, known: Overlay, edit: Edit, kept?: string): Promise<void> {
  const { base } = edit
  const { name } = await storeContent(overlays.layout, edit.unit, startOf(overlays, edit), edit.after)
  const { isMerged: _, ...written } = known
  overlays.replace(known, { ...written, content: name, base, waits: undefined, changedAt: overlays.now })
  overlays.outcome('kept', known, { kept })
}

/** What an edit started from may have been an overlay that is no more, or another one by now. */
function startOf(overlays: Overlays, { unit, base, before }: Edit): Source {
  return overlays.releasedAt(base, unit) ?? before
}

async function change(
  overlays: Overlays,
  known: Overlay,
  { base }: Content,
  mine: Source,
  kept?: string,
  isMerged?: boolean,
): Promise<void> {
  if (isSame(base, mine)) {
    overlays.remove(known)
    return overlays.outcome('ended', known, { kept })
  }
  const { name } = await storeContent(overlays.layout, known.unit, base, mine)
  overlays.replace(known, { ...known, content: name, changedAt: overlays.now, isMerged })
  overlays.outcome('kept', known, { kept })
}
