/** `skillsctl diff`: what somebody changed here, or what differs between two releases. Nothing is switched. */
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { type DiffSource, diffFiles, type FileDiff } from '../core/file-diffs.ts'
import { nearMisses } from '../core/near-misses.ts'
import { FOLDERS } from '../core/surface.ts'
import { findDrift } from '../home/drift.ts'
import { editedTree } from '../home/edited-tree.ts'
import type { Layout } from '../home/layout.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { type MachineContext, openMachine } from './machine.ts'
import { type ReleaseSources, withReleaseSources } from './release-sources.ts'

export interface DiffRequest {
  /** Two versions, commits or channels; without them, what was edited here. */
  readonly between?: readonly [before: string, after: string] | undefined
  /** What to hold the edits against; the release that runs when left out. */
  readonly against?: string | undefined
  /** As `quarterback`, `skills/quarterback` or any path of the release. */
  readonly skill?: string | undefined
  /** False where the names of files will do. */
  readonly byLines: boolean
}

export interface DiffReport {
  readonly from: string
  readonly to: string
  readonly files: readonly FileDiff[]
}

/** What a tree on this machine is called, beside versions. */
const HERE = 'local files'

/** @throws SkillsctlError `absent` for a release or skill that is not there, and what asking the store throws */
export async function diff(context: MachineContext, request: DiffRequest): Promise<DiffReport> {
  const step = steps('diff', context.emit, context.clock)
  const machine = await openMachine(context)
  return withReleaseSources(machine, step, async (sources) => {
    const [before, after] = await sidesOf(machine.layout, sources, request)
    const takes = request.skill === undefined ? () => true : withinSkill(request.skill, before, after)
    const files = await step('compare', () => diffFiles(before, after, takes, request.byLines))
    return { from: before.name, to: after.name, files }
  })
}

async function sidesOf(
  layout: Layout,
  sources: ReleaseSources,
  { between, against }: DiffRequest,
): Promise<[DiffSource, DiffSource]> {
  if (between !== undefined) return [await sources.find(between[0]), await sources.find(between[1])]
  const installed = requireCurrent(layout)
  const root = join(layout.releases, installed.directory)
  const here = editedTree(HERE, root, installed.content.files, findDrift(layout, installed))
  return [against === undefined ? sources.ofInstalled(installed) : await sources.find(against), here]
}

function requireCurrent(layout: Layout): Installed {
  const installed = currentRelease(layout)
  if (installed !== undefined) return installed
  throw new SkillsctlError('absent', 'nothing is installed here, or `current` is damaged', {
    subject: layout.current,
    hint: 'run: skillsctl pull',
  })
}

/** The paths that a person means. @throws SkillsctlError `absent` when neither side has any */
function withinSkill(wanted: string, before: DiffSource, after: DiffSource): (path: string) => boolean {
  const text = wanted.replace(/\/+$/, '')
  const paths = [before, after].flatMap(({ files }) => files.map(({ path }) => path))
  const names = FOLDERS.flatMap((folder) => [`${folder}/${text}`, `${folder}/${text}.md`])
  for (const place of [...names, text]) {
    const takes = (path: string): boolean => path === place || path.startsWith(`${place}/`)
    if (paths.some(takes)) return takes
  }
  const near = nearMisses(text, new Set(paths.flatMap((path) => path.split('/').slice(0, 2))))
  throw new SkillsctlError('absent', 'neither side of this has a skill of this name', {
    subject: wanted,
    found: `${before.name} and ${after.name}`,
    hint:
      near.length === 0 ? 'see what there is: skillsctl doctor --all' : `did you mean ${near.join(' or ')}?`,
  })
}
