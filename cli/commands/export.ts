/** `skillsctl export`: from arguments to the flow, from its report to lines. */
import { resolve } from 'node:path'
import { SkillsctlError } from '../../src/core/errors.ts'
import type { ExportedSkill, ExportOptions } from '../../src/flows/export.ts'
import { type Cli, machineContext } from '../context.ts'
import { formatBytes, type Result } from '../output.ts'

interface ExportFlags {
  zip?: boolean
  all?: boolean
  output?: string
}

export async function exportBundles(
  cli: Cli,
  skills: readonly string[],
  flags: ExportFlags,
): Promise<Result> {
  if (flags.zip !== true) {
    throw new SkillsctlError('usage', 'which form? for now there is one, bundles to upload', {
      expected: '--zip',
    })
  }
  const options = { skills: chosen(skills, flags), output: resolve(flags.output ?? '.') }
  const { exportSkills } = await import('../../src/flows/export.ts')
  const report = await exportSkills(machineContext(cli), options)
  return { data: report, text: report.exported.flatMap(skillLines) }
}

function chosen(skills: readonly string[], { all }: ExportFlags): ExportOptions['skills'] {
  if ((all === true) !== (skills.length === 0)) {
    throw new SkillsctlError('usage', all === true ? 'all skills, or some of them?' : 'which skills?', {
      expected: 'their names, or --all',
      hint: 'see: skillsctl export --help',
    })
  }
  return all === true ? 'all' : skills
}

function skillLines({ file, outcome, size, dropped }: ExportedSkill): string[] {
  const word = outcome === 'written' ? 'wrote' : 'unchanged:'
  const without = dropped.length === 0 ? [] : [`  without ${dropped.join(', ')}: an upload refuses that`]
  return [`${word} ${file}, ${formatBytes(size)}`, ...without]
}
