/** `skillsctl after-switch`: the command that runs after a switch; and running it, in a process of its own. */
import { isError, SkillsctlError } from '../../src/core/errors.ts'
import { withLock } from '../../src/disk/lock.ts'
import {
  type AfterSwitch,
  afterSwitchOf,
  DEFAULT_LIMIT,
  newSwitch,
  noteAnnounced,
  type Switch,
  setAfterSwitch,
} from '../../src/flows/after-switch.ts'
import { requireConfig } from '../../src/home/config.ts'
import type { Layout } from '../../src/home/layout.ts'
import { note } from '../../src/home/log.ts'
import { type Cli, machineContext } from '../context.ts'
import { asFailure } from '../failure.ts'
import { type Limited, runLimited } from '../limited-process.ts'
import type { Result } from '../output.ts'

/** In the log. */
const PROGRAM = 'after-switch'

interface AfterSwitchFlags {
  set?: string
  /** Milliseconds. */
  limit?: number
  clear?: boolean
  due?: boolean
}

export async function afterSwitch(
  cli: Cli,
  _args: readonly string[],
  { set, limit, clear = false, due = false }: AfterSwitchFlags,
): Promise<Result> {
  const context = machineContext(cli)
  const { layout } = context
  if (due) return runDue(layout, context.now)
  const known = afterSwitchOf(await requireConfig(layout))
  if (!clear && set === undefined && limit === undefined) return shown(known)
  const command = set ?? known?.command
  if (clear && (set !== undefined || limit !== undefined))
    throw new SkillsctlError('usage', 'a command is set or cleared, not both', { subject: '--clear' })
  if (!clear && command === undefined)
    throw new SkillsctlError('usage', 'a limit for which command?', {
      subject: '--limit',
      hint: "set it with: skillsctl after-switch --set '<command>'",
    })
  const timeout = limit === undefined ? (known?.timeout ?? DEFAULT_LIMIT) : limit / 1000
  const wanted = clear || command === undefined ? undefined : { command, timeout }
  await setAfterSwitch(context, wanted)
  return shown(wanted)
}

function shown(hook: AfterSwitch | undefined): Result {
  const text =
    hook === undefined
      ? "nothing runs after a switch; set it with: skillsctl after-switch --set '<command>'"
      : `after a switch, for at most ${hook.timeout} s: ${hook.command}`
  return { data: { afterSwitch: hook ?? null }, text: [text] }
}

/** One at a time. Whoever finds another at work leaves it to that one, which looks again when it is done. */
async function runDue(layout: Layout, now: () => number): Promise<Result> {
  const done: Result = { data: {}, text: [] }
  try {
    while ((await look(layout)) !== undefined) await withLock(layout.announcing, () => runAll(layout, now), 0)
  } catch (error) {
    // Nobody is listening any more.
    if (!isBusy(error, layout)) note(layout, PROGRAM, asFailure(error).message, now())
  }
  return done
}

function isBusy(error: unknown, { announcing }: Layout): boolean {
  return isError(error, 'locked') && error.subject === announcing
}

/** Nothing is under way while the lock is held: all of a switch is seen, or nothing. */
function look(layout: Layout): Promise<Switch | undefined> {
  return withLock(layout.lock, () => newSwitch(layout))
}

/** Switches that come while the command runs are told in one. */
async function runAll(layout: Layout, now: () => number): Promise<void> {
  for (let one = await look(layout); one !== undefined; one = await look(layout)) {
    const { from = '', to, release, surfaces, hook, seen } = one
    const began = now()
    const ended = await runLimited(hook.command, hook.timeout * 1000, layout.root, {
      ...process.env,
      SKILLSCTL_HOME: layout.root,
      SKILLSCTL_SURFACES: surfaces.join(','),
      SKILLSCTL_FROM: from,
      SKILLSCTL_TO: to,
      SKILLSCTL_RELEASE: release,
    })
    for (const line of describe(one, ended, now() - began)) note(layout, PROGRAM, line, now())
    // Afterwards: killed before this, the command runs once more rather than not at all.
    await noteAnnounced(layout, seen)
  }
}

function describe({ from = 'nothing', to, surfaces }: Switch, ended: Limited, took: number): string[] {
  const where = surfaces.length === 0 ? '' : `, surfaces ${surfaces.join(',')}`
  const first = `${from} → ${to}${where}: ${howItEnded(ended)} after ${(took / 1000).toFixed(1)} s`
  const lines = ended.output.split('\n').filter((line) => line.trim() !== '')
  return [first, ...lines.map((line) => `| ${line}`)]
}

function howItEnded({ exit, signal, isOver, problem }: Limited): string {
  if (problem !== undefined) return `could not be started (${problem})`
  if (isOver) return 'took too long and was ended'
  return signal === null ? `exit ${exit}` : `ended by ${signal}`
}
