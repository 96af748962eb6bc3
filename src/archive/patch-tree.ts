/**
 * From a copy of the release that is installed to the next one: what went is removed, what changed is made of the
 * installed file and the bundle. Every file is what the verified manifest says, or the tree is given up.
 */
import {
  closeSync,
  existsSync,
  fchmodSync,
  openSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { MOST_CATCHUP_CONTENT, type Piece } from '../core/catchup.ts'
import { type Entry, type FileEntry, isSameEntry, type Manifest } from '../core/manifest.ts'
import { errnoOf } from '../disk/fault.ts'
import type { Catchup } from './catchup.ts'
import { type Base, falseUnlessFull, integrityOf } from './copy-tree.ts'
import { decodeDelta, decodeWhole } from './delta.ts'
import { modeOf, NewTree } from './new-tree.ts'

/** What differs now, by relative path; what has to reach the disk. */
export interface Patched {
  readonly files: readonly string[]
  readonly directories: readonly string[]
}

/**
 * @param directory an exact copy of `base`
 * @returns false when the bundle does not fit, or a file that it needs was edited, lost or cannot be read: the
 *   directory holds debris then
 * @throws SkillsctlError `no-space`
 */
export function patchTree(
  directory: string,
  manifest: Manifest,
  catchup: Catchup,
  base: Base,
): Patched | false {
  try {
    return new Patch(directory, manifest, catchup, base).apply()
  } catch (error) {
    return falseUnlessFull(error, directory)
  }
}

class Patch {
  private readonly directory: string
  private readonly catchup: Catchup
  private readonly base: Base
  private readonly installed: ReadonlyMap<string, Entry>
  private readonly next: ReadonlyMap<string, Entry>

  constructor(directory: string, manifest: Manifest, catchup: Catchup, base: Base) {
    this.directory = directory
    this.catchup = catchup
    this.base = base
    this.installed = byPath(base.manifest)
    this.next = byPath(manifest)
  }

  apply(): Patched | false {
    const gone = [...this.installed.values()].filter(
      (entry) => !isSameEntry(entry, this.next.get(entry.path)),
    )
    const made = [...this.next.values()].filter(
      (entry) => !isSameEntry(entry, this.installed.get(entry.path)),
    )
    for (const { path } of gone) this.remove(path)
    const tree = new NewTree(this.directory)
    const pieces = new Map(this.catchup.files?.map((piece) => [piece.path, piece]))
    const files: string[] = []
    for (const entry of made) {
      if (entry.mode === 'link') continue
      const content = this.contentOf(pieces.get(entry.path), entry)
      if (content === undefined || integrityOf([content]) !== entry.integrity) return false
      write(tree.place(entry.path), content, modeOf(entry))
      files.push(entry.path)
    }
    // Last, so that no file was ever written through a link.
    for (const entry of made) {
      if (entry.mode === 'link') symlinkSync(entry.target, tree.place(entry.path))
    }
    const directories = parentsOf([...gone, ...made]).filter((path) => existsSync(join(this.directory, path)))
    return { files, directories }
  }

  /** A directory goes with its last file. */
  private remove(path: string): void {
    unlinkSync(join(this.directory, path))
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      try {
        rmdirSync(join(this.directory, parent))
      } catch (error) {
        if (errnoOf(error) === 'ENOTEMPTY') return
        throw error
      }
    }
  }

  private contentOf(piece: Piece | undefined, { size }: FileEntry): Buffer | undefined {
    // No publisher puts in more; so much is held in memory.
    if (piece === undefined || size > MOST_CATCHUP_CONTENT) return undefined
    const body = this.catchup.body(piece)
    if (piece.old === undefined) return decodeWhole(body, size)
    const { path, head, tail } = piece.old
    const installed = this.installed.get(path)
    if (installed === undefined || installed.mode === 'link') return undefined
    if (installed.size > MOST_CATCHUP_CONTENT || !this.base.isUntouched(path)) return undefined
    return decodeDelta(readFileSync(join(this.base.directory, path)), { head, tail, body }, size)
  }
}

function byPath({ files }: Manifest): ReadonlyMap<string, Entry> {
  return new Map(files.map((entry) => [entry.path, entry]))
}

/** Every directory above these entries, the root of the tree as `.`. */
function parentsOf(entries: readonly Entry[]): string[] {
  const parents = new Set<string>(['.'])
  for (const { path } of entries) {
    for (let parent = dirname(path); !parents.has(parent); parent = dirname(parent)) parents.add(parent)
  }
  return [...parents]
}

function write(path: string, content: Buffer, mode: number): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(file, content)
    fchmodSync(file, mode)
  } finally {
    closeSync(file)
  }
}
