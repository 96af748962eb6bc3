/** `skillsctl verify [--repair]`: every byte of the installed release against its manifest. */
import { SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { type Drift, findDrift } from '../home/drift.ts'
import { createHome } from '../home/layout.ts'
import { currentRelease } from '../home/releases.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { entryOfRelease, switchByFetching } from './fetch-release.ts'
import { type MachineContext, openMachine } from './machine.ts'
import type { SwitchReport } from './switch-release.ts'
import { endTrialIfOver } from './trial-over.ts'
import { type WaitingEdit, waitingEdits } from './waiting-edits.ts'

export interface VerifyReport {
  readonly version: string
  readonly files: number
  readonly drift: readonly Drift[]
  /** Edits that a newer release cannot be brought to without the person. */
  readonly waiting: readonly WaitingEdit[]
  /** Whether an edit becomes an overlay, rather than being set aside. */
  readonly hasSurfaces: boolean
  /** What was done about the drift. */
  readonly repair?: SwitchReport
}

/** @throws SkillsctlError `absent` when nothing is installed; `--repair` also what fetching throws */
export async function verify(
  context: MachineContext,
  { repair = false }: { repair?: boolean } = {},
): Promise<VerifyReport> {
  const step = steps('verify', context.emit, context.clock)
  await endTrialIfOver(context)
  const machine = await openMachine(context)
  const installed = currentRelease(machine.layout)
  if (installed === undefined) {
    throw new SkillsctlError('absent', 'nothing is installed here, or `current` is damaged', {
      subject: machine.layout.current,
      hint: 'run: skillsctl pull',
    })
  }
  const drift = await step('verify', async () => findDrift(machine.layout, installed, { full: true }))
  const report = {
    version: installed.version,
    files: installed.content.files.length,
    drift,
    waiting: await waitingEdits(machine.layout),
    hasSurfaces: surfacesOf(machine.config).some(({ root }) => root !== undefined),
  }
  if (drift.length === 0 || !repair) return report
  await createHome(machine.layout)
  const repaired = await switchByFetching(
    machine,
    entryOfRelease(machine, installed),
    'repair',
    () => ({}),
    step,
  )
  return { ...report, waiting: await waitingEdits(machine.layout), repair: repaired }
}
