/** After `current` has moved, or a session has ended: the surfaces of this machine follow. */
import { isError, type SkillsctlError } from '../core/errors.ts'
import { withLock } from '../disk/lock.ts'
import { requireConfig } from '../home/config.ts'
import { currentDirectory } from '../home/releases.ts'
import { oddSurfacesOf, surfacesOf } from '../surfaces/definitions.ts'
import type { Moment, Settled } from '../surfaces/settle.ts'
import type { Machine, MachineContext } from './machine.ts'

export type { Settled } from '../surfaces/settle.ts'

export interface Followed {
  readonly settled: readonly Settled[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** Directories of `releases/` that somebody may be reading. */
  readonly held: ReadonlySet<string>
}

/** The release runs already: a surface that cannot follow is worth a word, not a failure. The caller holds the lock. */
export async function followCurrent(context: MachineContext, moment: Moment = 'pull'): Promise<Followed> {
  const settled = await settleHere(context, moment)
  const kept = settled.flatMap(({ shown }) => shown?.kept ?? [])
  return { settled, kept, held: await heldHere(context) }
}

async function settleHere(
  { layout, emit, now }: MachineContext,
  moment: Moment,
): Promise<readonly Settled[]> {
  try {
    const config = await requireConfig(layout)
    for (const { problem } of oddSurfacesOf(config)) warn(emit, 'a surface cannot be read', problem)
    const surfaces = surfacesOf(config)
    if (surfaces.length === 0) return []
    const { settleSurfaces } = await import('../surfaces/settle.ts')
    const settled = await settleSurfaces(layout, surfaces, moment, now())
    for (const { surface, problem } of settled)
      if (problem !== undefined) warn(emit, `the surface ${surface} could not follow`, problem)
    return settled
  } catch (error) {
    if (!isError(error)) throw error
    warn(emit, 'the surfaces could not follow', error)
    return []
  }
}

function warn(emit: MachineContext['emit'], what: string, { message, subject, hint }: SkillsctlError): void {
  const why = [message, subject].filter(Boolean).join(': ')
  emit({
    flow: 'surfaces',
    step: 'show',
    status: 'warning',
    message: `${what}: ${why}${hint === undefined ? '' : ` (${hint})`}`,
  })
}

/** For a run that activates nothing: a surface may still wait, or have been left half done. */
export async function followLate(machine: Machine): Promise<readonly Settled[]> {
  if (!(await needsAttention(machine))) return []
  return withLock(machine.layout.lock, async () => (await followCurrent(machine)).settled)
}

/** Whether any of them shows something else than it should, or waits. */
export async function needsAttention({
  layout,
  config,
}: Pick<Machine, 'layout' | 'config'>): Promise<boolean> {
  try {
    const surfaces = surfacesOf(config)
    if (oddSurfacesOf(config).length > 0) return true
    if (surfaces.length === 0) return false
    const { isSettled } = await import('../surfaces/settled.ts')
    const current = currentDirectory(layout)
    for (const surface of surfaces) if (!(await isSettled(layout, surface, current))) return true
    return false
  } catch (error) {
    // Said by whoever settles.
    if (isError(error)) return true
    throw error
  }
}

/** Directories of `releases/` that somebody may be reading, as far as this can be told; else all of them. */
export async function heldHere({ layout, now }: MachineContext): Promise<ReadonlySet<string>> {
  try {
    const { heldReleases } = await import('../surfaces/held.ts')
    return await heldReleases(layout, surfacesOf(await requireConfig(layout)), now())
  } catch (error) {
    if (!isError(error)) throw error
    const { directories } = await import('../home/releases.ts')
    return new Set(directories(layout))
  }
}
