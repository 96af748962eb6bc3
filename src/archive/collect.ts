/** From a git commit (or a working tree, for drafts) to the files of a release: raw bytes, modes, digests. */
import { createHash } from 'node:crypto'
import { lstat, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import picomatch from 'picomatch'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { checkNames } from '../core/paths.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
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
  if (submodule !== undefined) {
    throw new SkillsctlError('refused', 'submodules are not packed', {
      subject: submodule.path,
      hint: `leave it out with --exclude ${submodule.path}, or commit its files`,
    })
  }
  refuseNothing(tree.length)
  checkNames(tree.map(({ path }) => ({ path })))
  let index = 0
  for await (const content of git.blobs(tree.map(({ object }) => object))) {
    const { path, kind } = tree[index++] ?? { path: '', kind: 'file' }
    yield kind === 'link' ? linkFile(path, content) : regularFile(path, content, kind === 'executable')
  }
}

/** Files of a working tree as they are now: what `git add --all` would take. Only drafts are made of these. */
export async function* collectWorkingTree(git: Git, selection: Selection): AsyncGenerator<CollectedFile> {
  const isSelected = matcher(selection)
  const { root, paths } = await git.workingTree()
  let count = 0
  for (const path of paths.filter(isSelected)) {
    const absolute = join(root, path)
    const info = await onDisk(absolute, () => unlessAbsent(lstat(absolute), undefined))
    if (info === undefined) continue
    count += 1
    if (info.isSymbolicLink()) {
      yield linkFile(path, await onDisk(absolute, () => readlink(absolute, 'buffer')))
    } else if (info.isFile()) {
      yield regularFile(path, await onDisk(absolute, () => readFile(absolute)), (info.mode & 0o100) !== 0)
    } else {
      throw new SkillsctlError('refused', 'only files and links are packed', { subject: path })
    }
  }
  refuseNothing(count)
}

function matcher({ include, exclude }: Selection): (path: string) => boolean {
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

function refuseNothing(count: number): void {
  if (count > 0) return
  throw new SkillsctlError('refused', 'no file is left to publish', {
    hint: 'check --include and --exclude: patterns are relative to the top of the repository',
  })
}

function linkFile(path: string, target: Buffer): CollectedFile {
  return { entry: { mode: 'link', path, target: decodeName(target) }, content: Buffer.alloc(0) }
}

function regularFile(path: string, content: Buffer, executable: boolean): CollectedFile {
  const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
  return { entry: { mode: executable ? '755' : '644', path, size: content.length, integrity }, content }
}
