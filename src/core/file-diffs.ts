/** What differs between two trees, file by file and line by line, whatever they are: releases, edits, copies elsewhere. */
import { compareBytes } from './canonical.ts'
import { compareTrees } from './changes.ts'
import { SkillsctlError } from './errors.ts'
import { isText, utf8Of } from './lines.ts'
import type { Entry } from './manifest.ts'
import { type DiffLine, type FileVersion, unifiedDiff } from './unified-diff.ts'

/** One side of a diff. */
export interface DiffSource {
  /** What people call it. */
  readonly name: string
  readonly files: readonly Entry[]
  /** The bytes that `files` names, of what is no link; undefined when they are gone. Asked only for what differs. */
  read(path: string): Promise<Uint8Array | undefined>
}

export interface FileDiff {
  readonly path: string
  readonly change: 'added' | 'deleted' | 'modified' | 'mode' | 'renamed'
  /** Where a renamed file was. */
  readonly from?: string
  readonly lines?: LineDiff
}

export interface LineDiff {
  /** Undefined where lines were not compared. */
  readonly added: number | undefined
  readonly removed: number | undefined
  readonly diff: readonly DiffLine[]
}

/**
 * Files that differ, in byte order of path.
 * @param takes paths that are wanted
 * @param byLines false where names will do, and nothing needs to be read
 * @throws SkillsctlError `failed` for a file that went away
 */
export async function diffFiles(
  before: DiffSource,
  after: DiffSource,
  takes: (path: string) => boolean,
  byLines: boolean,
): Promise<FileDiff[]> {
  const [old, now] = [sideOf(before, takes), sideOf(after, takes)]
  const changed = changedFiles(old, now)
  if (!byLines) return changed
  const diffs: FileDiff[] = []
  for (const file of changed) diffs.push({ ...file, lines: await lineDiff(old, now, file) })
  return diffs
}

interface Side {
  readonly source: DiffSource
  readonly entries: ReadonlyMap<string, Entry>
}

function sideOf(source: DiffSource, takes: (path: string) => boolean): Side {
  const entries = source.files.filter(({ path }) => takes(path)).map((entry) => [entry.path, entry] as const)
  return { source, entries: new Map(entries) }
}

function changedFiles({ entries: old }: Side, { entries: now }: Side): FileDiff[] {
  const { added, removed, modified, renamed } = compareTrees([...old.values()], [...now.values()])
  const changed: FileDiff[] = [
    ...added.map((path) => ({ path, change: 'added' as const })),
    ...removed.map((path) => ({ path, change: 'deleted' as const })),
    ...modified.map((path) => ({ path, change: changeOf(old.get(path), now.get(path)) })),
    ...renamed.map(([from, path]) => ({ path, from, change: 'renamed' as const })),
  ]
  return changed.sort((left, right) => compareBytes(left.path, right.path))
}

function changeOf(before: Entry | undefined, after: Entry | undefined): 'modified' | 'mode' {
  if (before === undefined || after === undefined) return 'modified'
  if (before.mode === 'link' || after.mode === 'link') return 'modified'
  return before.integrity === after.integrity ? 'mode' : 'modified'
}

async function lineDiff(before: Side, after: Side, { path, from }: FileDiff): Promise<LineDiff> {
  const [old, now] = [await versionIn(before, from ?? path), await versionIn(after, path)]
  const diff = unifiedDiff(old, now)
  const areTexts = [old, now].every((version) => version === undefined || isText(version.bytes))
  const count = (kind: DiffLine['kind']): number | undefined =>
    areTexts ? diff.filter((line) => line.kind === kind).length : undefined
  return { added: count('added'), removed: count('removed'), diff }
}

async function versionIn({ source, entries }: Side, path: string): Promise<FileVersion | undefined> {
  const entry = entries.get(path)
  if (entry === undefined) return undefined
  const bytes = entry.mode === 'link' ? utf8Of(entry.target) : await source.read(path)
  if (bytes !== undefined) return { path, mode: entry.mode, bytes }
  throw new SkillsctlError('failed', 'a file went away while it was compared', {
    subject: `${source.name}: ${path}`,
    hint: 'run this again',
  })
}
