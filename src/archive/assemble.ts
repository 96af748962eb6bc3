/**
 * A tree from the one that is installed and a catch-up bundle: what is the same is copied (by reflink where the file
 * system can), never linked, what changed is made of the old copy and the bundle. Every file is what the verified
 * manifest says, or the tree is given up.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  openSync,
  readFileSync,
  readSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MOST_CATCHUP_CONTENT, type Piece } from '../core/catchup.ts'
import type { FileEntry, Manifest } from '../core/manifest.ts'
import { errnoOf, systemError } from '../disk/fault.ts'
import type { Catchup } from './catchup.ts'
import { decodeDelta, decodeWhole } from './delta.ts'
import { modeOf, NewTree } from './new-tree.ts'

export interface Base {
  /** Absolute path of the installed tree. */
  readonly directory: string
  readonly manifest: Manifest
  /** Whether this file is as it was installed, by its stat record. */
  readonly isUntouched: (path: string) => boolean
}

/**
 * Builds the tree of `manifest` in `directory`, which exists and is empty.
 * @returns false when a file of the base was edited, lost or cannot be read, or the bundle does not fit: the directory
 *   holds debris then
 * @throws SkillsctlError `no-space`
 */
export function assembleTree(directory: string, manifest: Manifest, catchup: Catchup, base: Base): boolean {
  try {
    return new Assembly(directory, catchup, base).build(manifest)
  } catch (error) {
    const fault = systemError(error, directory)
    if (fault.code === 'no-space' || errnoOf(error) === undefined) throw fault
    // Somebody removed what we were about to read, or the disk lost it: the archive depends on nothing here.
    return false
  }
}

class Assembly {
  private readonly catchup: Catchup
  private readonly base: Base
  private readonly tree: NewTree
  private readonly installed: ReadonlyMap<string, FileEntry>

  constructor(directory: string, catchup: Catchup, base: Base) {
    this.tree = new NewTree(directory)
    this.catchup = catchup
    this.base = base
    this.installed = new Map(
      base.manifest.files.flatMap((entry) => (entry.mode === 'link' ? [] : [[entry.path, entry]])),
    )
  }

  build({ files }: Manifest): boolean {
    const pieces = new Map(this.catchup.files?.map((piece) => [piece.path, piece]))
    for (const entry of files) {
      if (entry.mode === 'link') continue
      const piece = pieces.get(entry.path)
      const done = piece === undefined ? this.copy(entry) : this.write(entry, this.contentOf(piece, entry))
      if (!done) return false
    }
    // Last, so that no file was ever written through a link.
    for (const entry of files) {
      if (entry.mode !== 'link') continue
      symlinkSync(entry.target, this.tree.place(entry.path))
    }
    return true
  }

  /** A file that both releases have. */
  private copy(entry: FileEntry): boolean {
    const installed = this.installed.get(entry.path)
    if (installed?.integrity !== entry.integrity || installed.mode !== entry.mode) return false
    // An edit may be a pipe or a link: nothing but a file of ours is opened.
    if (!this.base.isUntouched(entry.path)) return false
    const copy = this.tree.place(entry.path)
    const flags = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL
    copyFileSync(join(this.base.directory, entry.path), copy, flags)
    // The record says that nobody wrote to it; only its digest says that the disk did not, either.
    return integrityOf(piecesOf(copy)) === entry.integrity
  }

  private contentOf(piece: Piece, { size }: FileEntry): Buffer | undefined {
    // No publisher puts in more; so much is held in memory.
    if (size > MOST_CATCHUP_CONTENT) return undefined
    const body = this.catchup.body(piece)
    if (piece.old === undefined) return decodeWhole(body, size)
    const { path, head, tail } = piece.old
    const installed = this.installed.get(path)
    if (installed === undefined || installed.size > MOST_CATCHUP_CONTENT) return undefined
    if (!this.base.isUntouched(path)) return undefined
    return decodeDelta(readFileSync(join(this.base.directory, path)), { head, tail, body }, size)
  }

  private write(entry: FileEntry, content: Buffer | undefined): boolean {
    if (content === undefined || integrityOf([content]) !== entry.integrity) return false
    const file = openSync(this.tree.place(entry.path), 'wx', 0o600)
    try {
      writeFileSync(file, content)
      fchmodSync(file, modeOf(entry))
    } finally {
      closeSync(file)
    }
    return true
  }
}

function integrityOf(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return `sha256-${hash.digest('base64')}`
}

/** Content of a file, a piece at a time however large it is. */
function* piecesOf(path: string): Generator<Uint8Array> {
  const piece = Buffer.allocUnsafe(256 * 1024)
  const file = openSync(path, 'r')
  try {
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece))
      yield piece.subarray(0, read)
  } finally {
    closeSync(file)
  }
}
