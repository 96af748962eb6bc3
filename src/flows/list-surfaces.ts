/** `skillsctl surface list`: what each agent sees. */
import { isError, type SkillsctlError } from '../core/errors.ts'
import type { Surface } from '../core/surface.ts'
import { isViewOf } from '../edits/view-name.ts'
import { wantedTree } from '../edits/wanted.ts'
import { requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { currentRelease } from '../home/releases.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { holds, liveLeases } from '../surfaces/lease.ts'
import { EMPTY, type Exported, readLedger } from '../surfaces/ledger.ts'
import { pointerOf } from '../surfaces/pointer.ts'
import { skillsOf } from '../surfaces/skills.ts'
import { wantedReleases } from '../surfaces/wanted.ts'
import type { MachineContext } from './machine.ts'

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
