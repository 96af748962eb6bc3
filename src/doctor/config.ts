/** `config.json`: what a person chose for this machine. Nothing here is ours to guess. */
import type { SkillsctlError } from '../core/errors.ts'
import { findPreset } from '../core/surface.ts'
import { oddSurfacesOf } from '../surfaces/definitions.ts'
import { type Finding, Findings } from './finding.ts'
import type { Snapshot } from './snapshot.ts'

export function damagedConfig({ layout }: Pick<Snapshot, 'layout'>, problem: SkillsctlError): Finding[] {
  return new Findings('config').problem(layout.config, wording(problem), {
    hint: 'mend it, or move it out of the home and join again: skillsctl join <token>, then skillsctl surface add <preset>',
  }).all
}

export function checkSurfaceDefinitions({ layout, config }: Snapshot): Finding[] {
  const findings = new Findings('config')
  for (const { name, problem } of oddSurfacesOf(config)) {
    const preset = findPreset(name ?? '')?.name
    const anew = preset === undefined ? '' : `, or write this surface anew: skillsctl surface add ${preset}`
    findings.problem(layout.config, `${wording(problem)}; the other surfaces go on without it`, {
      hint: `mend it there${anew}`,
    })
  }
  return findings.all
}

function wording({ message, expected, found }: SkillsctlError): string {
  if (expected === undefined) return message
  return `${message}: expected ${expected}, found ${found}`
}
