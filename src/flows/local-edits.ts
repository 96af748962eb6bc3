/** Whatever a person has made of the release on this machine: overlays, and edits that no overlay has yet. Reads only. */
import type { EditedRelease, Overlay } from '../core/edits.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { isNamed } from '../core/unit-names.ts'
import { type Content, readIntact } from '../edits/content.ts'
import { readEdits } from '../edits/record.ts'
import type { Placed, Source } from '../edits/source.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { findEdits } from './take-edits.ts'

export interface LocalEdit {
  /** Path in the release. */
  readonly unit: string
  /** Whose it is, absent for all. */
  readonly surface: string | undefined
  /** Surface whose entry was edited, and not what the entry was made of. */
  readonly foundOn: string | undefined
  /** `new`: not all of it is in an overlay. `gone`: nothing is left of the unit. */
  readonly is: 'new' | 'overlay' | 'gone'
  readonly base: EditedRelease
  /** What it was made from. */
  readonly before: Source
  readonly after: Placed
  readonly overlay: Overlay | undefined
}

export interface DamagedOverlay {
  readonly overlay: Overlay
  readonly problem: SkillsctlError
}

export interface LocalEdits {
  readonly edits: readonly LocalEdit[]
  readonly damaged: readonly DamagedOverlay[]
}

/** @param full reads every file whatever its stamps say */
export async function localEdits(
  layout: Layout,
  config: MachineConfig,
  { full = false }: { full?: boolean } = {},
): Promise<LocalEdits> {
  const known = await readEdits(layout)
  const read = known.overlays.map((overlay) => ({ overlay, content: contentOf(layout, overlay) }))
  const contents = new Map(
    read.flatMap(({ overlay, content }) =>
      isError(content) ? [] : [[keyOf(overlay), { overlay, content }]],
    ),
  )
  const { edits, gone } = await findEdits(layout, config, known, { full })
  const found = new Map<string, LocalEdit>()
  for (const { foundOn, edit } of edits) {
    const { unit, surface, after } = edit
    const { overlay, content } = contents.get(keyOf(edit)) ?? {}
    const start = { base: overlay?.base ?? edit.base, before: content?.base ?? edit.before }
    const key = `${keyOf(edit)}\n${foundOn ?? ''}`
    if (!found.has(key)) found.set(key, { unit, surface, foundOn, is: 'new', ...start, after, overlay })
  }
  const isFound = new Set([...found.values()].map(keyOf))
  const overlays = [...contents.values()].flatMap(({ overlay, content }): LocalEdit[] => {
    if (isFound.has(keyOf(overlay))) return []
    const { unit, surface, base } = overlay
    const sides = { before: content.base, after: content.mine }
    return [{ unit, surface, foundOn: undefined, is: 'overlay', base, ...sides, overlay }]
  })
  const units = new Set([...known.overlays, ...found.values()].map(({ unit }) => unit))
  const absent = gone.flatMap(({ unit, surface, ...edit }): LocalEdit[] =>
    units.has(unit) ? [] : [{ unit, surface, foundOn: undefined, is: 'gone', ...edit, overlay: undefined }],
  )
  return {
    edits: [...found.values(), ...overlays, ...absent].sort(byUnit),
    damaged: read.flatMap(({ overlay, content }) =>
      isError(content) ? [{ overlay, problem: content }] : [],
    ),
  }
}

function contentOf(layout: Layout, { content }: Overlay): Content | SkillsctlError {
  try {
    return readIntact(layout, content)
  } catch (error) {
    if (isError(error, 'corrupt')) return error
    throw error
  }
}

function keyOf({ unit, surface = '' }: { unit: string; surface?: string | undefined }): string {
  return `${unit}\n${surface}`
}

function byUnit(left: LocalEdit, right: LocalEdit): number {
  return keyOf(left) < keyOf(right) ? -1 : 1
}

/**
 * The edit of a skill that a surface shows: its own before that of all.
 * @param surface undefined where a person did not say: any will do, as long as there is one
 * @returns all that fit: none, the one, or several between which only the person can choose
 */
export function editsNamed(
  edits: readonly LocalEdit[],
  wanted: string,
  surface: string | undefined,
): readonly LocalEdit[] {
  const named = edits.filter(({ unit }) => isNamed(unit, wanted))
  if (surface === undefined) return named
  const own = named.filter(
    (edit) => edit.foundOn === surface || (edit.foundOn === undefined && edit.surface === surface),
  )
  return own.length > 0
    ? own
    : named.filter((edit) => edit.surface === undefined && edit.foundOn === undefined)
}

/** One edit of each unit, for those who can show only one. */
export function oneOfEach(
  edits: readonly LocalEdit[],
  surface: string | undefined,
): ReadonlyMap<string, LocalEdit> {
  const units = new Set(edits.map(({ unit }) => unit))
  return new Map(
    [...units].flatMap((unit) => {
      const [edit] = editsNamed(
        edits.filter((one) => one.unit === unit),
        unit,
        surface,
      )
      return edit === undefined ? [] : [[unit, edit]]
    }),
  )
}

/** @throws always: `usage` */
export function severalFit(wanted: string, fitting: readonly LocalEdit[]): SkillsctlError {
  const place = ({ foundOn, surface }: LocalEdit): string =>
    foundOn ? `as found on ${foundOn}` : (surface ?? 'all surfaces')
  return new SkillsctlError('usage', 'several edits fit', {
    subject: wanted,
    found: fitting.map((one) => `${one.unit} (${place(one)})`).join(', '),
    hint: 'say which with --surface, or give the whole path',
  })
}
