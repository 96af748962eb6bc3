/** Entries, and where their bytes are: in a release, in an overlay, or wherever a person works. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry, FileEntry } from '../core/manifest.ts'
import { isScratch } from '../core/scratch.ts'
import { isInUnit } from '../core/unit.ts'
import { errnoOf, onDiskNow } from '../disk/fault.ts'
import type { Locate } from '../home/drift.ts'
import { readOriginal } from '../home/originals.ts'
import { integrityOf } from '../trust/digest.ts'

export interface Source {
  /** With their paths in a release. */
  readonly entries: readonly Entry[]
  /** Bytes of one of these files; undefined when they are not to be had, or are others by now. */
  read(file: FileEntry): Buffer | undefined
}

/** Files that are somewhere on this disk. */
export interface Placed extends Source {
  readonly locate: Locate
}

/** @param where a directory below which they are, by their paths; or where each of them is */
export function sourceIn(where: string | Locate, entries: readonly Entry[]): Placed {
  const locate = typeof where === 'string' ? (path: string): string => join(where, path) : where
  return { locate, entries, read: (file) => readOriginal(locate(file.path), file) }
}

/** Of some entries those in a unit. */
export function inUnit(entries: readonly Entry[], unit: string): Entry[] {
  return entries.filter(({ path }) => isInUnit(path, unit))
}

/**
 * What a unit holds on disk: files and links; what editors and systems leave behind is nobody's work.
 * @param path absolute path of the unit
 * @param before what it held: that is never taken for leftovers
 * @param isUntouched whether this file is as it was, so that it need not be read
 * @throws SkillsctlError `unsupported` for a name that is not UTF-8, `denied`, `failed`
 */
export function entriesAt(
  path: string,
  unit: string,
  before: readonly Entry[],
  isUntouched: (path: string) => boolean = () => false,
): Entry[] {
  const known = new Map(before.map((entry) => [entry.path, entry]))
  return onDiskNow(path, () => {
    const found: Entry[] = []
    const places = [unit]
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      const at = `${path}${place.slice(unit.length)}`
      const info = onDiskNow(at, () => infoOf(at))
      if (info?.isDirectory() === true)
        places.push(...onDiskNow(at, () => readdirSync(at)).map((name) => `${place}/${name}`))
      else if (info === undefined && place.includes(NOT_UTF8)) throw notUtf8(at)
      else if (info !== undefined && (known.has(place) || !isScratch(place))) {
        const entry = isUntouched(place) ? known.get(place) : entryOf(at, place, info)
        if (entry !== undefined) found.push(entry)
      }
    }
    return found.sort((left, right) => (left.path < right.path ? -1 : 1))
  })
}

/** What Node makes of bytes in a name that are none: a name by which nothing can be found. */
const NOT_UTF8 = '\ufffd'

function notUtf8(subject: string): SkillsctlError {
  return new SkillsctlError(
    'unsupported',
    'the name of this file is not UTF-8, so it cannot be kept with an edit',
    {
      subject,
      hint: 'rename it, or move it out of the skill',
    },
  )
}

/** Undefined for a socket, a pipe, a device: nobody's work is in them. */
function entryOf(at: string, path: string, info: Stats): Entry | undefined {
  if (info.isSymbolicLink()) return { mode: 'link', path, target: readlinkSync(at) }
  if (!info.isFile()) return undefined
  const content = onDiskNow(at, () => readFileSync(at))
  const mode = (info.mode & 0o100) === 0 ? '644' : '755'
  return { mode, path, size: content.length, integrity: integrityOf(content) }
}

/** Undefined where nothing is. */
export function infoOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}
