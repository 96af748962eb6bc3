/** A tree of a release as it is now, with what somebody has changed in it. */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { DiffSource } from '../core/file-diffs.ts'
import type { Entry } from '../core/manifest.ts'
import { byPath } from '../core/paths.ts'
import { onDisk, onDiskNow, unlessAbsent } from '../disk/fault.ts'
import { integrityOf } from '../trust/digest.ts'
import type { Drift } from './drift.ts'

/** @param files what the release says @param drift what is otherwise */
export function editedTree(
  name: string,
  root: string,
  files: readonly Entry[],
  drift: readonly Drift[],
): DiffSource {
  const edited = new Set(drift.map(({ path }) => path))
  const untouched = files.filter(({ path }) => !edited.has(path))
  const found = drift.flatMap(({ path, kind }) => (kind === 'deleted' ? [] : (entryAt(root, path) ?? [])))
  return {
    name,
    files: [...untouched, ...found].sort(byPath),
    read: (path) => onDisk(root, () => unlessAbsent(readFile(`${root}/${path}`), undefined)),
  }
}

/** Undefined for what is neither file nor link: a directory in the place of a file is what it holds. */
function entryAt(root: string, path: string): Entry | undefined {
  const place = `${root}/${path}`
  return onDiskNow(place, () => {
    const info = lstatSync(place, { throwIfNoEntry: false })
    if (info?.isSymbolicLink() === true) return { mode: 'link', path, target: readlinkSync(place) }
    if (info?.isFile() !== true) return undefined
    const mode = (info.mode & 0o100) === 0 ? '644' : '755'
    return { mode, path, size: info.size, integrity: integrityOf(readFileSync(place)) }
  })
}
