/** `skillsctl diff`: what somebody changed here, or what differs between two releases. Nothing is switched. */
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { steps } from '../core/events.ts'
import { type DiffSource, diffFiles, type FileDiff } from '../core/file-diffs.ts'
import type { FileEntry } from '../core/manifest.ts'
import { nearMisses } from '../core/near-misses.ts'
import { FOLDERS } from '../core/surface.ts'
import { withUnits } from '../core/unit.ts'
import { findDrift } from '../home/drift.ts'
import { editedTree } from '../home/edited-tree.ts'
import type { Layout } from '../home/layout.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import { type LocalEdit, localEdits, oneOfEach } from './local-edits.ts'
import { type Machine, type MachineContext, openMachine } from './machine.ts'
import { type ReleaseSources, withReleaseSources } from './release-sources.ts'

export interface DiffRequest {
  /** Two versions, commits or channels; without them, what was edited here. */
  readonly between?: readonly [before: string, after: string] | undefined
  /** What to hold the edits against; the release that runs when left out. */
  readonly against?: string | undefined
  /** As `quarterback`, `skills/quarterback` or any path of the release. */
  readonly skill?: string | undefined
  /** Whose edits, where surfaces differ. */
  readonly surface?: string | undefined
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
    const [before, after] = await sidesOf(machine, sources, request)
    const takes = request.skill === undefined ? () => true : withinSkill(request.skill, before, after)
    const files = await step('compare', () => diffFiles(before, after, takes, request.byLines))
    return { from: before.name, to: after.name, files }
  })
}

async function sidesOf(
  { layout, config }: Machine,
  sources: ReleaseSources,
  { between, against, surface }: DiffRequest,
): Promise<[DiffSource, DiffSource]> {
  if (between !== undefined) return [await sources.find(between[0]), await sources.find(between[1])]
  const installed = requireCurrent(layout)
  if (surface !== undefined) requireSurface(config, surface)
  const edits = oneOfEach((await localEdits(layout, config)).edits, surface)
  const root = join(layout.releases, installed.directory)
  const drifted = editedTree(HERE, root, installed.content.files, findDrift(layout, installed))
  const here = withSources(drifted, edits, ({ after }, file) => after.read(file))
  if (against !== undefined) return [await sources.find(against), here]
  const read = async ({ base, before }: LocalEdit, file: FileEntry): Promise<Uint8Array | undefined> =>
    before.read(file) ?? (await sources.find(base.version)).read(file.path)
  return [withSources(sources.ofInstalled(installed), edits, read, 'before'), here]
}

/** A tree with edited units in the place of what it has. */
function withSources(
  tree: DiffSource,
  edits: ReadonlyMap<string, LocalEdit>,
  readIn: (edit: LocalEdit, file: FileEntry) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
  side: 'before' | 'after' = 'after',
): DiffSource {
  const files = new Map(
    [...edits.values()].flatMap((edit) => edit[side].entries.map((entry) => [entry.path, { edit, entry }])),
  )
  const units = new Map([...edits].map(([unit, edit]) => [unit, edit[side].entries]))
  return {
    name: tree.name,
    files: withUnits(tree.files, units),
    read: async (path) => {
      const { edit, entry } = files.get(path) ?? {}
      if (edit === undefined || entry === undefined) return tree.read(path)
      return entry.mode === 'link' ? undefined : readIn(edit, entry)
    },
  }
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
