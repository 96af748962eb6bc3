import { join } from 'node:path'
import { isError, SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import {
  CUSTOM,
  checkSurfaceName,
  type Folder,
  findPreset,
  MAX_WAIT,
  PRESETS,
  type Preset,
  type Surface,
} from '../core/surface.ts'
import { makePath } from '../disk/atomic-file.ts'
import { onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { isViewOf } from '../edits/view-name.ts'
import { wantedTree } from '../edits/wanted.ts'
import { requireConfig } from '../home/config.ts'
import { createHome, type Layout } from '../home/layout.ts'
import { currentRelease } from '../home/releases.ts'
import { requireSurface, surfacesOf, writeSurface } from '../surfaces/definitions.ts'
import { holds, liveLeases } from '../surfaces/lease.ts'
import { EMPTY, type Exported, isLost, readLedger } from '../surfaces/ledger.ts'
import { pointerOf, removePointer } from '../surfaces/pointer.ts'
import { insistOnFreeRoot, isDirectory, rootOf, type User } from '../surfaces/root.ts'
import type { Settled } from '../surfaces/settle.ts'
import { type Shown, showTree } from '../surfaces/show.ts'
import { skillsOf } from '../surfaces/skills.ts'
import { wantedReleases } from '../surfaces/wanted.ts'
import type { MachineContext } from './machine.ts'
import { settle } from './settle.ts'

export interface SurfaceOptions {
  /** Default: the name of the preset. */
  readonly name?: string | undefined
  /** Instead of that of the preset; absolute. */
  readonly root?: string | undefined
  readonly folders?: readonly Folder[] | undefined
  readonly by?: Surface['by'] | undefined
  readonly switch?: Surface['switch'] | undefined
  /** Seconds. */
  readonly maxWait?: number | undefined
  readonly only?: readonly string[] | undefined
  readonly except?: readonly string[] | undefined
}

export interface SurfaceReport {
  readonly surface: Surface
  /** False when it was there already, as it is now. */
  readonly isNew: boolean
  /** Undefined as long as nothing is installed, and for a place that no file reaches. */
  readonly settled: Settled | undefined
  /** What it shows now. */
  readonly entries: number
}

/**
 * Adds a surface, or changes one. Its root and folders are made, because agents do not watch what is born later.
 * @throws SkillsctlError `usage`, `refused`, and what keeps the release from being shown there
 */
export async function addSurface(
  context: MachineContext,
  presetName: string,
  options: SurfaceOptions,
  user: User,
): Promise<SurfaceReport> {
  const { layout, now } = context
  const preset = requirePreset(presetName)
  await requireConfig(layout)
  await createHome(layout)
  // All of it under the lock: of two that are added at once, each knows of the other.
  return withLock(layout.lock, async () => {
    const config = await requireConfig(layout)
    const known = surfacesOf(config).find((one) => one.name === (options.name ?? preset.name))
    const surface = surfaceFrom(preset, options, known, user)
    const { root, name, folders } = surface
    if (root !== undefined) {
      insistOnFreeRoot(layout, name, root, folders, surfacesOf(config))
      for (const folder of folders) onDiskNow(join(root, folder), () => makePath(join(root, folder)))
    }
    if (known !== undefined && known.root !== root) await takeAway(layout, known, now())
    await writeSurface(layout, name, surface)
    const { settled: all } = await settle(layout, await requireConfig(layout), [surface], 'asked', now())
    const [settled] = all
    if (settled?.problem !== undefined) {
      if (known === undefined) await undo(layout, surface, now())
      throw settled.problem
    }
    const { entries } = await readLedger(layout, name)
    return { surface, isNew: known === undefined, settled, entries: entries.size }
  })
}

/** Takes away what we have made there, and nothing else. The caller holds the lock. */
async function takeAway(layout: Layout, { root, ...surface }: Surface, now: number): Promise<Shown> {
  if (root === undefined || !(await canHoldOurs(layout, { ...surface, root })))
    return { changed: [], shadowed: [], kept: [] }
  return showTree(layout, { ...surface, root }, undefined, now)
}

/**
 * Whether there is anything to take away. A root that has gone may be a disk that is not mounted: it would come back
 * with links that lead nowhere, and nobody would know that they were ours.
 * @throws SkillsctlError `absent` when there is, and it cannot be reached
 */
async function canHoldOurs(layout: Layout, { name, root }: Surface & { root: string }): Promise<boolean> {
  if (onDiskNow(root, () => isDirectory(root))) return true
  if (!isLost(layout, name) && (await readLedger(layout, name)).entries.size === 0) return false
  throw new SkillsctlError(
    'absent',
    'the root of this surface is not there, so that nothing can be removed',
    {
      subject: root,
      hint: 'mount its disk again; if it was deleted, make an empty directory there; then do this again',
    },
  )
}

/** Its ledger tells what may still be read, and goes when that is over. */
async function forget(layout: Layout, name: string): Promise<void> {
  await writeSurface(layout, name, undefined)
  removePointer(layout, name)
}

/** A surface that could not be shown is not added; one of which something stays is, so that a person can remove it. */
async function undo(layout: Layout, surface: Surface, now: number): Promise<void> {
  try {
    await takeAway(layout, surface, now)
  } catch (error) {
    if (isError(error)) return
    throw error
  }
  await forget(layout, surface.name)
}

/** @throws SkillsctlError `usage` for a preset that does not exist */
export function requirePreset(name: string): Preset {
  const preset = findPreset(name)
  if (preset !== undefined) return preset
  const names = [...PRESETS, CUSTOM].map((one) => one.name)
  const near = nearMisses(name, names)
  throw new SkillsctlError('usage', 'there is no such preset', {
    subject: name,
    expected: names.join(', '),
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : 'for any other place: skillsctl surface add custom --as <name> --root <directory>',
  })
}

/** What was chosen before stays, unless it is chosen anew. */
function surfaceFrom(
  preset: Preset,
  options: SurfaceOptions,
  known: Surface | undefined,
  user: User,
): Surface {
  if (known !== undefined && known.preset !== preset.name) {
    throw new SkillsctlError('refused', 'this surface is of another preset', {
      subject: known.name,
      expected: known.preset,
      found: preset.name,
      hint: `choose another name with --as, or first: skillsctl surface remove ${known.name}`,
    })
  }
  if (preset !== CUSTOM && preset.root === undefined) insistOnNoPlace(preset, options)
  const root = options.root ?? known?.root ?? rootOf(preset, user)
  if (preset === CUSTOM && (root === undefined || (options.name === undefined && known === undefined))) {
    throw new SkillsctlError('usage', 'a surface of your own needs a name and a root', {
      expected: 'skillsctl surface add custom --as <name> --root <directory>',
    })
  }
  return {
    name: checkSurfaceName(options.name ?? preset.name),
    preset: preset.name,
    root,
    folders: options.folders ?? known?.folders ?? preset.folders,
    by: options.by ?? known?.by ?? 'link',
    switch: options.switch ?? known?.switch ?? 'now',
    maxWait: options.maxWait ?? known?.maxWait ?? MAX_WAIT,
    only: patterns(options.only) ?? known?.only ?? [],
    except: patterns(options.except) ?? known?.except ?? [],
  }
}

function insistOnNoPlace({ agents }: Preset, { name: _, ...options }: SurfaceOptions): void {
  if (Object.values(options).every((value) => value === undefined)) return
  throw new SkillsctlError(
    'usage',
    'no file reaches this place, so that there is nothing to choose but a name',
    {
      subject: agents,
      hint: 'make bundles to upload with: skillsctl export --all --zip',
    },
  )
}

const LONGEST_PATTERN = 1000

/** An empty one takes back what was chosen before. */
function patterns(chosen: readonly string[] | undefined): readonly string[] | undefined {
  const long = chosen?.find((pattern) => pattern.length > LONGEST_PATTERN)
  if (long === undefined) return chosen?.filter((pattern) => pattern !== '')
  throw new SkillsctlError('usage', 'this is too long for a pattern', {
    subject: `${long.slice(0, 40)}…`,
    expected: `${LONGEST_PATTERN} characters at most`,
  })
}

/** Takes away what we have made there, the hook of its agent included, and nothing else. */
export async function removeSurface(context: MachineContext, name: string): Promise<Shown> {
  const { layout, now } = context
  const surface = requireSurface(await requireConfig(layout), name)
  // Refused before anything is changed, the settings of its agent included.
  if (surface.root !== undefined) await canHoldOurs(layout, { ...surface, root: surface.root })
  await removeHookOf(context, surface)
  return withLock(layout.lock, async () => {
    // It may have been given another root meanwhile.
    const shown = await takeAway(layout, requireSurface(await requireConfig(layout), name), now())
    await forget(layout, name)
    return shown
  })
}

/** A hook that stays in settings nobody can read does no harm: it finds no surface, and says nothing. */
async function removeHookOf(context: MachineContext, { name, preset, root }: Surface): Promise<void> {
  if (findPreset(preset)?.hook === undefined || root === undefined) return
  try {
    const { removeHook } = await import('./surface-hook.ts')
    await removeHook(context, name)
  } catch (error) {
    if (!isError(error)) throw error
    const { message, subject } = error
    context.emit({
      flow: 'surfaces',
      step: 'hook',
      status: 'warning',
      message: `the hook in the agent's settings stays: ${[message, subject].filter(Boolean).join(': ')}`,
    })
  }
}

export interface SurfaceStatus {
  readonly surface: Surface
  /** Name of a tree. */
  readonly shows: string | undefined
  readonly since: string | undefined
  /** Whether that is what it should show. */
  readonly isCurrent: boolean
  readonly entries: number
  readonly shadowed: readonly string[]
  readonly waitsSince: string | undefined
  /** Leases on it that are live. */
  readonly sessions: number
  readonly exported: ExportStatus | undefined
  /** Why its ledger cannot be read; then nobody knows what is there. */
  readonly unread: string | undefined
}

export interface ExportStatus {
  /** Version of the last one. */
  readonly release: string
  readonly at: string
  /** Those that were ever exported. */
  readonly skills: readonly string[]
  /** Those of them that are different in the current release, or gone. */
  readonly changed: readonly string[]
}

export async function listSurfaces({ layout, now }: MachineContext): Promise<SurfaceStatus[]> {
  const surfaces = surfacesOf(await requireConfig(layout))
  const leases = liveLeases(layout, now())
  const wanted = await wantedReleases(layout, now())
  return Promise.all(
    surfaces.map(async (surface) => {
      const read = await readLedger(layout, surface.name).catch(errorItself)
      const { shows, entries, shadowed, waitsSince, exported } = isError(read) ? EMPTY : read
      return {
        surface,
        shows: pointerOf(layout, surface.name),
        since: shows?.since,
        isCurrent: await isWanted(layout, surface.name, shows?.release, wanted(surface.name)),
        entries: entries.size,
        shadowed,
        waitsSince,
        sessions: leases.filter((lease) => holds(lease, surface.name)).length,
        exported: exported && exportStatus(exported, layout),
        unread: isError(read) ? read.message : undefined,
      }
    }),
  )
}

async function isWanted(
  layout: Layout,
  surface: string,
  shown: string | undefined,
  release: string | undefined,
): Promise<boolean> {
  return release !== undefined && isViewOf(shown, await wantedTree(layout, surface, release))
}

function errorItself(error: unknown): SkillsctlError {
  if (isError(error)) return error
  throw error
}

function exportStatus({ release, at, skills }: Exported, layout: Layout): ExportStatus {
  const installed = currentRelease(layout)
  const known = installed && skillsOf(installed)
  const changed = [...skills].filter(([name, digest]) => known?.get(name)?.digest !== digest)
  return { release, at, skills: [...skills.keys()], changed: changed.map(([name]) => name) }
}
