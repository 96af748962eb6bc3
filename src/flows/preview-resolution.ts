/** `skillsctl edits resolve` before anything is settled: what both sides have made of a skill, and what would be shown. */
import { join } from 'node:path'
import type { Overlay, Waiting } from '../core/edits.ts'
import { SkillsctlError } from '../core/errors.ts'
import { type DiffSource, diffFiles, type FileDiff } from '../core/file-diffs.ts'
import { readIntact } from '../edits/content.ts'
import { pristine } from '../edits/pristine.ts'
import { readEdits } from '../edits/record.ts'
import { inUnit, type Source } from '../edits/source.ts'
import type { Layout } from '../home/layout.ts'
import { currentRelease } from '../home/releases.ts'
import { type Chosen, mergedIn, type Resolution, requireOverlay } from './edits.ts'
import { type MachineContext, openMachine } from './machine.ts'

export interface ResolutionPreview {
  readonly unit: string
  readonly surface: string | undefined
  /** Undefined when nothing has to be settled. */
  readonly waits: Waiting | undefined
  /** Versions. */
  readonly base: string
  readonly release: string
  /** What the person has changed, and what the release. */
  readonly yours: readonly FileDiff[]
  readonly theirs: readonly FileDiff[]
  /** From one to the other, where nobody here has what both were made from: then those two only name files. */
  readonly between: readonly FileDiff[] | undefined
  /** What would be shown otherwise; undefined where nobody said how. */
  readonly would: readonly FileDiff[] | undefined
  /** Where the three versions lie. */
  readonly places: { readonly base: string; readonly yours: string; readonly release: string }
}

/** Reads only. @throws SkillsctlError `absent`, `usage`, `refused` for a merged directory that is unfinished */
export async function previewResolution(
  context: MachineContext,
  chosen: Chosen,
  resolution?: Resolution,
): Promise<ResolutionPreview> {
  const { layout } = await openMachine(context)
  const overlay = requireOverlay(await readEdits(layout), chosen)
  const { unit, surface, waits } = overlay
  const current = currentRelease(layout)
  if (current === undefined) {
    throw new SkillsctlError('absent', 'nothing is installed here', { hint: 'run: skillsctl pull' })
  }
  const { base, mine, lacking } = readIntact(layout, overlay.content)
  const root = join(layout.releases, current.directory)
  const theirs = pristine(layout, inUnit(current.content.files, unit), [root])
  const compare = (before: Source, after: Source, byLines = true): Promise<FileDiff[]> =>
    diffFiles(sideOf('one', before), sideOf('other', after), () => true, byLines)
  const result = resolution && resultOf(layout, resolution, overlay, { mine, theirs })
  const isWhole = lacking.length === 0
  return {
    unit,
    surface,
    waits,
    base: overlay.base.version,
    release: current.version,
    yours: await compare(base, mine, isWhole),
    theirs: await compare(base, theirs, isWhole),
    between: isWhole ? undefined : await compare(mine, theirs),
    would: result && (await compare(mine, result)),
    places: {
      base: join(layout.overlays, overlay.content, 'base', unit),
      yours: mine.locate(unit),
      release: join(layout.current, unit),
    },
  }
}

function resultOf(
  layout: Layout,
  resolution: Resolution,
  overlay: Overlay,
  { mine, theirs }: { readonly mine: Source; readonly theirs: Source },
): Source {
  if (resolution.by === 'merged') return mergedIn(layout, resolution.directory, overlay)
  return resolution.by === 'keep' ? mine : theirs
}

/** A side of a diff that lies on this disk. */
export function sideOf(name: string, { entries, read }: Source): DiffSource {
  const files = new Map(entries.map((entry) => [entry.path, entry]))
  return {
    name,
    files: entries,
    read: async (path) => {
      const entry = files.get(path)
      return entry === undefined || entry.mode === 'link' ? undefined : read(entry)
    },
  }
}
