/**
 * Local edits become overlays, and overlays follow the release (SPEC.md, "Local edits"): looked at in every place where
 * an agent reads, before any surface moves. The caller holds the lock.
 */
import { existsSync } from 'node:fs'
import { parsePolicies } from '../core/edit-policy.ts'
import type { Edits, Overlay } from '../core/edits.ts'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import type { Surface } from '../core/surface.ts'
import { isIntact, isRecordLost, minePath } from '../edits/content.ts'
import { digestOf, type EditedUnit, editedUnits } from '../edits/edited.ts'
import { releaseOf } from '../edits/edited-release.ts'
import type { Outcome } from '../edits/overlays.ts'
import { pristine } from '../edits/pristine.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { type Source, sourceIn } from '../edits/source.ts'
import type { Edit } from '../edits/take-edit.ts'
import { readTree, type Tree, treePath } from '../edits/tree.ts'
import { isView, releaseIn } from '../edits/tree-name.ts'
import { isViewOf, overlaysFor, viewName } from '../edits/view-name.ts'
import type { MachineConfig } from '../home/config.ts'
import { isUntouched } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { Originals } from '../home/originals.ts'
import { currentDirectory, currentName, currentRelease } from '../home/releases.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { type EditedEntry, editedEntries } from '../surfaces/edited-entries.ts'
import { readLedger } from '../surfaces/ledger.ts'
import { isWrittenSince, leftTrees } from '../surfaces/left-trees.ts'
import { pointerOf } from '../surfaces/pointer.ts'

export interface TakenEdits {
  readonly outcomes: readonly Outcome[]
  /** Names of trees whose copies were edited, and of views of which a unit is gone: whoever shows them looks again. */
  readonly spoiled: ReadonlySet<string>
}

/** An edit where it was found. */
export interface Found {
  /** Of `Edits.taken`. */
  readonly where: string
  /** Surface whose entry was edited, and not what the entry was made of. */
  readonly foundOn?: string
  readonly digest: string
  readonly edit: Edit
}

export interface FoundEdits {
  readonly edits: readonly Found[]
  /** Units of which nothing is left: nobody wrote anything, and they come back. */
  readonly gone: readonly Edit[]
  readonly spoiled: ReadonlySet<string>
  /** Units that hold up nobody else. */
  readonly unreadable: readonly UnreadableUnit[]
}

export interface UnreadableUnit {
  readonly unit: string
  readonly problem: SkillsctlError
}

/** Where edits are looked for. */
export interface Where {
  /** Directories of `releases/` that were read until now. */
  readonly also?: readonly string[]
  /** Reads every file whatever its stamps say. */
  readonly full?: boolean
  /** Names of surfaces: nothing but what they show, for somebody who waits. */
  readonly only?: readonly string[] | undefined
}

/**
 * Whatever differs, wherever agents read on this machine. Reads only.
 */
export async function findEdits(
  layout: Layout,
  config: MachineConfig,
  { taken, overlays }: Edits,
  { also = [], full = false, only }: Where = {},
): Promise<FoundEdits> {
  const surfaces = surfacesOf(config).flatMap(({ root, ...surface }) =>
    root === undefined || only?.includes(surface.name) === false ? [] : [{ ...surface, root }],
  )
  const pointers = surfaces.flatMap(({ name }) => pointerOf(layout, name) ?? [])
  const current = currentDirectory(layout)
  const names = new Set([
    ...pointers,
    ...pointers.map(releaseIn),
    ...also,
    ...(current === undefined || only !== undefined ? [] : [current]),
  ])
  const found: Found[] = []
  const gone: Edit[] = []
  const spoiled = new Set<string>()
  const unreadable: UnreadableUnit[] = []
  const originals = new Originals(layout)
  for (const name of names) {
    const tree = treeToSearch(layout, name, full)
    if (tree === undefined) continue
    for (const unit of editedUnits(layout, tree, { full })) {
      if (unit.problem !== undefined) {
        unreadable.push({ unit: unit.unit, problem: unit.problem })
        continue
      }
      const edit = editIn(layout, tree, unit, originals)
      if (unit.after.length > 0) found.push({ where: name, digest: unit.digest, edit })
      else {
        // A view is made anew, a release is restored.
        gone.push(edit)
        if (isView(name)) spoiled.add(name)
      }
    }
  }
  for (const [name, until] of only === undefined ? await leftTrees(layout, surfaces) : []) {
    const tree = names.has(name) ? undefined : treeToSearch(layout, name, full)
    for (const unit of tree === undefined ? [] : editedUnits(layout, tree, { full })) {
      if (tree === undefined || unit.problem !== undefined || !isWrittenSince(unit, until)) continue
      found.push({ where: name, digest: unit.digest, edit: editIn(layout, tree, unit, originals) })
    }
  }
  for (const surface of surfaces) {
    const pointer = pointerOf(layout, surface.name)
    if (pointer !== undefined && isShownWithout(layout, pointer, overlaysFor(overlays, surface.name)))
      spoiled.add(pointer)
    for (const { tree, unit, before, after } of await entriesEdited(layout, surface)) {
      const start = madeFrom(layout, tree, unit, before, originals)
      const edit = { unit, ...startOf(tree, unit), before: start, after }
      spoiled.add(pointer ?? tree.name)
      const where = entriesOf(surface.name)
      found.push({ where, foundOn: surface.name, digest: digestOf(after.entries), edit })
    }
  }
  return {
    edits: found.filter(({ where, digest, edit }) => taken.get(where)?.get(edit.unit) !== digest),
    gone,
    spoiled,
    unreadable,
  }
}

/** Undefined for one that is gone, and for a release that nobody touched: then nobody has to know what is in it. */
function treeToSearch(layout: Layout, name: string, full: boolean): Tree | undefined {
  return !full && !isView(name) && isUntouched(layout, name) ? undefined : readTree(layout, name)
}

/** Whether an overlay was damaged when this view was made, and has come back since. */
function isShownWithout(layout: Layout, view: string, overlays: readonly Overlay[]): boolean {
  if (!isView(view) || !isViewOf(view, viewName(releaseIn(view), overlays))) return false
  const shown = new Set(readTree(layout, view)?.overlaid.map(({ unit }) => unit))
  return overlays.some(({ unit, content }) => !shown.has(unit) && isIntact(layout, content))
}

/** Of a surface that cannot be looked at, whoever moves it says why. */
async function entriesEdited(layout: Layout, surface: Rooted): Promise<EditedEntry[]> {
  try {
    return editedEntries(layout, surface, await readLedger(layout, surface.name))
  } catch (error) {
    if (isError(error)) return []
    throw error
  }
}

/** Where edits are found that lie in no tree of ours. No tree has such a name. */
function entriesOf(surface: string): string {
  return `entries of ${surface}`
}

function isEntries(where: string): boolean {
  return where.startsWith(entriesOf(''))
}

type Rooted = Surface & { readonly root: string }

function editIn(
  layout: Layout,
  tree: Tree,
  { unit, root, before, after }: EditedUnit,
  originals: Originals,
): Edit {
  return {
    unit,
    ...startOf(tree, unit),
    before: madeFrom(layout, tree, unit, before, originals),
    after: sourceIn(root, after),
  }
}

/** What is overlaid was never in a release: its bytes are in the overlay. */
function madeFrom(
  layout: Layout,
  { path, overlaid }: Tree,
  unit: string,
  before: readonly Entry[],
  originals: Originals,
): Source {
  const content = overlaid.find((one) => one.unit === unit)?.content
  return pristine(
    layout,
    before,
    content === undefined ? [path] : [path, minePath(layout, content)],
    originals,
  )
}

/** Whose edit it is, and of which release. */
function startOf({ overlaid, release }: Tree, unit: string): Pick<Edit, 'surface' | 'base'> {
  return { surface: overlaid.find((one) => one.unit === unit)?.surface, base: releaseOf(release) }
}

/**
 * @param now milliseconds since the epoch
 */
export async function takeEdits(
  layout: Layout,
  config: MachineConfig,
  now: number,
  where: Where = {},
): Promise<TakenEdits> {
  const before = await foundEdits(layout, config)
  const { edits, spoiled, unreadable } = await findEdits(layout, config, before, where)
  const untaken = unreadable.map(
    ({ unit, problem }): Outcome => ({ unit, became: 'unreadable', paths: [problem.subject ?? unit] }),
  )
  const current = edits.length + before.overlays.length === 0 ? undefined : currentRelease(layout)
  const isBehind =
    current !== undefined &&
    before.overlays.length > 0 &&
    (before.followed !== current.manifest || (where.also ?? []).length > 0)
  if (edits.length === 0 && !isBehind) return { outcomes: untaken, spoiled }
  const [{ Overlays }, { takeEdit }, { followRelease }] = await Promise.all([
    import('../edits/overlays.ts'),
    import('../edits/take-edit.ts'),
    import('../edits/follow-release.ts'),
  ])
  const overlays = new Overlays(layout, before, parsePolicies(config.raw), now)
  // Of a tree that is gone nothing can be found again.
  const taken = new Map(
    [...before.taken].filter(([where]) => isEntries(where) || existsSync(treePath(layout, where))),
  )
  for (const { where, digest, edit } of edits) {
    await takeEdit(overlays, edit)
    taken.set(where, new Map([...(taken.get(where) ?? []), [edit.unit, digest]]))
  }
  if (current !== undefined) await followRelease(overlays, current)
  await writeEdits(layout, { overlays: overlays.all(), followed: current?.manifest, taken })
  return { outcomes: [...overlays.outcomes, ...untaken], spoiled }
}

/** The record; made anew when somebody has removed it and overlays are there: they were shown a moment ago. */
async function foundEdits(layout: Layout, config: MachineConfig): Promise<Edits> {
  const current = isRecordLost(layout) ? currentRelease(layout) : undefined
  if (current === undefined) return readEdits(layout)
  const { rebuildEdits } = await import('../edits/rebuild.ts')
  return rebuildEdits(
    layout,
    current,
    surfacesOf(config).flatMap(({ name }) => pointerOf(layout, name) ?? []),
  )
}

/** Whether there is anything to take over, or an overlay to bring to the current release. Waits for nobody. */
export async function areEditsDue(layout: Layout, config: MachineConfig): Promise<boolean> {
  if (isRecordLost(layout)) return true
  const known = await readEdits(layout)
  if (known.overlays.length > 0 && known.followed !== currentName(layout)?.manifest) return true
  const { edits, spoiled, unreadable } = await findEdits(layout, config, known)
  return edits.length > 0 || spoiled.size > 0 || unreadable.length > 0
}
