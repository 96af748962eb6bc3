/** From a working tree as it is now to the files of a draft: what `git add --all` would take, and nothing is written. */
import type { Stats } from 'node:fs'
import { lstat, readFile, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import {
  type CollectedFile,
  isSubmodule,
  linkFile,
  matcher,
  refuseNothing,
  regularFile,
  type Selection,
} from './collect.ts'
import type { Git, WorkingPath } from './git.ts'

type Staged = NonNullable<WorkingPath['staged']>

/**
 * Files in no particular order, each read once.
 * @throws SkillsctlError `refused` for a merge conflict, submodules, repositories of their own, or when nothing is left
 */
export async function* collectWorkingTree(git: Git, selection: Selection): AsyncGenerator<CollectedFile> {
  const isSelected = matcher(selection)
  const { root, tracksModes, paths } = await git.workingTree()
  const selected = paths.filter(({ path }) => isSelected(path.replace(/\/$/, '')))
  refuseUnfit(selected)
  const isReal = realDirectories(root)
  const absent: Staged[] = []
  let count = 0
  for (const { path, staged } of selected) {
    const absolute = join(root, path)
    // What lies behind a link is not in this checkout, though a file of that name was.
    const info = (await isReal(dirname(path))) ? await infoOf(absolute) : undefined
    if (staged?.isAbsent === true && info === undefined) absent.push(staged)
    // Deleted, or in the place of a file there is a directory now, of which git tells each file.
    if (info === undefined || info.isDirectory()) continue
    count += 1
    if (info.isSymbolicLink()) {
      yield linkFile(path, await onDisk(absolute, () => readlink(absolute, 'buffer')))
    } else if (info.isFile()) {
      const isExecutable = tracksModes ? (info.mode & 0o100) !== 0 : staged?.kind === 'executable'
      yield regularFile(path, await onDisk(absolute, () => readFile(absolute)), isExecutable)
    } else {
      throw new SkillsctlError('refused', 'only files and links are packed', { subject: path })
    }
  }
  refuseNothing(count + absent.length)
  let index = 0
  for await (const content of git.blobs(absent.map(({ object }) => object))) {
    const { path = '', kind } = absent[index++] ?? {}
    yield kind === 'link' ? linkFile(path, content) : regularFile(path, content, kind === 'executable')
  }
}

function refuseUnfit(paths: readonly WorkingPath[]): void {
  const conflicts = new Set(paths.filter(({ staged }) => staged?.conflict).map(({ path }) => path))
  const [conflict] = conflicts
  if (conflict !== undefined) {
    throw new SkillsctlError('refused', 'the checkout is in the middle of a merge', {
      subject: conflict,
      found: `${conflicts.size} ${conflicts.size === 1 ? 'file' : 'files'} in conflict`,
      hint: 'resolve it and git add it, then publish again',
    })
  }
  const submodule = paths.find(({ staged }) => staged?.kind === 'submodule')
  if (submodule !== undefined) throw isSubmodule(submodule.path)
  // Git says of a repository inside this one that it is there, and not what is in it.
  const inner = paths.find(({ path, staged }) => staged === undefined && path.endsWith('/'))
  if (inner === undefined) return
  throw new SkillsctlError('refused', 'another repository lies in this one', {
    subject: inner.path,
    hint: `leave it out with --exclude ${inner.path}, or have git ignore it`,
  })
}

function infoOf(path: string): Promise<Stats | undefined> {
  return onDisk(path, () => unlessAbsent(lstat(path), undefined))
}

/** @returns whether a directory is one of the checkout itself: neither it nor one above it is a link */
function realDirectories(root: string): (directory: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>([['.', Promise.resolve(true)]])
  const look = async (directory: string): Promise<boolean> =>
    (await isReal(dirname(directory))) && (await infoOf(join(root, directory)))?.isDirectory() === true
  const isReal = (directory: string): Promise<boolean> => {
    const answer = known.get(directory) ?? look(directory)
    known.set(directory, answer)
    return answer
  }
  return isReal
}
