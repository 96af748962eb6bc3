/** The skills themselves: heads that some client refuses, and more text than an agent lists. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { headProblems } from '../core/skill-rules.ts'
import { entriesOf } from '../core/surface.ts'
import type { Seen } from '../surfaces/scan.ts'
import { readSkillFile } from '../surfaces/skill-file.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type Finding, Findings, names } from './finding.ts'
import type { Snapshot, SurfaceSnapshot } from './snapshot.ts'

/** Whoever publishes can mend these; what an agent leaves out because of them is told by its verdict. */
export function checkHeads({ layout, current }: Snapshot): Finding[] {
  const findings = new Findings('skill')
  if (current === undefined) return []
  const skills = entriesOf(current.content.files, ['skills'], () => true, sha256Hex)
  for (const { source } of skills.values()) {
    const name = basename(source)
    const { fields, problem } = readHead(join(layout.releases, current.directory, source, 'SKILL.md'))
    if (problem !== undefined)
      findings.note(name, `its SKILL.md ${problem}`, { hint: 'some agents leave it out' })
    else
      for (const { field, problem: why, hint } of headProblems(fields, name))
        findings.note(name, `its ${field} ${why}`, { hint })
  }
  return findings.all.length > 0 || skills.size === 0
    ? findings.all
    : findings.ok('skills', `the heads of all ${skills.size} are fine everywhere`).all
}

function readHead(path: string): ReturnType<typeof readSkillFile> {
  try {
    return readSkillFile(readFileSync(path, 'utf8'))
  } catch {
    // Gone, or not for us to read: said where the release is looked at.
    return { fields: {}, head: '', body: '', problem: 'cannot be read' }
  }
}

/** What Claude Code's documentation says of them; 2.1.197 was seen to list them as skills all the same. */
export function checkPlugins({ surfaces }: Snapshot): Finding[] {
  const findings = new Findings('plugin')
  for (const { surface, entries } of surfaces) {
    const plugins = [...entries.values()].filter(({ files, source }) =>
      files.some(({ path }) => path === `${source}/.claude-plugin/plugin.json`),
    )
    if (surface.preset === 'claude-code' && plugins.length > 0)
      findings.note(surface.name, `plugins among the skills: ${names(plugins.map(({ place }) => place))}`, {
        hint: 'Claude Code may load them as <name>@skills-dir (not verified)',
      })
  }
  return findings.all
}

/** Names and descriptions of everything that an agent lists, ours or not, against the room it has for them. */
export function checkListing({ surfaces, host }: Snapshot): Finding[] {
  const findings = new Findings('listing')
  for (const { scan } of readersOf(surfaces)) {
    const { agent, listing } = scan.rules
    if (listing === undefined) continue
    const { total, each, variable = '' } = listing
    const room = Number(host.user.variables[variable]) || total
    const listed = [...scan.seen.values()].filter(({ leftOut }) => leftOut === undefined)
    const size = listed.reduce((sum, one) => sum + lengthOf(one, each), 0)
    const count = `${listed.length} ${listed.length === 1 ? 'skill' : 'skills'}, ${size} characters`
    if (size <= room) findings.ok(agent, `lists ${count} of ${room}`)
    else
      findings.note(agent, `lists ${room} characters of names and descriptions, and ${count} are there`, {
        hint: 'it drops the descriptions of those used least: shorten descriptions, or leave some out with --except',
      })
  }
  return findings.all
}

/** `- name: description`, a line each. */
function lengthOf({ name, description }: Seen, each: number): number {
  return name.length + Math.min(description.length, each) + '- : \n'.length
}

/** Each agent once, whichever of its places are ours. */
function readersOf(surfaces: readonly SurfaceSnapshot[]): SurfaceSnapshot['reading']['readers'] {
  const all = surfaces.flatMap(({ reading }) => reading.readers)
  return [...new Map(all.map((reader) => [reader.scan.rules.agent, reader])).values()]
}
