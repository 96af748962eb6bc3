/** `skillsctl rollback`, `pin`, `unpin`: going to one release and staying there. */
import type { ReleaseEntry } from '../core/channel.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { type Steps, steps } from '../core/events.ts'
import type { Reason } from '../core/timeline.ts'
import { createHome } from '../home/layout.ts'
import { ranHere } from '../home/ran.ts'
import { currentName, type InstalledName } from '../home/releases.ts'
import type { MachineState, ReleaseName } from '../home/state.ts'
import { type Machine, type MachineContext, openMachine, remember } from './machine.ts'
import { findOnDisk, type SwitchReport, switchOnDisk } from './switch-release.ts'
import { endTrialIfOver, insistOnNoTrial } from './trial-over.ts'

/**
 * Goes back to `version`, or to what ran before, and pins it. Offline and at once when it is on disk untouched.
 * @throws SkillsctlError `absent` when nothing fits, and what fetching throws
 */
export async function rollback(context: MachineContext, version?: string): Promise<SwitchReport> {
  const step = steps('rollback', context.emit, context.clock)
  const machine = await ready(context)
  const target = version === undefined ? await ranBefore(machine) : findOnDisk(machine, version)
  return goTo(machine, target, version, 'rollback', step)
}

/** Holds this machine at a release: the current one, or `version`. */
export async function pin(context: MachineContext, version?: string): Promise<SwitchReport> {
  const step = steps('pin', context.emit, context.clock)
  const machine = await ready(context)
  const target = version === undefined ? currentName(machine.layout) : findOnDisk(machine, version)
  if (target === undefined && version === undefined) throw nothingInstalled()
  return goTo(machine, target, version, 'pin', step)
}

/** Follows the channel again, from the next pull on. @returns the release that was pinned, if any */
export async function unpin(context: MachineContext): Promise<ReleaseName | undefined> {
  const machine = await ready(context)
  await remember(machine, { pin: undefined, probe: undefined })
  return machine.state.pin
}

async function ready(context: MachineContext): Promise<Machine> {
  await endTrialIfOver(context)
  const machine = await openMachine(context)
  insistOnNoTrial(machine)
  await createHome(machine.layout)
  return machine
}

async function goTo(
  machine: Machine,
  target: InstalledName | undefined,
  version: string | undefined,
  why: Reason,
  step: Steps,
): Promise<SwitchReport> {
  if (target !== undefined) {
    const pinned = { pin: { version: target.version, manifest: target.manifest } }
    try {
      return await step('activate', () => switchOnDisk(machine, target, why, pinned))
    } catch (error) {
      if (!isError(error, 'drift')) throw error
    }
    step.warn(`${target.version} was edited on disk, so it is fetched anew`)
    const { entryOfRelease, switchByFetching } = await import('./fetch-release.ts')
    return switchByFetching(machine, entryOfRelease(machine, target), why, pinnedTo, step)
  }
  const { findInHistory, switchByFetching } = await import('./fetch-release.ts')
  return switchByFetching(
    machine,
    (store) => findInHistory(machine, store, version ?? ''),
    why,
    pinnedTo,
    step,
  )
}

function pinnedTo({ release, manifest }: ReleaseEntry): Partial<MachineState> {
  return { pin: { version: release.version, manifest: manifest.sha256 } }
}

/** What ran before the current release; after a rollback, one further back. */
async function ranBefore({ layout }: Machine): Promise<InstalledName> {
  const current = currentName(layout)
  const before = (await ranHere(layout)).reverse().find(({ manifest }) => manifest !== current?.manifest)
  if (before !== undefined) return before
  throw new SkillsctlError('absent', 'no release ran here before this one', {
    hint: 'name one of the channel: skillsctl releases, then skillsctl rollback <version>',
  })
}

function nothingInstalled(): SkillsctlError {
  return new SkillsctlError('absent', 'nothing is installed here yet', { hint: 'run: skillsctl pull' })
}
