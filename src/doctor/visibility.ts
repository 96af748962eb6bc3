/** Whether agents list what each surface shows: what the scan of surfaces/verdict.ts says, in a line per reason. */
import { isGuide } from '../core/scan-rules.ts'
import { findPreset } from '../core/surface.ts'
import type { Verdict } from '../surfaces/verdict.ts'
import { type Finding, Findings, names } from './finding.ts'
import type { Snapshot, SurfaceSnapshot } from './snapshot.ts'

export function checkVisibility({ surfaces }: Snapshot): Finding[] {
  const findings = new Findings('visibility')
  for (const { surface, verdicts, states, reading } of surfaces) {
    // Entries that are missing are told of where the surface is looked at.
    const told = verdicts.filter(({ place }) => states.get(place)?.is !== 'missing')
    for (const group of alike(told)) tell(findings, surface.name, group)
    for (const path of reading.settings?.unreadable ?? [])
      findings.note(path, 'these settings cannot be read: whether they hide anything is not verified')
  }
  return findings.all
}

/** Verdicts that differ in nothing but the place, and in the directory of what is in the way. */
function alike(verdicts: readonly Verdict[]): Verdict[][] {
  const groups = new Map<string, Verdict[]>()
  for (const verdict of verdicts) {
    const { is, agent, because, isVerified, by } = verdict
    if (is === 'visible' && because === undefined) continue
    const key = JSON.stringify([is, agent, because, isVerified, by?.replace(/[^/]+$/, '')])
    groups.set(key, [...(groups.get(key) ?? []), verdict])
  }
  return [...groups.values()]
}

function tell(findings: Findings, surface: string, group: readonly Verdict[]): void {
  const [first] = group
  if (first === undefined) return
  const { is, agent, because, by, isVerified, isChosen } = first
  const doubt = isVerified ? '' : ' (not verified)'
  const who = agent === undefined ? '' : ` to ${agent}`
  const what = names(group.map(({ place }) => place))
  const where = group.length > 1 ? (by?.replace(/\/[^/]+$/, '') ?? '') : by
  if (is === 'visible') {
    findings.note(surface, `${what}: ${because}`)
  } else if (is === 'duplicated') {
    findings.note(surface, `${what}: duplicated${who} with ${where}${doubt}`, {
      hint: 'leave it out of one of the two: skillsctl surface add <preset> --except <pattern>',
    })
  } else if (is === 'shadowed') {
    const name = group.length > 1 ? '<skill>' : first.place
    const adopt = `yours stays; to give its place to the release: skillsctl surface adopt ${name}; to leave it out: --except`
    // What the person has put in its place is what the person wants there.
    const [isWrong, hint] =
      agent === undefined ? [false, adopt] : [isVerified, 'rename or remove the other one']
    add(findings, isWrong, surface, `${what}: shadowed${who} by ${where}${doubt}`, hint)
  } else {
    add(
      findings,
      isVerified && isChosen !== true,
      surface,
      `${what}: invisible${who} because ${because}${doubt}`,
    )
  }
}

/** What is not verified, or is as the person wants it, is no problem. */
function add(findings: Findings, isProblem: boolean, subject: string, message: string, hint?: string): void {
  if (isProblem) findings.problem(subject, message, { hint })
  else findings.note(subject, message, { hint })
}

/** `claude-code: 31 of 31 skills visible`. */
export function summaryOf({ surface, root, verdicts, ledger, reading }: SurfaceSnapshot): string {
  const { name, preset } = surface
  if (root === undefined) {
    const last = ledger.exported === undefined ? 'never exported' : `last exported ${ledger.exported.at}`
    return `${name}: manual, ${last}, not verifiable (${findPreset(preset)?.agents ?? preset})`
  }
  if (root.is !== 'directory') return `${name}: nothing is visible, as its root is not there`
  const skills = verdicts.filter(({ place }) => place.startsWith('skills/'))
  const seen = skills.filter(({ is }) => is === 'visible' || is === 'duplicated')
  const others = verdicts.length - skills.length
  const rest = others === 0 ? '' : `, ${others} other ${others === 1 ? 'entry' : 'entries'}`
  const count = `${name}: ${seen.length} of ${skills.length} skills`
  if (reading.readers.length > 0 && reading.readers.every(({ scan }) => isGuide(scan.rules)))
    return `${count} in place${rest}; no agent that reads here was found (it is for ${findPreset(preset)?.agents ?? preset})`
  return `${count} visible${toWhom(reading, seen)}${rest}`
}

function toWhom({ readers }: SurfaceSnapshot['reading'], seen: readonly Verdict[]): string {
  if (readers.length === 0) return ' on disk (who reads there is not known)'
  const agents = readers.map(({ scan }) => scan.rules.agent)
  const doubtful = readers.filter(({ scan }) => scan.rules.unverified.length > 0)
  const doubt = doubtful.length === 0 || seen.every(({ isVerified }) => isVerified) ? [] : doubtful
  const which = doubt.map(({ scan }) => `${scan.rules.agent}: ${scan.rules.unverified.join(', ')}`)
  return ` to ${agents.join(', ')}${which.length === 0 ? '' : ` (not verified for ${which.join('; ')})`}`
}
