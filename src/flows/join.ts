/** `skillsctl join`: pin the root, give the machine an id, do the first pull. It all happens or nothing does. */
import { randomUUID } from 'node:crypto'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseChannel } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { errnoOf, onDisk, unlessAbsent } from '../disk/fault.ts'
import { type MachineConfig, readConfig, writeConfig } from '../home/config.ts'
import { createHome, type Layout } from '../home/layout.ts'
import { readMachineId, withIdentity } from '../home/machine-identity.ts'
import type { RootPin } from '../trust/root-chain.ts'
import type { JoinToken } from '../trust/token.ts'
import type { MachineContext } from './machine.ts'
import { pull } from './pull.ts'
import type { PullReport } from './pull-report.ts'

export interface JoinReport {
  readonly machine: string
  readonly pull: PullReport
  /** False when this machine had joined the same repository already. */
  readonly joined: boolean
}

/**
 * @throws SkillsctlError `refused` when the home follows another repository; a failed first pull is thrown as
 *   its own error and leaves no home behind
 */
export async function join(
  context: MachineContext,
  { store, root, channel }: JoinToken,
): Promise<JoinReport> {
  const { layout } = context
  const known = await readConfig(layout)
  if (known !== undefined) {
    insistOnSame(known, { store, root, channel }, layout)
    return { machine: known.machine, pull: await pull(context), joined: false }
  }
  const before = await onDisk(layout.root, () => unlessAbsent(readdir(layout.root), undefined))
  refuseForeign(before ?? [], layout)
  const machine = randomUUID()
  await createHome(layout)
  try {
    const config = { store, root, channel: parseChannel(channel).name, machine, raw: {} }
    await writeConfig(layout, withIdentity(config, readMachineId()))
    const report = await pull(context, { why: 'join' })
    if (report.problem !== undefined && report.current === undefined) throw report.problem
    return { machine, pull: report, joined: true }
  } catch (error) {
    // What went wrong tells more than what then kept us from clearing away; joining again works on what is left.
    await undo(layout, before).catch(() => {})
    throw error
  }
}

function insistOnSame(known: MachineConfig, wanted: JoinToken, layout: Layout): void {
  const same = known.store === wanted.store && !contradicts(known.root, wanted.root)
  if (same && known.channel === wanted.channel) return
  throw new SkillsctlError(
    'refused',
    same ? 'this machine follows another channel' : 'this machine follows another repository',
    {
      subject: layout.root,
      expected: same ? wanted.channel : wanted.store,
      found: same ? known.channel : known.store,
      hint: same
        ? `to change it: skillsctl channel ${wanted.channel}`
        : `use another home (SKILLSCTL_HOME=…), or remove ${layout.root} first`,
    },
  )
}

/** Two roots of one version that differ belong to two repositories; of other versions only the chain can tell. */
function contradicts(known: RootPin, wanted: RootPin): boolean {
  return known.version !== undefined && known.version === wanted.version && known.sha256 !== wanted.sha256
}

/** A directory that holds anything but a home is somebody's own. */
function refuseForeign(names: readonly string[], layout: Layout): void {
  const ours = Object.values(layout).map((path) => basename(path))
  const foreign = names.find((name) => !ours.includes(name))
  if (foreign === undefined) return
  throw new SkillsctlError('refused', 'this directory is not a home of skillsctl, and not empty', {
    subject: layout.root,
    found: foreign,
    hint: 'name an empty or a new directory with --home',
  })
}

/** Removes what this run has made; what was there before stays. */
async function undo(layout: Layout, before: readonly string[] | undefined): Promise<void> {
  const isNew = (path: string): boolean => before?.includes(basename(path)) !== true
  for (const path of [layout.config, layout.state, layout.trust].filter(isNew)) {
    await rm(path, { recursive: true, force: true })
  }
  const directories = [layout.releases, layout.manifests, layout.staging, layout.kept].filter(isNew)
  for (const directory of [...directories, ...(before === undefined ? [layout.root] : [])]) {
    try {
      await rmdir(directory)
    } catch (error) {
      // Another process is at work here: not ours to remove.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
    }
  }
}
