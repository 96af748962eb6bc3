/** What the checks look at: read once, so that all of them speak of the same moment. */
import { join } from 'node:path'
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Folder, Surface, SurfaceEntry } from '../core/surface.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory, currentRelease, type Installed, readInstalled } from '../home/releases.ts'
import type { MachineState } from '../home/state.ts'
import { oddSurfacesOf, surfacesOf } from '../surfaces/definitions.ts'
import type { Host } from '../surfaces/host.ts'
import { sessionsOn } from '../surfaces/lease.ts'
import { EMPTY, type Ledger, ledgerNames, readLedger } from '../surfaces/ledger.ts'
import { pointerOf } from '../surfaces/pointer.ts'
import { entriesShown } from '../surfaces/show.ts'
import { type Standing, standingOf } from '../surfaces/standing.ts'
import { judge, type Reading, readSurface, type Verdict } from '../surfaces/verdict.ts'
import type { HookStanding } from './hook.ts'
import { type PlaceState, placeState } from './place.ts'

export interface Patient {
  readonly layout: Layout
  readonly config: MachineConfig
  readonly state: MachineState
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly host: Host
  /** What the operating system calls this machine. */
  readonly machineId: string | undefined
  /** By surface. */
  readonly hooks: ReadonlyMap<string, HookStanding>
  readonly current: Installed | undefined
  readonly surfaces: readonly Examined[]
  /** Ledgers that cannot be read of surfaces that were removed, which say what may still be read on them. */
  readonly strays: readonly Stray[]
}

export interface Stray {
  readonly name: string
  readonly problem: SkillsctlError
}

/** A surface and what became of it. */
export interface Examined {
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
  /** A directory of `releases/`. */
  readonly pointer: string | undefined
  /** Directory of `releases/` that `current` names. */
  readonly wants: string | undefined
  /** What should be there, of the release that it shows. */
  readonly entries: ReadonlyMap<string, SurfaceEntry>
  /** By place, of what should be there. */
  readonly standings: ReadonlyMap<string, Standing>
  readonly reading: Reading
  readonly verdicts: readonly Verdict[]
}

export async function examine(patient: Omit<Patient, 'surfaces' | 'strays' | 'current'>): Promise<Patient> {
  const { layout, config, host, now } = patient
  const surfaces = surfacesOf(config)
  const examined: Examined[] = []
  for (const surface of surfaces) examined.push(await examineSurface(layout, surface, surfaces, host, now))
  const strays = await straysIn(layout, [...surfaces, ...oddSurfacesOf(config)])
  return { ...patient, current: currentRelease(layout), surfaces: examined, strays }
}

async function straysIn(
  layout: Layout,
  known: readonly { readonly name: string | undefined }[],
): Promise<Stray[]> {
  const strays: Stray[] = []
  // Of a directory of the home that cannot be read it is said where the home is looked at.
  const names = await orWhyNot(() => ledgerNames(layout))
  for (const name of isError(names) ? [] : names) {
    const read = known.some((one) => one.name === name)
      ? undefined
      : await orWhyNot(() => readLedger(layout, name))
    if (isError(read)) strays.push({ name, problem: read })
  }
  return strays
}

async function orWhyNot<T>(work: () => T | Promise<T>): Promise<T | SkillsctlError> {
  try {
    return await work()
  } catch (error) {
    if (isError(error)) return error
    throw error
  }
}

async function examineSurface(
  layout: Layout,
  surface: Surface,
  surfaces: readonly Surface[],
  host: Host,
  now: number,
): Promise<Examined> {
  const { root: path, name } = surface
  const read = await orWhyNot(() => readLedger(layout, name))
  const ledger = isError(read) ? EMPTY : read
  const pointer = pointerOf(layout, name)
  const wants = currentDirectory(layout)
  const shown = pointer ?? wants
  const release = shown === undefined ? undefined : readInstalled(layout, shown)
  const open = await orWhyNot(() => sessionsOn(layout, name, now))
  const sessions = isError(open) ? 0 : open
  const base = { surface, sessions, ledger, unread: isError(read) ? read : undefined, pointer, wants }
  const nothing = {
    blocked: new Map(),
    entries: new Map(),
    standings: new Map(),
    verdicts: [],
    reading: NO_READING,
  }
  if (path === undefined) return { ...base, root: undefined, ...nothing }
  const root = { path, is: placeState(path) }
  if (release === undefined || root.is !== 'directory') return { ...base, root, ...nothing }
  const rooted = { ...surface, root: path }
  const entries = await entriesShown(surface, release)
  const standings = new Map(
    [...entries].map(([place, entry]) => [
      place,
      standingOf(layout, path, place, ledger.entries.get(place), entry),
    ]),
  )
  const reading = readSurface(rooted, surfaces, host)
  const verdicts = [...standings].map(([place, standing]) => judge(rooted, place, standing, reading))
  const blocked = blockedFolders(rooted)
  return { ...base, root, blocked, entries, standings, reading, verdicts }
}

function blockedFolders({ root, folders }: Surface & { readonly root: string }): Examined['blocked'] {
  return new Map(
    folders.flatMap((folder) => {
      const is = placeState(join(root, folder))
      return is === 'directory' || is === 'absent' ? [] : [[folder, is] as const]
    }),
  )
}

const NO_READING: Reading = { readers: [], settings: undefined }
