/** `skillsctl doctor [--fix]`: what is wrong on this machine, and fixing what is ours to fix (SPEC.md, "Doctor"). */
import { isError, type SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { checkSurfaceDefinitions, damagedConfig } from '../doctor/config.ts'
import { checkEdits } from '../doctor/edits.ts'
import { type Finding, REPAIRS, type Repair } from '../doctor/finding.ts'
import { checkIdentity, checkLeftovers, checkPermissions, checkRelease, closedHome } from '../doctor/home.ts'
import { checkHooks, type HookState } from '../doctor/hook.ts'
import { checkClock, checkFreshness, checkPin } from '../doctor/knowledge.ts'
import { checkHeads, checkListing, checkPlugins } from '../doctor/skills.ts'
import { type Snapshot, takeSnapshot } from '../doctor/snapshot.ts'
import { checkEntries, checkLedgers, checkRoots } from '../doctor/surfaces.ts'
import { checkVisibility, summaryOf } from '../doctor/visibility.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import type { Host } from '../surfaces/host.ts'
import type { Verdict } from '../surfaces/verdict.ts'
import { type MachineContext, openMachine } from './machine.ts'
import { applyRepairs } from './repair.ts'

/** Everything that doctor looks at, in the order in which it tells. */
const CHECKS: readonly ((snapshot: Snapshot) => readonly Finding[] | Promise<readonly Finding[]>)[] = [
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
  checkEdits,
  checkHooks,
  checkVisibility,
  checkHeads,
  checkPlugins,
  checkListing,
  checkLeftovers,
]

/** The hooks in the settings of agents. */
export interface HookKeeper {
  find(surface: string): Promise<HookState>
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
  /** What `--fix` found and fixed. */
  readonly fixed: readonly Finding[]
  /** Why something could not be fixed. */
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
  let failures: ReadonlyMap<Repair, SkillsctlError> = new Map()
  for (let round = 0; options.fix === true && round < MOST_ROUNDS; round += 1) {
    const fixable = found.findings.filter(({ fix }) => fix !== undefined)
    if (fixable.every((finding) => includes(wanted, finding))) break
    wanted.push(...fixable.filter((finding) => !includes(wanted, finding)))
    const repairs = REPAIRS.filter((repair) => fixable.some(({ fix }) => fix === repair))
    // What failed before is tried again as long as it is wanted: only the last round counts.
    failures = await step('repair', () => applyRepairs(context, repairs, options))
    found = await step('look', () => look(context, options))
  }
  const left = found.findings.filter(({ level }) => level !== 'ok')
  // A repair that failed may have been helped by the next one.
  const failed = [...failures].flatMap(([repair, error]) =>
    left.some(({ fix }) => fix === repair) ? [error] : [],
  )
  return { ...found, fixed: wanted.filter((finding) => !includes(left, finding)), failed }
}

/** What is fixed lets the checks see further: a hook is looked for where there is a root. */
const MOST_ROUNDS = 3

function includes(findings: readonly Finding[], { check, subject, message }: Finding): boolean {
  return findings.some((one) => one.check === check && one.subject === subject && one.message === message)
}

async function look(
  context: MachineContext,
  options: DoctorOptions,
): Promise<Pick<DoctorReport, 'findings' | 'surfaces'>> {
  try {
    return await lookAtAll(context, options)
  } catch (error) {
    if (!isError(error, 'failed')) throw error
    return { findings: closedHome(context, error), surfaces: [] }
  }
}

async function lookAtAll(
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
  const hooks = new Map<string, HookState>()
  for (const { name, root } of surfacesOf(config))
    if (root !== undefined) hooks.set(name, await keeper.find(name))
  const snapshot = await takeSnapshot({ layout, config, state, now: context.now(), host, machineId, hooks })
  const findings: Finding[] = []
  for (const check of CHECKS) findings.push(...(await check(snapshot)))
  const surfaces = snapshot.surfaces.map((surfaceSnapshot) => ({
    surface: surfaceSnapshot.surface.name,
    summary: summaryOf(surfaceSnapshot),
    verdicts: surfaceSnapshot.verdicts,
  }))
  return { findings, surfaces }
}
