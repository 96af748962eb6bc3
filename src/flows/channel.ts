/** `skillsctl channel [name]`: what this machine follows, and following something else. */
import type { Changes } from '../core/changes.ts'
import { isDraft, parseChannel, type ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { withLock } from '../disk/lock.ts'
import { readConfig, writeConfig } from '../home/config.ts'
import { currentRelease } from '../home/releases.ts'
import { updateState } from '../home/state.ts'
import { type MachineContext, openMachine, openReader, withStore } from './machine.ts'
import { pull } from './pull.ts'
import type { PullReport } from './pull-report.ts'
import { endTrialIfOver, insistOnNoTrial } from './trial-over.ts'

/** Asks the person, showing what would change; answers false where nobody can be asked. */
export type Confirm = (question: string, changes?: Changes) => Promise<boolean>

export interface ChannelReport {
  readonly from: string
  readonly to: string
  readonly pull: PullReport
}

/**
 * Follows another channel and pulls it. A step back to an older release is confirmed first.
 * @throws SkillsctlError `absent` for an unknown channel, `refused` when not confirmed
 */
export async function followChannel(
  context: MachineContext,
  name: string,
  confirm: Confirm,
): Promise<ChannelReport> {
  const channel = parseChannel(name)
  await endTrialIfOver(context)
  const machine = await openMachine(context)
  insistOnNoTrial(machine)
  if (channel.name === machine.channel.name) return { from: name, to: name, pull: await pull(context) }
  const head = await withStore(machine, async (store) => {
    const reader = await openReader(machine, store)
    await reader.refresh()
    return reader.head(channel)
  })
  if (head === undefined && isDraft(channel)) {
    throw new SkillsctlError('absent', 'there is no such draft', {
      subject: name,
      hint: `its author runs: skillsctl publish --channel ${name}`,
    })
  }
  if (head !== undefined && machine.state.pin === undefined)
    await confirmStepBack(context, head.entry, channel.name, confirm)
  await withLock(context.layout.lock, async () => {
    const config = (await readConfig(context.layout)) ?? machine.config
    await writeConfig(context.layout, { ...config, channel: channel.name })
    await updateState(context.layout, { probe: undefined, head: undefined })
  })
  return { from: machine.channel.name, to: channel.name, pull: await pull(context, { why: 'channel' }) }
}

/** A machine cannot ask git, so "older" is the earlier commit date; a tie asks, too (DESIGN §2). */
async function confirmStepBack(
  { layout }: MachineContext,
  { release, manifest }: ReleaseEntry,
  channel: string,
  confirm: Confirm,
): Promise<void> {
  const installed = currentRelease(layout)
  if (installed === undefined || installed.manifest === manifest.sha256) return
  const { committedAt } = installed.content.source
  if (release.committedAt > committedAt) return
  const question = `${channel} is at ${release.version}, not newer than ${installed.version} that runs here. Step back?`
  if (await confirm(question)) return
  throw new SkillsctlError('refused', 'this would be a step back', {
    subject: channel,
    expected: `newer than ${committedAt}`,
    found: `${release.version}, committed at ${release.committedAt}`,
    hint: `if it is meant: skillsctl channel ${channel} --yes`,
  })
}
