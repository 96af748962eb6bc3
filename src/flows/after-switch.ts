/**
 * `afterSwitch`: a command of this machine that runs when another release is shown. What it was last told is noted, so
 * that a switch is found by looking: whatever made it, and whatever was killed since (SPEC.md, "After a switch").
 */
import { resolve } from 'node:path'
import { isError, SkillsctlError } from '../core/errors.ts'
import { integer, object, optional, parseJson, string } from '../core/parse.ts'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import { withLock } from '../disk/lock.ts'
import { type MachineConfig, requireConfig, writeConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory, versionIn } from '../home/releases.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { readLedger } from '../surfaces/ledger.ts'
import type { MachineContext } from './machine.ts'

export interface AfterSwitch {
  /** For `sh -c`. */
  readonly command: string
  /** Seconds. */
  readonly timeout: number
}

export const DEFAULT_LIMIT = 60
const LONGEST_LIMIT = 24 * 60 * 60

/** @throws SkillsctlError `corrupt` */
export function afterSwitchOf({ raw }: Pick<MachineConfig, 'raw'>): AfterSwitch | undefined {
  return optional(raw['afterSwitch'], 'config.afterSwitch', (value, subject) => {
    const { command, timeout = DEFAULT_LIMIT } = object(value, subject)
    return {
      command: string(command, `${subject}.command`),
      timeout: integer(timeout, `${subject}.timeout`, 1, LONGEST_LIMIT),
    }
  })
}

/** What was switched before it is chosen is no news to it. @param wanted undefined for none */
export async function setAfterSwitch(
  { layout }: MachineContext,
  wanted: AfterSwitch | undefined,
): Promise<void> {
  if (wanted !== undefined) insistOnSense(wanted)
  await requireConfig(layout)
  await withLock(layout.lock, async () => {
    const config = await requireConfig(layout)
    const { afterSwitch: known, ...others } = config.raw
    if (wanted !== undefined && known === undefined) await noteAnnounced(layout, await look(layout, config))
    const raw = wanted === undefined ? others : { ...others, afterSwitch: wanted }
    await writeConfig(layout, { ...config, raw })
  })
}

function insistOnSense({ command, timeout }: AfterSwitch): void {
  if (command.trim() === '' || command.includes('\0')) {
    throw new SkillsctlError('usage', 'which command?', {
      expected: 'a line for sh -c',
      hint: 'to run none: skillsctl after-switch --clear',
    })
  }
  if (timeout >= 1 && timeout <= LONGEST_LIMIT) return
  throw new SkillsctlError('usage', 'this is no limit for a command', {
    subject: `${timeout} s`,
    expected: 'from 1 second to 24 hours',
  })
}

/** What is shown where: directories of `releases/`. */
export interface Seen {
  readonly current: string | undefined
  /** By name, as far as everything on the surface is of one release. */
  readonly surfaces: Readonly<Record<string, string>>
}

/** What a command is told. */
export interface Switch {
  readonly hook: AfterSwitch
  /** Versions that `current` names. */
  readonly from: string | undefined
  readonly to: string
  /** Absolute path of the current release. */
  readonly release: string
  /** Names of those that show another release. */
  readonly surfaces: readonly string[]
  /** To be noted once it was told. */
  readonly seen: Seen
}

/**
 * What has moved since it was last told; undefined when nothing has, or nobody wants to know. A caller that holds no
 * lock may see half of a switch that is under way.
 */
export async function newSwitch(layout: Layout): Promise<Switch | undefined> {
  const config = await requireConfig(layout)
  const hook = afterSwitchOf(config)
  if (hook === undefined) return undefined
  const seen = await look(layout, config)
  if (seen.current === undefined) return undefined
  const before = await readAnnounced(layout)
  const surfaces = Object.keys(seen.surfaces).filter((name) => seen.surfaces[name] !== before.surfaces[name])
  if (seen.current === before.current && surfaces.length === 0) return undefined
  return {
    hook,
    from: before.current === undefined ? undefined : versionIn(before.current),
    to: versionIn(seen.current) ?? seen.current,
    release: resolve(layout.releases, seen.current),
    surfaces,
    seen,
  }
}

async function look(layout: Layout, config: MachineConfig): Promise<Seen> {
  const surfaces: Record<string, string> = {}
  for (const { name } of surfacesOf(config)) {
    const { shows } = await readLedger(layout, name)
    if (shows !== undefined) surfaces[name] = shows.release
  }
  return { current: currentDirectory(layout), surfaces }
}

const NOTHING: Seen = { current: undefined, surfaces: {} }

/** A note that cannot be read is none: the command runs once more than it has to. */
async function readAnnounced({ announced }: Layout): Promise<Seen> {
  const bytes = await readIfThere(announced)
  if (bytes === undefined) return NOTHING
  try {
    const fields = object(parseJson(bytes.toString('utf8'), announced), announced)
    const surfaces = Object.entries(object(fields['surfaces'], announced))
    return {
      current: optional(fields['current'], announced, string),
      surfaces: Object.fromEntries(surfaces.map(([name, value]) => [name, string(value, announced)])),
    }
  } catch (error) {
    if (isError(error, 'corrupt')) return NOTHING
    throw error
  }
}

export async function noteAnnounced(layout: Layout, seen: Seen): Promise<void> {
  await writeFileAtomic(layout.announced, `${JSON.stringify(seen)}\n`, { mode: 0o600, via: layout.staging })
}
