/** `skillsctl doctor [--fix]`: what is wrong on this machine, and mending what is ours to mend (SPEC.md, "Doctor"). */
import { isError, type SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { checkSurfaceDefinitions, damagedConfig } from '../doctor/config.ts'
import { type Finding, REMEDIES, type Remedy } from '../doctor/finding.ts'
import { checkIdentity, checkLeftovers, checkPermissions, checkRelease } from '../doctor/home.ts'
import { checkHooks, type HookStanding } from '../doctor/hook.ts'
import { checkClock, checkFreshness, checkPin } from '../doctor/knowledge.ts'
import { examine, type Patient } from '../doctor/patient.ts'
import { checkHeads, checkListing, checkPlugins } from '../doctor/skills.ts'
import { checkEntries, checkLedgers, checkRoots } from '../doctor/surfaces.ts'
import { checkVisibility, summaryOf } from '../doctor/visibility.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import type { Host } from '../surfaces/host.ts'
import type { Verdict } from '../surfaces/verdict.ts'
import { type MachineContext, openMachine } from './machine.ts'
import { mend } from './mend.ts'

/** Everything that doctor looks at, in the order in which it tells. */
const CHECKS: readonly ((patient: Patient) => readonly Finding[] | Promise<readonly Finding[]>)[] = [
  checkPermissions,
  checkSurfaceDefinitions,
  checkIdentity,
  checkRelease,
  checkClock,
  checkFreshness,
  checkPin,
  checkRoots,
  checkLedgers,
  checkEntries,
  checkHooks,
  checkVisibility,
  checkHeads,
  checkPlugins,
  checkListing,
  checkLeftovers,
]

/** The hooks in the settings of agents. */
export interface HookKeeper {
  find(surface: string): Promise<HookStanding>
  install(surface: string): Promise<void>
}

export interface DoctorOptions {
  readonly fix?: boolean
  readonly hooks: HookKeeper
  readonly host: Host
  /** What the operating system calls this machine. */
  readonly machineId: string | undefined
}

export interface DoctorReport {
  readonly findings: readonly Finding[]
  readonly surfaces: readonly SurfaceVerdicts[]
  /** What `--fix` found and mended. */
  readonly mended: readonly Finding[]
  /** Why something could not be mended. */
  readonly failed: readonly SkillsctlError[]
}

export interface SurfaceVerdicts {
  readonly surface: string
  /** In a line. */
  readonly summary: string
  readonly verdicts: readonly Verdict[]
}

/** @throws SkillsctlError `usage` when this machine has not joined */
export async function doctor(context: MachineContext, options: DoctorOptions): Promise<DoctorReport> {
  const step = steps('doctor', context.emit, context.clock)
  let found = await step('look', () => look(context, options))
  const wanted: Finding[] = []
  let failures: ReadonlyMap<Remedy, SkillsctlError> = new Map()
  for (let round = 0; options.fix === true && round < MOST_ROUNDS; round += 1) {
    const mendable = found.findings.filter(({ fix }) => fix !== undefined)
    if (mendable.every((finding) => includes(wanted, finding))) break
    wanted.push(...mendable.filter((finding) => !includes(wanted, finding)))
    const remedies = REMEDIES.filter((remedy) => mendable.some(({ fix }) => fix === remedy))
    // What failed before is tried again as long as it is wanted: only the last round counts.
    failures = await step('mend', () => mend(context, remedies, options))
    found = await step('look', () => look(context, options))
  }
  const left = found.findings.filter(({ level }) => level !== 'ok')
  // A remedy that failed may have been helped by the next one.
  const failed = [...failures].flatMap(([remedy, error]) =>
    left.some(({ fix }) => fix === remedy) ? [error] : [],
  )
  return { ...found, mended: wanted.filter((finding) => !includes(left, finding)), failed }
}

/** What is mended lets the checks see further: a hook is looked for where there is a root. */
const MOST_ROUNDS = 3

function includes(findings: readonly Finding[], { check, subject, message }: Finding): boolean {
  return findings.some((one) => one.check === check && one.subject === subject && one.message === message)
}

async function look(
  context: MachineContext,
  { host, machineId, hooks: keeper }: DoctorOptions,
): Promise<Pick<DoctorReport, 'findings' | 'surfaces'>> {
  const machine = await openMachine(context).catch((error: unknown) => {
    if (isError(error, 'corrupt')) return error
    throw error
  })
  // Nobody can tell what was chosen here.
  if (isError(machine))
    return { findings: [...damagedConfig(context, machine), ...checkPermissions(context)], surfaces: [] }
  const { layout, config, state } = machine
  const hooks = new Map<string, HookStanding>()
  for (const { name, root } of surfacesOf(config))
    if (root !== undefined) hooks.set(name, await keeper.find(name))
  const patient = await examine({ layout, config, state, now: context.now(), host, machineId, hooks })
  const findings: Finding[] = []
  for (const check of CHECKS) findings.push(...(await check(patient)))
  const surfaces = patient.surfaces.map((examined) => ({
    surface: examined.surface.name,
    summary: summaryOf(examined),
    verdicts: examined.verdicts,
  }))
  return { findings, surfaces }
}
