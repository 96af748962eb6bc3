/** After `current` has moved, or a session has ended: the surfaces of this machine follow. */
import { isError, type SkillsctlError } from '../core/errors.ts'
import { withLock } from '../disk/lock.ts'
import type { Outcome } from '../edits/overlays.ts'
import { requireConfig } from '../home/config.ts'
import type { InstalledName } from '../home/releases.ts'
import { inStaging } from '../home/staging.ts'
import { oddSurfacesOf, surfacesOf } from '../surfaces/definitions.ts'
import type { Moment, Settled } from '../surfaces/settle.ts'
import type { LocalContext, Machine } from './machine.ts'
import { sweepHere } from './sweep-here.ts'

export type { Moment, Settled } from '../surfaces/settle.ts'

export interface Followed {
  readonly settled: readonly Settled[]
  /** What became of local edits. */
  readonly edits: readonly Outcome[]
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** Names of trees that somebody may be reading, and of the releases they need. */
  readonly held: ReadonlySet<string>
}

/**
 * The release runs already: a surface that cannot follow is worth a word, not a failure. The caller holds the lock.
 * @param former what was current until now: somebody may have edited it
 */
export async function followCurrent(
  context: LocalContext,
  moment: Moment = 'pull',
  former?: InstalledName,
): Promise<Followed> {
  const { settled, edits } = await settleHere(context, moment, former)
  const kept = settled.flatMap(({ shown }) => shown?.kept ?? [])
  const aside = edits.flatMap(({ became, kept: at }) => (became === 'aside' ? (at ?? []) : []))
  return { settled, edits, kept: [...new Set([...kept, ...aside])], held: await heldHere(context) }
}

async function settleHere(
  { layout, emit, now }: LocalContext,
  moment: Moment,
  former: InstalledName | undefined,
): Promise<Pick<Followed, 'settled' | 'edits'>> {
  try {
    const config = await requireConfig(layout)
    for (const { problem } of oddSurfacesOf(config)) warn(emit, 'a surface cannot be read', problem)
    const surfaces = surfacesOf(config)
    if (surfaces.length === 0) return NOTHING
    const { settle } = await import('./settle.ts')
    const { settled, edits } = await settle(layout, config, surfaces, moment, now(), former)
    for (const { surface, problem } of settled)
      if (problem !== undefined) warn(emit, `the surface ${surface} could not follow`, problem)
    return { settled, edits }
  } catch (error) {
    if (!isError(error)) throw error
    warn(emit, 'the surfaces could not follow', error)
    return NOTHING
  }
}

const NOTHING: Pick<Followed, 'settled' | 'edits'> = { settled: [], edits: [] }

function warn(emit: LocalContext['emit'], what: string, { message, subject, hint }: SkillsctlError): void {
  const why = [message, subject].filter(Boolean).join(': ')
  emit({
    flow: 'surfaces',
    step: 'show',
    status: 'warning',
    message: `${what}: ${why}${hint === undefined ? '' : ` (${hint})`}`,
  })
}

export interface Late extends Pick<Followed, 'edits' | 'kept'> {
  readonly surfaces: readonly Settled[]
}

/** For a run that activates nothing: a surface may still wait, or have been left half done. */
export async function followLate(machine: Machine): Promise<Late | undefined> {
  if (!(await needsAttention(machine))) return undefined
  const { layout } = machine
  return withLock(layout.lock, async () => {
    const { settled, edits, kept, held } = await followCurrent(machine)
    if (edits.length === 0) return { surfaces: settled, edits, kept }
    // A skill that writes into itself is edited in every pull, and nothing else may happen for weeks.
    return { surfaces: settled, edits, kept: [...kept, ...(await sweptOrTold(machine, held))] }
  })
}

async function sweptOrTold(
  { layout, emit }: LocalContext,
  held: ReadonlySet<string>,
): Promise<readonly string[]> {
  try {
    return await inStaging(layout, (area) => sweepHere(layout, held, area))
  } catch (error) {
    if (!isError(error)) throw error
    warn(emit, 'could not clear away what was shown of edits', error)
    return []
  }
}

/** Whether any of them shows something else than it should, or waits. */
export async function needsAttention({
  layout,
  config,
  now,
}: Pick<Machine, 'layout' | 'config' | 'now'>): Promise<boolean> {
  try {
    const surfaces = surfacesOf(config)
    if (oddSurfacesOf(config).length > 0) return true
    if (surfaces.length === 0) return false
    const { isSettled } = await import('../surfaces/settled.ts')
    const { wantedReleases } = await import('../surfaces/wanted.ts')
    const wanted = await wantedReleases(layout, now())
    for (const surface of surfaces) if (!(await isSettled(layout, surface, wanted(surface.name)))) return true
    const { areEditsDue } = await import('./take-edits.ts')
    return await areEditsDue(layout, config)
  } catch (error) {
    // Said by whoever settles.
    if (isError(error)) return true
    throw error
  }
}

/** Names of trees that somebody may be reading, as far as this can be told; else all of them. */
export async function heldHere({
  layout,
  now,
}: Pick<LocalContext, 'layout' | 'now'>): Promise<ReadonlySet<string>> {
  try {
    const { heldTrees } = await import('../surfaces/held.ts')
    return await heldTrees(layout, surfacesOf(await requireConfig(layout)), now())
  } catch (error) {
    if (!isError(error)) throw error
    const [{ directories }, { viewNames }] = await Promise.all([
      import('../home/releases.ts'),
      import('../edits/view.ts'),
    ])
    return new Set([...directories(layout), ...viewNames(layout)])
  }
}
