/** Where a preset's root is on this machine, and whether it can be ours to fill. */
import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import type { Folder, Preset, Surface } from '../core/surface.ts'
import { errnoOf, onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

/** The person whose agents are meant. */
export interface User {
  /** Absolute path of the home directory. */
  readonly directory: string
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** Absolute; undefined for a place that no file reaches. */
export function rootOf({ root, variable }: Preset, { directory, variables }: User): string | undefined {
  const moved = variable && variables[variable.name]
  if (variable !== undefined && moved !== undefined && moved !== '')
    return resolve(join(moved, variable.below))
  return root && join(directory, root)
}

/**
 * @param others surfaces of this machine
 * @throws SkillsctlError `refused` for a root that is no directory, or in which two would be in each other's way
 */
export function insistOnFreeRoot(
  layout: Layout,
  name: string,
  root: string,
  folders: readonly Folder[],
  others: readonly Surface[],
): void {
  if (!isAbsolute(root)) {
    throw new SkillsctlError('usage', 'the root of a surface is an absolute path', { subject: root })
  }
  const info = onDiskNow(root, () => statSync(root, { throwIfNoEntry: false }))
  const isAlias =
    info === undefined && onDiskNow(root, () => lstatSync(root, { throwIfNoEntry: false })) !== undefined
  if (isAlias || (info !== undefined && !info.isDirectory())) {
    throw new SkillsctlError('refused', 'this is not a directory', {
      subject: root,
      found: isAlias ? 'a link that leads nowhere' : 'a file',
      hint: 'move it away, or name another root with --root',
    })
  }
  for (const folder of folders) insistOnOutside(layout, join(root, folder))
  const other = others.find((one) => one.name !== name && sharesFolder(one, root, folders))
  if (other === undefined) return
  throw new SkillsctlError('refused', 'another surface has this place already', {
    subject: root,
    found: other.name,
    hint: `skillsctl surface remove ${other.name}, or choose other folders with --folder`,
  })
}

/** By where the folders really are: people link `~/.agents/skills` to `~/.claude/skills`. */
function sharesFolder(other: Surface, root: string, folders: readonly Folder[]): boolean {
  const { root: otherRoot } = other
  if (otherRoot === undefined) return false
  const theirs = other.folders.map((folder) => join(otherRoot, folder))
  return folders
    .map((folder) => join(root, folder))
    .some((mine) => theirs.some((one) => isWithin(mine, one) || isWithin(one, mine)))
}

/** Agents scan their folders to some depth: what lies in the home would be found once more there. */
function insistOnOutside({ root: home }: Layout, folder: string): void {
  if (!isWithin(home, folder) && !isWithin(folder, home)) return
  throw new SkillsctlError(
    'refused',
    'the home of skillsctl and a folder that agents scan lie in one another',
    {
      subject: folder,
      found: home,
      hint: 'name another root with --root',
    },
  )
}

function isWithin(inner: string, outer: string): boolean {
  const path = relative(real(outer), real(inner))
  return !(path === '..' || path.startsWith('../') || isAbsolute(path))
}

/** Also behind links. */
export function isDirectory(path: string): boolean {
  return onDiskNow(path, () => infoOf(path)?.isDirectory() === true)
}

/** Undefined when nothing is there, or a file where a directory above it should be. */
function infoOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** As the kernel sees it, as far as it is there. */
function real(path: string): string {
  for (let there = path; ; there = join(there, '..')) {
    if (lstatSync(there, { throwIfNoEntry: false }) === undefined) continue
    try {
      return join(realpathSync(there), relative(there, path))
    } catch {
      // A link that leads nowhere: by where it would lead.
      return path
    }
  }
}
