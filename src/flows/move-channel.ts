/** Committing a new head, by ourselves or together with other signers of the channel (SPEC.md, "Approvals"). */
import type { Json, JsonObject } from '../core/canonical.ts'
import type { Changes } from '../core/changes.ts'
import type { Channel, ChannelHead, ReleaseEntry } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import {
  type Approval,
  approve,
  completed,
  isRecent,
  openApprovals,
  proposal,
  sameContent,
} from '../trust/approval.ts'
import type { TargetsSigned } from '../trust/metadata.ts'
import { keySet } from '../trust/root.ts'
import type { View } from '../trust/view.ts'
import { type Change, commit, signersFor } from '../trust/writer.ts'
import type { Confirm } from './channel.ts'
import { moveHead, type PublisherContext } from './publisher.ts'
import { writeCatchups } from './write-catchups.ts'

export interface MoveReport {
  /** `approved`: our signature is stored, more are needed. `unchanged`: it is the head already. */
  readonly outcome: 'moved' | 'unchanged' | 'approved'
  readonly channel: string
  readonly version: string
  readonly previous: string | undefined
  readonly changes: Changes
  /** With a threshold: signatures there are, signatures needed. */
  readonly approvals?: { readonly have: number; readonly need: number }
}

/** What a flow wants to be the head, decided from the verified state. */
export interface Wanted {
  readonly entry: ReleaseEntry
  /** In full, for the person. */
  readonly changes: Changes
  /** The manifest. */
  readonly bytes: Buffer
}

/**
 * Moves a channel to what `decide` chooses. Where the channel asks for several signers, stores our approval, or
 * adds it to the one that waits; whoever completes the quorum commits.
 * @param confirm is shown what a second signer is about to approve
 */
export async function moveChannel(
  context: PublisherContext,
  channel: Channel,
  decide: (view: View, head: ChannelHead | undefined) => Promise<Wanted>,
  confirm: Confirm,
): Promise<MoveReport> {
  let report: MoveReport | undefined
  await commit(context, async (view): Promise<Change | undefined> => {
    const head = await view.head(channel)
    // A key that may not sign is found out before `decide` copies anything.
    const { keys, threshold } = keySet(view).channels[channel.role] ?? { keys: [], threshold: 1 }
    signersFor(channel.role, { keyids: keys.map(({ keyid }) => keyid), threshold: 1 }, context.signers)
    const { entry, changes, bytes } = await decide(view, head)
    const { version } = entry.release
    const about = { channel: channel.name, version, previous: head?.entry.release.version, changes }
    if (head?.entry.manifest.sha256 === entry.manifest.sha256) {
      report = { ...about, outcome: 'unchanged' }
      return undefined
    }
    report = { ...about, outcome: 'moved' }
    const move = { view, channel, former: head, entry, bytes, git: context.git }
    const beforeCommit: Change['beforeCommit'] = (files, attempt) =>
      writeCatchups(context, move, files, attempt)
    if (threshold <= 1) {
      const signed = await moveHead(context, view, channel, entry)
      return { edits: [{ role: channel.role, signed }], beforeCommit }
    }
    const approval = await addApproval(context, view, channel, entry, about, confirm)
    const approvals = { have: approval.signatures.length, need: threshold }
    const prepared = completed(approval, { keys, threshold })
    report = { ...about, approvals, outcome: prepared === undefined ? 'approved' : 'moved' }
    return prepared && { edits: [], prepared: [prepared], beforeCommit }
  })
  if (report === undefined)
    throw new SkillsctlError('failed', 'nothing was decided', { subject: channel.name })
  return report
}

async function addApproval(
  context: PublisherContext,
  view: View,
  channel: Channel,
  entry: ReleaseEntry,
  about: { version: string; previous: string | undefined; changes: Changes },
  confirm: Confirm,
): Promise<Approval> {
  const { store, signers, clock } = context
  const holders = keySet(view).channels[channel.role] ?? { keys: [], threshold: 1 }
  const ours = signers.filter(({ keyid }) => holders.keys.some((key) => key.keyid === keyid))
  if (ours.length === 0) {
    throw new SkillsctlError('refused', 'none of the keys at hand may approve this', {
      subject: channel.name,
      expected: `one of ${holders.keys.map(({ keyid }) => keyid.slice(0, 8)).join(', ')}`,
      hint: 'give your key file with --key',
    })
  }
  const signed = await moveHead(context, view, channel, entry)
  const open = await openApprovals(store, view, channel.role, holders, clock())
  const waiting = open.find((approval) =>
    sameContent(publishedWhen(approval.signed, signed, channel, clock()), approval.signed),
  )
  if (waiting === undefined) {
    const next = await proposal(store, view, channel.role, signed, clock())
    return approve(store, channel.role, next, ours, [])
  }
  const question = `approve ${about.previous ?? 'nothing'} → ${about.version} on ${channel.name}?`
  if (!(await confirm(question, about.changes))) {
    throw new SkillsctlError('refused', 'not approved', {
      subject: channel.name,
      hint: 'to approve without a terminal: --yes',
    })
  }
  return approve(store, channel.role, waiting.signed, ours, waiting.signatures)
}

/**
 * Our own version of a change with the other signer's time of publication: the one thing in which two honest
 * signers differ. Whatever else a proposal holds that we would not sign ourselves makes it another proposal.
 */
function publishedWhen(
  theirs: TargetsSigned,
  ours: TargetsSigned,
  { target }: Channel,
  now: number,
): TargetsSigned {
  const custom = ours.targets[target]?.['custom']
  const time = publishedAtOf(theirs.targets?.[target])
  if (time === undefined || !isRecent(time, now) || !isObject(custom) || !isObject(custom['release']))
    return ours
  const release = { ...custom['release'], publishedAt: time }
  return {
    ...ours,
    targets: { ...ours.targets, [target]: { ...ours.targets[target], custom: { ...custom, release } } },
  }
}

function publishedAtOf(target: Json | undefined): string | undefined {
  const custom = isObject(target) ? target['custom'] : undefined
  const release = isObject(custom) ? custom['release'] : undefined
  const time = isObject(release) ? release['publishedAt'] : undefined
  return typeof time === 'string' ? time : undefined
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
