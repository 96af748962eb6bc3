/** Each surface against the ledger: its root, its pointer, what we have made there. */
import { join } from 'node:path'
import { formatAge } from '../core/freshness.ts'
import { shellWord } from '../core/shell-word.ts'
import { findPreset, type Surface } from '../core/surface.ts'
import { whatItAwaits } from '../core/waiting.ts'
import { isViewOf } from '../edits/view-name.ts'
import { ledgerPath } from '../surfaces/ledger.ts'
import { pointerPath } from '../surfaces/pointer.ts'
import { rootOf } from '../surfaces/root.ts'
import { hasOldStages, stagingAreasOf } from '../surfaces/staging-area.ts'
import { type Finding, Findings, names } from './finding.ts'
import { isLink, isSafeToMake } from './place.ts'
import type { Snapshot, SurfaceSnapshot } from './snapshot.ts'

export function checkRoots({ surfaces, host }: Snapshot): Finding[] {
  const findings = new Findings('root')
  for (const { surface, root, blocked } of surfaces) {
    if (root === undefined) continue
    const { path, is } = root
    const hint = `to give it up, make an empty directory there, and: skillsctl surface remove ${surface.name}`
    if (is === 'directory') {
      findings.ok(path, 'is there')
      const preset = findPreset(surface.preset)
      const read = preset && rootOf(preset, host.user)
      if (read !== undefined && read !== path)
        findings.note(path, `in this environment its agent reads ${read}`, {
          hint: `if that is the right one: skillsctl surface add ${surface.preset} --as ${surface.name} --root ${shellWord(read)}`,
        })
      for (const folder of surface.folders)
        if (isLink(join(path, folder)))
          findings.note(join(path, folder), 'is a link: some versions of agents do not look through it', {
            hint: 'a directory of that name is safe everywhere',
          })
      for (const [folder, state] of blocked)
        findings.problem(join(path, folder), IN_PLACE[state], { hint: wayOut(state, join(path, folder)) })
    } else if (is === 'absent') {
      const fix = isSafeToMake(path, host.user.directory) ? { fix: 'root' as const } : {}
      const first = 'fix' in fix ? 'make it again' : 'mount its disk or make it again, then: skillsctl pull'
      findings.problem(path, 'is gone, so this agent sees nothing', { hint: `${first}; ${hint}`, ...fix })
    } else {
      findings.problem(path, IN_PLACE[is], { hint: `${wayOut(is, path)}; ${hint}` })
    }
  }
  return findings.all
}

const IN_PLACE = {
  file: 'a file (or an alias) is in its place',
  'dead link': 'a link that leads nowhere is in its place',
  closed: 'no permission: this user may not read and write there',
}

function wayOut(is: keyof typeof IN_PLACE, path: string): string {
  const first = is === 'closed' ? `if it is yours: chmod u+rwx ${shellWord(path)}` : 'move it away'
  return `${first}, then: skillsctl doctor --fix`
}

export function checkLedgers({ layout, surfaces, orphanedLedgers }: Snapshot): Finding[] {
  const findings = new Findings('ledger')
  for (const { surface, unread } of surfaces) {
    if (unread === undefined) findings.ok(surface.name, 'says what is ours')
    else if (unread.code === 'unsupported')
      findings.problem(surface.name, unread.message, { hint: unread.hint })
    else if (unread.code !== 'corrupt')
      findings.problem(unread.subject ?? surface.name, `its ledger cannot be read: ${unread.message}`, {
        hint: unread.hint,
      })
    else
      findings.problem(surface.name, 'its ledger is damaged: nobody knows what is ours there', {
        hint: 'what leads into the home is recognized, all else is left alone',
        fix: 'ledger',
      })
  }
  for (const { name, problem } of orphanedLedgers)
    findings.note(
      ledgerPath(layout, name),
      `the ledger of a surface that is not there any more: ${problem.message}`,
      { hint: problem.code === 'corrupt' ? 'the next update sets it aside' : problem.hint },
    )
  return findings.all
}

/** What is shown, against what should be; the root and the ledger have been looked at. */
export function checkEntries(snapshot: Snapshot): Finding[] {
  const findings = new Findings('surface')
  for (const surfaceSnapshot of snapshot.surfaces) {
    const { root, unread, wants } = surfaceSnapshot
    if (root?.is !== 'directory' || unread !== undefined || wants === undefined) continue
    const before = findings.all.length
    checkSwitch(surfaceSnapshot, snapshot.now, findings)
    checkPlaces(snapshot, surfaceSnapshot, findings)
    checkStagingArea(surfaceSnapshot, snapshot.now, findings)
    if (findings.all.length === before)
      findings.ok(surfaceSnapshot.surface.name, `shows ${surfaceSnapshot.pointer}`)
  }
  return findings.all
}

function checkSwitch(
  { surface, ledger, pointer, wants, sessions }: SurfaceSnapshot,
  now: number,
  findings: Findings,
): void {
  const { name } = surface
  const { shows, waitsSince } = ledger
  const isWanted = wants !== undefined && isViewOf(pointer, wants)
  const fix = 'surface'
  if (shows === undefined || pointer === undefined || shows.release !== pointer) {
    const what =
      shows === undefined && pointer === undefined ? 'shows nothing yet' : 'a switch was left half done'
    findings.problem(name, what, { hint: 'run: skillsctl pull', fix })
  } else if (!isWanted && surface.switch === 'now') {
    findings.problem(name, `shows ${pointer}, and ${wants} runs`, { hint: 'run: skillsctl pull', fix })
  } else if (!isWanted && isOverdue(surface, waitsSince, now)) {
    findings.problem(name, `shows ${pointer}, and has waited for sessions longer than it may`, {
      hint: 'nobody has pulled since: run skillsctl pull',
      fix,
    })
  } else if (!isWanted) {
    const since =
      waitsSince === undefined ? '' : `, since ${formatAge(Math.max(0, now - Date.parse(waitsSince)))}`
    findings.note(name, `shows ${pointer} until ${whatItAwaits(sessions)}${since}`, {
      hint: `${wants} follows when a session begins, or after ${formatAge(surface.maxWait * 1000)}`,
    })
  }
}

function isOverdue({ maxWait }: Surface, waitsSince: string | undefined, now: number): boolean {
  return waitsSince !== undefined && now - Date.parse(waitsSince) >= maxWait * 1000
}

function checkPlaces({ layout }: Snapshot, surfaceSnapshot: SurfaceSnapshot, findings: Findings): void {
  const { surface, ledger, entries, states, blocked } = surfaceSnapshot
  const { name } = surface
  const fix = 'surface'
  const tell = (places: readonly string[], what: string): void => {
    if (places.length > 0)
      findings.problem(name, `${what}: ${names(places)}`, { hint: 'run: skillsctl doctor --fix', fix })
  }
  // Of a folder in which nothing can be shown it is said by itself.
  const isBlocked = (place: string): boolean =>
    [...blocked.keys()].some((folder) => place.startsWith(`${folder}/`))
  const those = (is: string): string[] =>
    [...states].filter(([place, state]) => state.is === is && !isBlocked(place)).map(([place]) => place)
  tell(those('missing'), 'entries are missing')
  tell(
    those('taken').filter((place) => !ledger.shadowed.includes(place)),
    'something else has taken the place of entries',
  )
  // Of a switch that was left half done, the ledger names what was to come as well.
  const made = ledger.shows === undefined ? [] : [...ledger.entries.keys()]
  tell(
    made.filter((place) => !entries.has(place)),
    'entries are left of another release',
  )
  const pointer = pointerPath(layout, name)
  tell(
    [...ledger.entries]
      .filter(([, { by, target }]) => by === 'link' && target?.startsWith(`${pointer}/`) !== true)
      .map(([place]) => place),
    'entries lead elsewhere than into this home',
  )
  const edited = [...states].filter(([, { edits }]) => edits.length > 0).map(([place]) => place)
  if (edited.length > 0)
    findings.note(name, `edited on this machine: ${names(edited)}`, {
      hint: `the next update sets these edits aside in ${layout.kept}`,
    })
}

function checkStagingArea({ surface, root }: SurfaceSnapshot, now: number, findings: Findings): void {
  if (
    root !== undefined &&
    stagingAreasOf(root.path, surface.folders).some((path) => hasOldStages(path, now))
  )
    findings.note(surface.name, 'copies that were taken out are still there', { fix: 'surface' })
}
