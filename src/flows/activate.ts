/**
 * The last steps of every flow that changes what runs here, all under the lock: keep local edits, place, switch,
 * note, tidy (DESIGN §5).
 */
import { isError, SkillsctlError } from '../core/errors.ts'
import type { Reason } from '../core/timeline.ts'
import { withLock } from '../disk/lock.ts'
import type { Outcome } from '../edits/overlays.ts'
import { confirmHistory, isRecorded, switchCurrent } from '../home/activation.ts'
import { readConfig } from '../home/config.ts'
import { findTouched, keepEdits } from '../home/drift.ts'
import { syncHistory } from '../home/history.ts'
import { findIntact, placeRelease, type Staged } from '../home/place.ts'
import { currentSound, type InstalledName } from '../home/releases.ts'
import { hasLeftovers, inStaging, type StagingArea } from '../home/staging.ts'
import { type MachineState, nameOf, type ReleaseName, updateState } from '../home/state.ts'
import { type Tidied, tidyHome } from '../home/tidy.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { followCurrent, heldHere, type Moment, type Settled } from './follow-surfaces.ts'
import type { LocalContext, Machine } from './machine.ts'
import { sweepHere } from './sweep-here.ts'

export interface ActivationRequest {
  readonly target: ReleaseName
  /** The complete tree; absent when the release lies on disk already. */
  readonly staged: Staged | undefined
  readonly why: Reason
  /** Which surfaces may follow; by default as in a pull. */
  readonly moment?: Moment
  /** Noted before the switch: killed between the two, the next pull finishes what it says. */
  readonly before?: Partial<MachineState>
  /** Noted after the switch: it says that everything before it is done. */
  readonly after?: () => Promise<Partial<MachineState>>
}

export interface ActivationReport {
  readonly current: ReleaseName
  readonly previous: ReleaseName | undefined
  /** Directories with local edits that were set aside. */
  readonly kept: readonly string[]
  /** What became of the surfaces of this machine. */
  readonly surfaces: readonly Settled[]
  /** What became of local edits, on a machine that has surfaces. */
  readonly edits: readonly Outcome[]
}

/** The caller holds the lock. @param area this run's staging directory */
export async function activate(
  machine: LocalContext,
  request: ActivationRequest,
  area: StagingArea,
): Promise<ActivationReport> {
  const { layout, by, now } = machine
  await confirmHistory(layout, by, now())
  const previous = currentSound(layout)
  const target =
    request.staged === undefined
      ? onDisk(machine, request.target)
      : await placeRelease(layout, request.staged)
  const leaving = previous !== undefined && previous.directory !== target.directory
  const set =
    leaving && !(await hasSurfaces(machine))
      ? await keepEdits(layout, previous, findTouched(layout, previous.directory) ?? [])
      : undefined
  if (request.before !== undefined) await updateState(layout, request.before)
  if (leaving || previous === undefined) await switchCurrent(layout, target.directory, request.why, by, now())
  if (request.after !== undefined) await updateState(layout, await request.after())
  const { settled, edits, kept, held } = await followCurrent(
    machine,
    request.moment,
    leaving ? previous : undefined,
  )
  const tidied = await tidyOrTell(machine, area, held)
  return {
    current: nameOf(target),
    previous: previous && nameOf(previous),
    kept: [...(set === undefined ? [] : [set]), ...kept, ...tidied.kept],
    surfaces: settled,
    edits,
  }
}

/**
 * For a run that activates nothing: a run before it that was killed while it activated may have left its record
 * unwritten and its tidying undone.
 * @returns directories with local edits that were found in what was removed
 */
export async function finishInterrupted(machine: Machine): Promise<readonly string[]> {
  const { layout, by, now } = machine
  // A full disk leaves nothing lying about, but may have kept what happened from being recorded.
  if (!(await hasLeftovers(layout)) && (await isRecorded(layout))) return []
  return inStaging(layout, (area) =>
    withLock(layout.lock, async () => {
      await confirmHistory(layout, by, now())
      await syncHistory(layout)
      return (await tidyHome(layout, area.directory, now(), await heldHere(machine))).kept
    }),
  )
}

/** Edits on a machine that has surfaces become overlays, later, when all of them have been looked at. */
export async function hasSurfaces({ layout }: Pick<Machine, 'layout'>): Promise<boolean> {
  const config = await readConfig(layout)
  return config !== undefined && surfacesOf(config).some(({ root }) => root !== undefined)
}

/** The release runs already: what cannot be cleared away is worth a word, not a failure. */
async function tidyOrTell(
  { layout, emit, now }: LocalContext,
  area: StagingArea,
  held: ReadonlySet<string>,
): Promise<Tidied> {
  try {
    const kept = await sweepHere(layout, held, area)
    const tidied = await tidyHome(layout, area.directory, now(), held)
    return { ...tidied, kept: [...kept, ...tidied.kept] }
  } catch (error) {
    if (!isError(error)) throw error
    const message = `could not clear away old releases: ${error.message} (${error.subject ?? layout.root})`
    emit({ flow: 'tidy', step: 'tidy', status: 'warning', message })
    return { removed: [], kept: [] }
  }
}

/** The current copy if it is this release, whatever was edited in it; else an untouched one. */
function onDisk({ layout }: LocalContext, target: ReleaseName): InstalledName {
  const current = currentSound(layout)
  const there = current?.manifest === target.manifest ? current : findIntact(layout, target)
  if (there !== undefined) return there
  throw new SkillsctlError('drift', 'this release was edited on disk', {
    subject: target.version,
    hint: 'run the command again: it will be fetched anew',
  })
}
