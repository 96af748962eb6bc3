/** The commands of a machine: from arguments to a flow, from its report to lines. */
import { parseChannel } from '../../src/core/channel.ts'
import { SkillsctlError } from '../../src/core/errors.ts'
import { type Adoption, CUSTOM, type Preset } from '../../src/core/surface.ts'
import type { Added } from '../../src/flows/surface.ts'
import type { PullReport } from '../../src/index.ts'
import { decodeToken, isToken, parseRootDigest } from '../../src/trust/token.ts'
import { type Cli, layoutFor, machineContext } from '../context.ts'
import { pullLines, statusLines, switchLines, verifyLines } from '../describe.ts'
import { EXIT, exitOf, exitOfCheck } from '../exit.ts'
import { asFailure } from '../failure.ts'
import type { Result } from '../output.ts'
import { confirmer } from '../prompt.ts'

type Args = readonly string[]

export async function join(
  cli: Cli,
  [where = '']: Args,
  flags: { root?: string; channel?: string; surface?: string; adopt?: Adoption },
): Promise<Result> {
  const { join } = await import('../../src/flows/join.ts')
  const presets = await presetsIn(flags.surface)
  const { machine, pull, joined } = await join(machineContext(cli), await target(where, flags))
  const shown = await showTo(cli, presets, flags.adopt)
  const result = pullResult(cli, pull, {})
  const failed = result.problem === undefined ? shown.problem : undefined
  const first = joined
    ? [`joined ${pull.channel} as machine ${machine}`]
    : ['this machine had joined already']
  return {
    ...result,
    ...(failed === undefined ? {} : { problem: failed, exit: exitOf(failed.code) }),
    data: { machine, joined, ...result.data, ...(presets.length === 0 ? {} : { surfaces: shown.data }) },
    text: [...first, ...result.text, ...shown.text, ...(await nobodySees(cli))],
  }
}

async function nobodySees(cli: Cli): Promise<string[]> {
  const { requireConfig } = await import('../../src/home/config.ts')
  const { surfacesOf } = await import('../../src/surfaces/definitions.ts')
  const surfaces = surfacesOf(await requireConfig(layoutFor(cli.globals)))
  return surfaces.length > 0 ? [] : ['no agent is shown it yet: skillsctl surface add claude-code']
}

/** Before anything is done, so that a typo changes nothing. @throws SkillsctlError `usage` */
async function presetsIn(flag: string | undefined): Promise<Preset[]> {
  if (flag === undefined) return []
  const { requirePreset } = await import('../../src/flows/chosen-surface.ts')
  const presets = flag.split(',').map((name) => requirePreset(name.trim()))
  if (presets.every(({ name }) => name !== CUSTOM.name)) return [...new Set(presets)]
  throw new SkillsctlError('usage', 'a surface of your own needs a name and a root', {
    subject: CUSTOM.name,
    hint: 'join first, then: skillsctl surface add custom --as <name> --root <directory>',
  })
}

interface ShownTo {
  readonly data: object[]
  readonly text: string[]
  /** Why the first of those that were not added was not. */
  problem?: SkillsctlError
}

/** The machine has joined, and one surface is not in the way of another. */
async function showTo(cli: Cli, presets: readonly Preset[], adopt: Adoption | undefined): Promise<ShownTo> {
  const shown: ShownTo = { data: [], text: [] }
  if (presets.length === 0) return shown
  const { addAll, addLines } = await import('./surface.ts')
  const requests = presets.map(({ name, root }) => ({
    preset: name,
    options: root === undefined || adopt === undefined ? {} : { adopt },
  }))
  // The machine has joined, whatever comes of this.
  const added = await addAll(cli, requests).catch((error: unknown) => {
    const problem = asFailure(error)
    return requests.map(({ preset }): Added => ({ preset, problem }))
  })
  for (const { preset, report, problem } of added) {
    if (report !== undefined) {
      shown.data.push(report)
      shown.text.push(...addLines(report))
    }
    if (problem === undefined) continue
    shown.text.push(`! ${preset} was not added; once that is mended: skillsctl surface add ${preset}`)
    if (shown.problem === undefined) shown.problem = problem
    else if (shown.problem !== problem)
      cli.output.warn(`${preset}: ${problem.message}: ${problem.subject ?? ''}`)
  }
  return shown
}

async function target(where: string, { root, channel }: { root?: string; channel?: string }) {
  if (isToken(where)) {
    const token = decodeToken(where)
    return { ...token, channel: channel === undefined ? token.channel : parseChannel(channel).name }
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(where)) {
    throw new SkillsctlError('usage', 'this is neither a join token nor the URL of a store', {
      subject: where,
      expected: 'skillsctl-join-1.…, or a URL and --root sha256:…',
      hint: 'copy the whole line that skillsctl init printed',
    })
  }
  if (root === undefined) {
    throw new SkillsctlError('usage', 'joining by URL needs the digest of the root', {
      subject: where,
      expected: '--root sha256:…',
      hint: 'use the join token that skillsctl init printed, or its root digest',
    })
  }
  return { store: where, root: parseRootDigest(root), channel: parseChannel(channel ?? 'stable').name }
}

interface PullFlags {
  check?: boolean
  dryRun?: boolean
  bestEffort?: boolean
  requireFresh?: number
  alone?: boolean
}

export async function pull(cli: Cli, _args: Args, { alone = false, ...flags }: PullFlags): Promise<Result> {
  if (!alone) return pullNow(cli, flags)
  const { withLock } = await import('../../src/disk/lock.ts')
  const claim = layoutFor(cli.globals).refreshing
  // Somebody waits for it: what can be done at leisure is left to other pulls.
  return withLock(claim, async () => ({ ...(await pullNow(cli, flags)), afterwards: undefined }), 0)
}

async function pullNow(cli: Cli, flags: PullFlags): Promise<Result> {
  const { pull } = await import('../../src/flows/pull.ts')
  const { check = false, dryRun = false, requireFresh } = flags
  const report = await pull(machineContext(cli), { check, dryRun, requireFresh })
  const isIdle = report.outcome === 'current' && !check && !dryRun
  return { ...pullResult(cli, report, flags), afterwards: isIdle ? () => getReady(cli) : undefined }
}

/** With nothing else to do, the next update is prepared. It goes without, so any failure is worth a word only. */
async function getReady(cli: Cli): Promise<void> {
  try {
    const { prepareStandby } = await import('../../src/flows/standby.ts')
    await prepareStandby(machineContext(cli))
  } catch (error) {
    const { message, subject, hint } = asFailure(error)
    const what = [message, subject].filter(Boolean).join(': ')
    cli.output.warn(`could not prepare the next update: ${what}${hint === undefined ? '' : `; ${hint}`}`)
  }
}

function pullResult({ output }: Cli, report: PullReport, { check, bestEffort }: PullFlags): Result {
  for (const warning of report.warnings) output.warn(warning)
  const { problem, ...data } = report
  const text = pullLines(report)
  if (problem === undefined)
    return { data, text, exit: check && report.outcome === 'pending' ? EXIT.pending : EXIT.done }
  const exit = exitOfCheck(problem.code, report.current !== undefined)
  return { data, text, problem, exit: bestEffort && exit === EXIT.unchecked ? EXIT.done : exit }
}

export async function rollback(cli: Cli, [version]: Args): Promise<Result> {
  const { rollback } = await import('../../src/flows/rollback.ts')
  const report = await rollback(machineContext(cli), version)
  return { data: report, text: switchLines(report) }
}

export async function pin(cli: Cli, [version]: Args): Promise<Result> {
  const { pin } = await import('../../src/flows/rollback.ts')
  const report = await pin(machineContext(cli), version)
  return { data: report, text: switchLines(report) }
}

export async function unpin(cli: Cli): Promise<Result> {
  const { unpin } = await import('../../src/flows/rollback.ts')
  const was = await unpin(machineContext(cli))
  const text =
    was === undefined
      ? 'nothing was pinned'
      : `no longer pinned to ${was.version}; skillsctl pull follows the channel`
  return { data: { unpinned: was ?? null }, text: [text] }
}

export async function channel(cli: Cli, [name]: Args, { yes = false }: { yes?: boolean }): Promise<Result> {
  const context = machineContext(cli)
  if (name === undefined) {
    const { requireConfig } = await import('../../src/home/config.ts')
    const { channel, store } = await requireConfig(context.layout)
    return { data: { channel, store }, text: [channel] }
  }
  const { followChannel } = await import('../../src/flows/channel.ts')
  const report = await followChannel(context, name, confirmer(yes))
  const result = pullResult(cli, report.pull, {})
  const first =
    report.from === report.to
      ? `following ${report.to} already`
      : `following ${report.to}, no longer ${report.from}`
  return {
    ...result,
    data: { from: report.from, to: report.to, ...result.data },
    text: [first, ...result.text],
  }
}

export async function status(cli: Cli): Promise<Result> {
  const { status } = await import('../../src/flows/status.ts')
  const report = await status(machineContext(cli))
  return { data: report, text: statusLines(report) }
}

export async function verify(
  cli: Cli,
  _args: Args,
  { repair = false }: { repair?: boolean },
): Promise<Result> {
  const { verify } = await import('../../src/flows/verify.ts')
  const report = await verify(machineContext(cli), { repair })
  const isDrifted = report.drift.length > 0 && report.repair === undefined
  const isWell = !isDrifted && report.waiting.length === 0
  return { data: report, text: verifyLines(report), exit: isWell ? EXIT.done : EXIT.drift }
}

export async function history(cli: Cli): Promise<Result> {
  const { history } = await import('../../src/flows/status.ts')
  const activations = await history(machineContext(cli))
  const text = activations.map(
    ({ at, from, to, why }) => `${at}  ${why.padEnd(9)} ${from === undefined ? '' : `${from} → `}${to}`,
  )
  return { data: { history: activations }, text }
}
