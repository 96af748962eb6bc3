/** Making this machine run one particular release that is on disk. Reaches no network, and loads nothing that would. */
import { SkillsctlError } from '../core/errors.ts'
import type { Reason } from '../core/timeline.ts'
import { resolveVersion } from '../core/version.ts'
import { withLock } from '../disk/lock.ts'
import type { Layout } from '../home/layout.ts'
import { type InstalledName, listNames, readInstalled } from '../home/releases.ts'
import { inStaging } from '../home/staging.ts'
import type { MachineState, ReleaseName } from '../home/state.ts'
import { type ActivationReport, activate } from './activate.ts'
import type { Machine } from './machine.ts'

export interface SwitchReport extends ActivationReport {
  /** Whether the store was needed. */
  readonly fetched: boolean
}

/** The release on disk that a person means, or undefined when none fits; ambiguity is an error. */
export function findOnDisk({ layout }: Machine, wanted: string): InstalledName | undefined {
  const candidates = listNames(layout).map((name) => ({ ...name, commit: commitOf(layout, name, wanted) }))
  try {
    return resolveVersion(wanted, candidates)
  } catch (error) {
    if (error instanceof SkillsctlError && error.code === 'absent') return undefined
    throw error
  }
}

/** The commit of a release. Its version tells the first seven digits; only where those fit is its manifest read. */
function commitOf(layout: Layout, { directory, version }: InstalledName, wanted: string): string {
  const short = version.slice(version.indexOf('-') + 1)
  if (!short.startsWith(wanted.slice(0, 7))) return short
  return readInstalled(layout, directory)?.content.source.commit ?? short
}

/** Switches to a release that lies on disk. No network. */
export async function switchOnDisk(
  machine: Machine,
  target: ReleaseName,
  why: Reason,
  change: Partial<MachineState>,
): Promise<SwitchReport> {
  const request = { target, staged: undefined, why, before: { ...change, probe: undefined } }
  const report = await inStaging(machine.layout, (area) =>
    withLock(machine.layout.lock, () => activate(machine, request, area)),
  )
  return { ...report, fetched: false }
}

/** Of a plan that was dropped. */
export function overtaken({ layout }: Machine): SkillsctlError {
  return new SkillsctlError('refused', 'another command changed what runs here meanwhile', {
    subject: layout.root,
    hint: 'look at skillsctl status, and run this again if it is still needed',
  })
}
