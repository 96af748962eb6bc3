/** Reports of flows → lines for people. */
import { formatAge } from '../src/core/freshness.ts'
import { describeTrial } from '../src/core/trial.ts'
import { whatItAwaits } from '../src/core/waiting.ts'
import type { Outcome } from '../src/edits/overlays.ts'
import { shownAs } from '../src/edits/tree-name.ts'
import type {
  Changes,
  PublishReport,
  PullReport,
  ReleaseEntry,
  StatusReport,
  SwitchReport,
  VerifyReport,
} from '../src/index.ts'
import type { Settled } from '../src/surfaces/settle.ts'
import { outcomeLines, waitingLines } from './edit-lines.ts'
import { formatBytes } from './output.ts'

export function changeLines({ added, removed, renamed, modified, more }: Changes): string[] {
  return [
    ...removed.map((name) => `  - ${name}`),
    ...renamed.map(([from, to]) => `  > ${from} → ${to}`),
    ...added.map((name) => `  + ${name}`),
    ...modified.map((name) => `  ~ ${name}`),
    ...(more === undefined ? [] : [`  … and ${more} more`]),
  ]
}

/** Who is ahead, who is behind, and why, of a commit that was not published. */
export function supersededBy({ because, channel, previous, version }: PublishReport): string {
  return because === 'left'
    ? `${channel} had ${version} and was moved back to ${previous} on purpose; to go on from there, publish a new commit`
    : `${channel} is ahead at ${previous}, which contains ${version}; this checkout is behind`
}

/** `2 added, 1 renamed`. */
export function changeSummary({ added, removed, renamed, modified, more }: Changes): string {
  const counts = { added, removed, renamed, changed: modified }
  const parts = Object.entries(counts).flatMap(([word, names]) =>
    names.length === 0 ? [] : [`${names.length} ${word}`],
  )
  return [...parts, ...(more === undefined ? [] : [`${more} more`])].join(', ') || 'no change'
}

export function pullLines(report: PullReport): string[] {
  const { outcome, channel, current, previous, next, changes, kept } = report
  const version = current?.version ?? 'nothing'
  const head: Record<PullReport['outcome'], string> = {
    current: `up to date: ${version} on ${channel}`,
    pinned: `pinned: ${version} (${channel} waits; skillsctl unpin to follow it)`,
    empty: `nothing was published on ${channel} yet`,
    pending: `${previous?.version ?? 'nothing'} → ${next?.version} on ${channel}, not installed yet`,
    updated: `${previous === undefined ? 'installed' : `${previous.version} →`} ${version} on ${channel}`,
    repaired: `repaired: ${version} on ${channel}`,
    dropped: `${version} stays: another command chose it meanwhile`,
    failed: current === undefined ? 'nothing is installed' : `still running ${version} on ${channel}`,
  }
  return [
    head[outcome],
    ...(changes === undefined ? [] : changeLines(changes)),
    ...editLines(report.edits, kept, version),
    ...settledLines(report.surfaces),
    ...trialLines(report.trial),
    ...waitingLines(report.waiting),
  ]
}

export function trialLines(trial: PullReport['trial']): string[] {
  return trial === undefined ? [] : [`  trying ${describeTrial(trial)}, then ${trial.after} again`]
}

/** What became of edits, and where others were set aside. */
export function editLines(edits: readonly Outcome[], kept: readonly string[], version: string): string[] {
  const told = new Set(edits.map((edit) => edit.kept))
  return [...outcomeLines(edits, version), ...keptLines(kept.filter((directory) => !told.has(directory)))]
}

export function keptLines(kept: readonly string[]): string[] {
  return kept.map((directory) => `local edits were set aside in ${directory}`)
}

/** What became of surfaces, a line each; nothing of those where nothing was to do. */
export function settledLines(surfaces: readonly Settled[]): string[] {
  return surfaces.flatMap(
    ({ surface, outcome, from = '', to = '', shown, contact, sessions = 0, overdue }, index) => {
      if (outcome === 'waits') return [`  ${surface} shows ${shownAs(from)} until ${whatItAwaits(sessions)}`]
      if (outcome !== 'moved') return []
      const { changed = [], shadowed = [], recovered = [], aside = [] } = shown ?? {}
      // The release that was edited is as it was again, and nobody sees anything else than a moment ago.
      if (changed.length === 0 && surfaces.slice(0, index).some((one) => one.surface === surface)) return []
      const count = `${changed.length} ${changed.length === 1 ? 'entry' : 'entries'} changed`
      return [
        `  ${surface} shows ${shownAs(to)}: ${count}${overdue === true ? '; sessions were open, and it had waited long enough' : ''}`,
        ...(recovered.length === 0 ? [] : [recoveredLine(surface, to, recovered.length)]),
        ...contactLines(surface, contact, aside),
        ...shadowed.map(
          (place) => `  ! ${surface}: ${place} is shadowed by something of yours${whyIn(contact, place)}`,
        ),
      ]
    },
  )
}

/** What became of what a person had there before. */
function contactLines(surface: string, contact: Settled['contact'], aside: readonly string[]): string[] {
  if (contact === undefined) return []
  const { equal, kept, taken, stays, snapshot } = contact
  const chosen = stays.filter(({ why }) => why === undefined)
  return [
    ...(equal.length === 0
      ? []
      : [`  ${surface}: ${equal.length} of yours equal to the release, taken over`]),
    ...kept.map((place) => `  ${surface}: ${place} stays as you have it, as an edit of the release`),
    ...taken.map((place) => `  ${surface}: ${place} is of the release now; yours is in ${aside.join(', ')}`),
    ...(chosen.length === 0
      ? []
      : [`  to decide: skillsctl surface add ${surface} --adopt keep, or --adopt take`]),
    ...(snapshot === undefined ? [] : [`  what was there before: skillsctl kept show ${snapshot}`]),
  ]
}

function whyIn(contact: Settled['contact'], place: string): string {
  const why = contact?.stays.find((one) => one.place === place)?.why
  return why === undefined ? '' : ` (${why})`
}

/** Who was ahead, who was behind, and why. */
function recoveredLine(surface: string, release: string, count: number): string {
  const entries = count === 1 ? '1 entry' : `${count} entries`
  return `  ! ${surface} was ahead with ${entries} of ${release} that this home did not know: restored from a backup? they are followed again`
}

export function switchLines({ current, previous, kept, surfaces, edits }: SwitchReport): string[] {
  const moved = previous !== undefined && previous.manifest !== current.manifest
  return [
    moved ? `${previous.version} → ${current.version}` : current.version,
    'pinned: updates wait until skillsctl unpin',
    ...editLines(edits, kept, current.version),
    ...settledLines(surfaces),
  ]
}

export function statusLines(report: StatusReport): string[] {
  const { current, channel, freshness, reasons, previous, disk, releases, home } = report
  const checked =
    freshness.sinceCheck === undefined ? 'never checked' : `checked ${formatAge(freshness.sinceCheck)} ago`
  const first = `${current?.version ?? 'nothing installed'} on ${channel}`
  if (reasons.length === 0) return [`${first}, up to date (${checked})`, ...editCounts(report.edits)]
  return [
    `${first} (${checked})`,
    ...reasons.map((reason) => `  ! ${reason}`),
    ...editCounts(report.edits),
    `  previous ${previous?.version ?? 'none'}, ${releases} on disk (${formatBytes(disk)}), home ${home}`,
  ]
}

function editCounts(edits: StatusReport['edits']): string[] {
  if (edits === undefined) return []
  const { kept, blessed } = edits
  const counts = { new: edits.new, kept: kept - blessed, 'on purpose': blessed }
  const parts = Object.entries(counts).flatMap(([word, count]) => (count === 0 ? [] : [`${count} ${word}`]))
  return [`  edits: ${parts.join(', ')} (skillsctl edits)`]
}

export function verifyLines(report: VerifyReport): string[] {
  const { version, files, drift, waiting, hasSurfaces, repair } = report
  const list = drift.map(({ path, kind }) => `  ${kind} ${path}`)
  const waits = waitingLines(waiting)
  if (drift.length === 0) return [`${version}: all ${files} files match their manifest`, ...waits]
  if (repair !== undefined)
    return [`${version}: restored`, ...list, ...editLines(repair.edits, repair.kept, version), ...waits]
  const next = hasSurfaces
    ? 'skillsctl pull takes over what you edited, and restores the release'
    : 'skillsctl verify --repair sets them aside and restores the release'
  return [`${version}: ${drift.length} of ${files} files differ; ${next}`, ...list, ...waits]
}

export function releaseLines(entries: readonly ReleaseEntry[]): string[] {
  return entries.map(({ release, changes, archive }) =>
    [
      release.version,
      release.publishedAt,
      formatBytes(archive.size).padStart(8),
      changeSummary(changes),
      ...(release.author === undefined ? [] : [`by ${release.author}`]),
    ].join('  '),
  )
}
