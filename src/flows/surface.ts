/** `skillsctl surface add`: places where agents look, of which some have something of the person in them already. */
import { join } from 'node:path'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Surface, SurfaceEntry } from '../core/surface.ts'
import { makePath } from '../disk/atomic-file.ts'
import { onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { readTree, releaseTree } from '../edits/tree.ts'
import { requireConfig } from '../home/config.ts'
import { createHome, type Layout } from '../home/layout.ts'
import { readInstalled } from '../home/releases.ts'
import { placesAside, putBack } from '../surfaces/adopt.ts'
import { meetEntries } from '../surfaces/contact.ts'
import { surfacesOf, writeSurface } from '../surfaces/definitions.ts'
import { entryState } from '../surfaces/entry-state.ts'
import { type Ledger, readLedger } from '../surfaces/ledger.ts'
import { targetOf } from '../surfaces/link.ts'
import { insistOnFreeRoot, type User } from '../surfaces/root.ts'
import type { Settled } from '../surfaces/settle.ts'
import { entriesShown } from '../surfaces/show.ts'
import type { LeftOut } from '../surfaces/snapshot.ts'
import { type TakenSnapshot, takeSnapshot } from '../surfaces/take-snapshot.ts'
import { wantedReleases } from '../surfaces/wanted.ts'
import { requirePreset, type SurfaceOptions, surfaceFrom } from './chosen-surface.ts'
import type { MachineContext } from './machine.ts'
import { forget, takeAway } from './remove-surface.ts'
import { settle } from './settle.ts'

export type { SurfaceOptions } from './chosen-surface.ts'

type Rooted = Surface & { readonly root: string }

export interface SurfaceReport {
  readonly surface: Surface
  /** False when it was there already, as it is now. */
  readonly isNew: boolean
  /** Undefined as long as nothing is installed, and for a place that no file reaches. */
  readonly settled: Settled | undefined
  /** What it shows now. */
  readonly entries: number
  /** What of the person is not in the snapshot, and is never touched. */
  readonly leftOut: readonly LeftOut[]
}

/** What a person asks for. */
export interface SurfaceRequest {
  readonly preset: string
  readonly options: SurfaceOptions
}

/** What became of one of several. */
export interface Added {
  readonly preset: string
  readonly report?: SurfaceReport
  readonly problem?: SkillsctlError
}

/**
 * Adds a surface, or changes one. Its root and folders are made, because agents do not watch what is born later.
 * @throws SkillsctlError `usage`, `refused`, and what keeps the release from being shown there
 */
export async function addSurface(
  context: MachineContext,
  preset: string,
  options: SurfaceOptions,
  user: User,
): Promise<SurfaceReport> {
  const [added] = await addSurfaces(context, [{ preset, options }], user)
  if (added?.report !== undefined) return added.report
  throw added?.problem
}

/** Several at once, with one snapshot of what was in all of them; none is in the way of another. */
export async function addSurfaces(
  context: MachineContext,
  requests: readonly SurfaceRequest[],
  user: User,
): Promise<Added[]> {
  const { layout } = context
  for (const { preset } of requests) requirePreset(preset)
  await requireConfig(layout)
  await createHome(layout)
  const now = context.now()
  const before = await takeSnapshot(layout, await untouched(layout, requests, user), now)
  // All of them under the lock: of two that are added at once, each knows of the other.
  return withLock(layout.lock, async () => {
    const added: Added[] = []
    for (const request of requests) {
      const { preset } = request
      try {
        added.push({ preset, report: await addOne(layout, request, user, before, now) })
      } catch (problem) {
        if (!isError(problem)) throw problem
        added.push({ preset, problem })
      }
    }
    return added
  })
}

async function addOne(
  layout: Layout,
  request: SurfaceRequest,
  user: User,
  { snapshot, leftOut }: TakenSnapshot,
  now: number,
): Promise<SurfaceReport> {
  const { known, surface: chosen, isMet } = await choose(layout, request, user)
  const { root, name, folders } = chosen
  const saved = snapshot?.roots.some((one) => one.surface === name) === true ? snapshot.name : undefined
  const made = root === undefined ? [] : folders.flatMap((folder) => makeFolder(join(root, folder)) ?? [])
  const surface: Surface = {
    ...chosen,
    adopt: isMet ? (request.options.adopt ?? 'skip') : known?.adopt,
    // What was there before the very first time.
    snapshot: chosen.snapshot ?? saved,
    made: [...(chosen.made ?? []), ...made],
  }
  if (known !== undefined && known.root !== root) await takeAway(layout, known, now)
  await writeSurface(layout, name, surface)
  const { settled: all } = await settle(layout, await requireConfig(layout), [surface], 'asked', now)
  const [settled] = all
  if (settled?.problem !== undefined) {
    if (known === undefined) await undo(layout, surface, now)
    throw settled.problem
  }
  const { entries } = await readLedger(layout, name)
  return {
    surface,
    isNew: known === undefined,
    settled,
    entries: entries.size,
    leftOut: leftOut.filter((one) => one.surface === name),
  }
}

/** @returns the topmost directory that is new */
function makeFolder(path: string): string | undefined {
  return onDiskNow(path, () => makePath(path))
}

interface Choice {
  readonly known: Surface | undefined
  readonly surface: Surface
  /** Whether there may be something of the person that nobody was asked about. */
  readonly isMet: boolean
}

/** @throws SkillsctlError `usage`, `refused` */
async function choose(layout: Layout, { preset, options }: SurfaceRequest, user: User): Promise<Choice> {
  const surfaces = surfacesOf(await requireConfig(layout))
  const found = requirePreset(preset)
  const known = surfaces.find((one) => one.name === (options.name ?? found.name))
  const described = surfaceFrom(found, options, known, user)
  const { root, name, folders } = described
  const { snapshot, made } = (known?.root === root ? known : undefined) ?? {}
  const surface = { ...described, snapshot, made }
  if (root === undefined) return { known, surface, isMet: false }
  insistOnFreeRoot(layout, name, root, folders, surfaces)
  const isWider = known?.root !== root || folders.some((folder) => !known.folders.includes(folder))
  return { known, surface, isMet: isWider || options.adopt !== undefined }
}

async function untouched(
  layout: Layout,
  requests: readonly SurfaceRequest[],
  user: User,
): Promise<{ surface: Rooted; isOurs: (place: string) => boolean }[]> {
  const found = await Promise.all(requests.map((request) => roomOf(layout, request, user)))
  return found.flatMap((room) => {
    if (room === undefined) return []
    const { surface, ledger, making } = room
    const isOurs = (place: string): boolean =>
      targetOf(join(surface.root, place))?.startsWith(join(layout.surfaces, '/')) === true ||
      entryState(layout, surface.root, place, ledger.entries.get(place), making.get(place)).is === 'ours'
    return [{ surface, isOurs }]
  })
}

/** Undefined where there is nothing to meet, or nothing can be added: whoever adds it says why. */
async function roomOf(
  layout: Layout,
  request: SurfaceRequest,
  user: User,
): Promise<{ surface: Rooted; ledger: Ledger; making: ReadonlyMap<string, SurfaceEntry> } | undefined> {
  try {
    const { surface, isMet } = await choose(layout, request, user)
    const { root } = surface
    if (!isMet || root === undefined) return undefined
    const ledger = await readLedger(layout, surface.name)
    // Copies that an interrupted run put in their places before it could note them.
    const tree = ledger.makes === undefined ? undefined : readTree(layout, ledger.makes)
    const making = tree === undefined ? new Map() : await entriesShown(surface, tree)
    return { surface: { ...surface, root }, ledger, making }
  } catch (error) {
    if (isError(error)) return undefined
    throw error
  }
}

/** Something of the person that differs from what is about to be shown in its place. */
export interface Differing {
  readonly surface: string
  readonly place: string
}

/** What a person could be asked about. Reads only. */
export async function differingOn(
  { layout, now }: MachineContext,
  requests: readonly SurfaceRequest[],
  user: User,
): Promise<Differing[]> {
  const wanted = await wantedReleases(layout, now())
  const differing: Differing[] = []
  for (const request of requests) {
    const room = await roomOf(layout, request, user)
    const release = room && wanted(room.surface.name)
    const installed = release === undefined ? undefined : readInstalled(layout, release)
    if (room === undefined || installed === undefined) continue
    const { surface, ledger } = room
    const met = await meetEntries(layout, surface, ledger, releaseTree(layout, installed))
    const different = met.filter(({ is }) => is === 'different')
    differing.push(...different.map(({ place }) => ({ surface: surface.name, place })))
  }
  return differing
}

/** A surface that could not be shown is not added; one of which something stays is, so that a person can remove it. */
async function undo(layout: Layout, surface: Surface, now: number): Promise<void> {
  const { name, root } = surface
  try {
    await takeAway(layout, surface, now)
    // What the person had is where it was, and needs no edit.
    if (root !== undefined) for (const aside of placesAside(layout, name, now)) await putBack(aside, root)
    const edits = await readEdits(layout)
    const overlays = edits.overlays.filter((overlay) => overlay.surface !== name)
    if (overlays.length < edits.overlays.length) await writeEdits(layout, { ...edits, overlays })
  } catch (error) {
    if (isError(error)) return
    throw error
  }
  await forget(layout, name)
}
