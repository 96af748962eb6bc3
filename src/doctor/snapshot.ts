/** What the checks look at: read once, so that all of them speak of the same moment. */
import { join } from 'node:path'
import { type Edits, NO_EDITS } from '../core/edits.ts'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Folder, Surface, SurfaceEntry } from '../core/surface.ts'
import { readEdits } from '../edits/record.ts'
import { readTree } from '../edits/tree.ts'
import { overlaysFor, viewName } from '../edits/view-name.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import type { MachineState } from '../home/state.ts'
import { oddSurfacesOf, surfacesOf } from '../surfaces/definitions.ts'
import { type EntryState, entryState } from '../surfaces/entry-state.ts'
import type { Host } from '../surfaces/host.ts'
import { sessionsOn } from '../surfaces/lease.ts'
import { EMPTY, type Ledger, ledgerNames, readLedger } from '../surfaces/ledger.ts'
import { pointerOf } from '../surfaces/pointer.ts'
import { findOurs } from '../surfaces/rebuild-ledger.ts'
import { entriesShown } from '../surfaces/show.ts'
import { judge, type Reading, readSurface, type Verdict } from '../surfaces/verdict.ts'
import { wantedReleases } from '../surfaces/wanted.ts'
import type { HookState } from './hook.ts'
import { type PlaceState, placeState } from './place.ts'

export interface Snapshot {
  readonly layout: Layout
  readonly config: MachineConfig
  readonly state: MachineState
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly host: Host
  /** What the operating system calls this machine. */
  readonly machineId: string | undefined
  /** By surface. */
  readonly hooks: ReadonlyMap<string, HookState>
  readonly current: Installed | undefined
  readonly surfaces: readonly SurfaceSnapshot[]
  readonly edits: Edits
  /** Why the record of edits cannot be read. */
  readonly editsProblem: SkillsctlError | undefined
  /** Ledgers that cannot be read of surfaces that were removed, which say what may still be read on them. */
  readonly orphanedLedgers: readonly OrphanedLedger[]
}

export interface OrphanedLedger {
  readonly name: string
  readonly problem: SkillsctlError
}

/** A surface and what became of it. */
export interface SurfaceSnapshot {
  readonly surface: Surface
  /** That read it now. */
  readonly sessions: number
  /** Undefined for a place that no file reaches. */
  readonly root: { readonly path: string; readonly is: PlaceState } | undefined
  /** Of a root that is a directory: its folders in which nothing can be shown, and why. One that is absent can be made. */
  readonly blocked: ReadonlyMap<Folder, Exclude<PlaceState, 'directory' | 'absent'>>
  readonly ledger: Ledger
  /** Why its ledger cannot be read. */
  readonly unread: SkillsctlError | undefined
  /** Name of a tree. */
  readonly pointer: string | undefined
  /** Name of the tree that it should show. */
  readonly wants: string | undefined
  /** What should be there, of the release that it shows. */
  readonly entries: ReadonlyMap<string, SurfaceEntry>
  /** By place, of what should be there. */
  readonly states: ReadonlyMap<string, EntryState>
  readonly reading: Reading
  readonly verdicts: readonly Verdict[]
}

export async function takeSnapshot(
  snapshot: Omit<Snapshot, 'surfaces' | 'edits' | 'editsProblem' | 'orphanedLedgers' | 'current'>,
): Promise<Snapshot> {
  const { layout, config, host, now } = snapshot
  const surfaces = surfacesOf(config)
  const read = await orWhyNot(() => readEdits(layout))
  const edits = isError(read) ? NO_EDITS : read
  const all: SurfaceSnapshot[] = []
  for (const surface of surfaces) all.push(await snapshotOf(layout, surface, surfaces, edits, host, now))
  const orphanedLedgers = await orphanedLedgersIn(layout, [...surfaces, ...oddSurfacesOf(config)])
  const editsProblem = isError(read) ? read : undefined
  const current = currentRelease(layout)
  return { ...snapshot, current, surfaces: all, edits, editsProblem, orphanedLedgers }
}

async function orphanedLedgersIn(
  layout: Layout,
  known: readonly { readonly name: string | undefined }[],
): Promise<OrphanedLedger[]> {
  const orphanedLedgers: OrphanedLedger[] = []
  // Of a directory of the home that cannot be read it is said where the home is looked at.
  const names = await orWhyNot(() => ledgerNames(layout))
  for (const name of isError(names) ? [] : names) {
    const read = known.some((one) => one.name === name)
      ? undefined
      : await orWhyNot(() => readLedger(layout, name))
    if (isError(read)) orphanedLedgers.push({ name, problem: read })
  }
  return orphanedLedgers
}

async function orWhyNot<T>(work: () => T | Promise<T>): Promise<T | SkillsctlError> {
  try {
    return await work()
  } catch (error) {
    if (isError(error)) return error
    throw error
  }
}

async function snapshotOf(
  layout: Layout,
  surface: Surface,
  surfaces: readonly Surface[],
  { overlays }: Edits,
  host: Host,
  now: number,
): Promise<SurfaceSnapshot> {
  const { root: path, name } = surface
  const read = await orWhyNot(() => readLedger(layout, name))
  const ledger = isError(read) ? await guess(layout, surface, now) : read
  const pointer = pointerOf(layout, name)
  const release = (await wantedReleases(layout, now))(name)
  const wants = release && viewName(release, overlaysFor(overlays, name))
  const shown = pointer ?? wants
  const tree = shown === undefined ? undefined : readTree(layout, shown)
  const open = await orWhyNot(() => sessionsOn(layout, name, now))
  const sessions = isError(open) ? 0 : open
  const base = { surface, sessions, ledger, unread: isError(read) ? read : undefined, pointer, wants }
  const nothing = {
    blocked: new Map(),
    entries: new Map(),
    states: new Map(),
    verdicts: [],
    reading: NO_READING,
  }
  if (path === undefined) return { ...base, root: undefined, ...nothing }
  const root = { path, is: placeState(path) }
  if (tree === undefined || root.is !== 'directory') return { ...base, root, ...nothing }
  const rooted = { ...surface, root: path }
  const entries = await entriesShown(surface, tree)
  const states = new Map(
    [...entries].map(([place, entry]) => [
      place,
      entryState(layout, path, place, ledger.entries.get(place), entry),
    ]),
  )
  const reading = readSurface(rooted, surfaces, host)
  const verdicts = [...states].map(([place, state]) => judge(rooted, place, state, reading))
  const blocked = blockedFolders(rooted)
  return { ...base, root, blocked, entries, states, reading, verdicts }
}

/** What `--fix` would find to be ours, of a surface whose ledger cannot be read: else all of it would look like the person's. */
async function guess(layout: Layout, { root, ...surface }: Surface, now: number): Promise<Ledger> {
  const found = root === undefined ? EMPTY : await orWhyNot(() => findOurs(layout, { ...surface, root }, now))
  return isError(found) ? EMPTY : found
}

function blockedFolders({ root, folders }: Surface & { readonly root: string }): SurfaceSnapshot['blocked'] {
  return new Map(
    folders.flatMap((folder) => {
      const is = placeState(join(root, folder))
      return is === 'directory' || is === 'absent' ? [] : [[folder, is] as const]
    }),
  )
}

const NO_READING: Reading = { readers: [], settings: undefined }
