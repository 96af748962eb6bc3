/** From a git commit to the files of a release: raw bytes, modes, digests. */
import { createHash } from 'node:crypto'
import picomatch from 'picomatch'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { checkNames } from '../core/paths.ts'
import { decodeName, type Git } from './git.ts'

/** One file with its content; for a link the content is empty. */
export interface CollectedFile {
  readonly entry: Entry
  readonly content: Buffer
}

/** Which paths go into a release, as glob patterns relative to the top of the repository. */
export interface Selection {
  /** Empty means everything. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
}

/**
 * Files of a commit in no particular order, each read once.
 * @throws SkillsctlError `refused` for submodules, forbidden names, or when nothing is left
 */
export async function* collectCommit(
  git: Git,
  commit: string,
  selection: Selection,
): AsyncGenerator<CollectedFile> {
  const isSelected = matcher(selection)
  const tree = (await git.tree(commit)).filter(({ path }) => isSelected(path))
  const submodule = tree.find(({ kind }) => kind === 'submodule')
  if (submodule !== undefined) throw isSubmodule(submodule.path)
  refuseNothing(tree.length)
  checkNames(tree.map(({ path }) => ({ path })))
  let index = 0
  for await (const content of git.blobs(tree.map(({ object }) => object))) {
    const { path, kind } = tree[index++] ?? { path: '', kind: 'file' }
    yield kind === 'link' ? linkFile(path, content) : regularFile(path, content, kind === 'executable')
  }
}

/** Whether a path goes into a release. */
export function matcher({ include, exclude }: Selection): (path: string) => boolean {
  const options = { dot: true }
  const included = include.length === 0 ? () => true : picomatch(include.flatMap(asTree), options)
  const excluded = exclude.length === 0 ? () => false : picomatch(exclude.flatMap(asTree), options)
  return (path) => included(path) && !excluded(path)
}

/** `skills` and `skills/` mean the directory with everything in it, `.` the whole repository. */
function asTree(pattern: string): string[] {
  const bare = pattern.replace(/^\.?\//, '').replace(/\/$/, '')
  if (bare === '' || bare === '.') return ['**']
  return /[*?[\]{}()!]/.test(bare) ? [bare] : [bare, `${bare}/**`]
}

export function isSubmodule(path: string): SkillsctlError {
  return new SkillsctlError('refused', 'submodules are not packed', {
    subject: path,
    hint: `leave it out with --exclude ${path}, or commit its files`,
  })
}

export function refuseNothing(count: number): void {
  if (count > 0) return
  throw new SkillsctlError('refused', 'no file is left to publish', {
    hint: 'check --include and --exclude: patterns are relative to the top of the repository',
  })
}

export function linkFile(path: string, target: Buffer): CollectedFile {
  return { entry: { mode: 'link', path, target: decodeName(target) }, content: Buffer.alloc(0) }
}

export function regularFile(path: string, content: Buffer, executable: boolean): CollectedFile {
  const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
  return { entry: { mode: executable ? '755' : '644', path, size: content.length, integrity }, content }
}
