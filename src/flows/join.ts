/** `skillsctl join`: pin the root, give the machine an id, do the first pull. It all happens or nothing does. */
import { randomUUID } from 'node:crypto'
import { rm, rmdir, stat } from 'node:fs/promises'
import { parseChannel } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { errnoOf, unlessAbsent } from '../disk/fault.ts'
import { type MachineConfig, readConfig, writeConfig } from '../home/config.ts'
import { createHome, type Layout } from '../home/layout.ts'
import type { RootPin } from '../trust/root-chain.ts'
import type { JoinToken } from '../trust/token.ts'
import type { MachineContext } from './machine.ts'
import { type PullReport, pull } from './pull.ts'

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
  const isNew = (await unlessAbsent(stat(layout.root), undefined)) === undefined
  const machine = randomUUID()
  await createHome(layout)
  try {
    await writeConfig(layout, { store, root, channel: parseChannel(channel).name, machine, raw: {} })
    const report = await pull(context, { why: 'join' })
    if (report.problem !== undefined && report.current === undefined) throw report.problem
    return { machine, pull: report, joined: true }
  } catch (error) {
    await undo(layout, isNew)
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

async function undo(layout: Layout, isNew: boolean): Promise<void> {
  for (const path of [layout.config, layout.state, layout.trust])
    await rm(path, { recursive: true, force: true })
  const directories = [
    layout.releases,
    layout.manifests,
    layout.staging,
    layout.kept,
    ...(isNew ? [layout.root] : []),
  ]
  for (const directory of directories) {
    try {
      await rmdir(directory)
    } catch (error) {
      // Somebody's kept edits, or another process at work: not ours to remove.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
    }
  }
}
