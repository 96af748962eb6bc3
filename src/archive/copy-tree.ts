/** A copy of an installed tree, by reflink where the file system can, never by a link. */
import { createHash } from 'node:crypto'
import { closeSync, constants, copyFileSync, openSync, readSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../core/manifest.ts'
import { errnoOf, systemError } from '../disk/fault.ts'
import { NewTree } from './new-tree.ts'

/** An installed tree, to make another one of. */
export interface Base {
  /** Absolute path. */
  readonly directory: string
  readonly manifest: Manifest
  /** Whether this file is as it was installed, by its stat record. */
  readonly isUntouched: (path: string) => boolean
}

/**
 * Copies `base` to `directory`, which exists and is empty. Yields after each file, so that whoever drives it can do
 * something else in between, or stop: the directory holds debris then.
 * @returns false, with debris, when a file was edited, or has other bytes than were installed
 * @throws the system's error
 */
export function* copyTree(
  directory: string,
  { directory: from, manifest: { files }, isUntouched }: Base,
): Generator<undefined, boolean> {
  const tree = new NewTree(directory)
  for (const entry of files) {
    if (entry.mode === 'link') continue
    // An edit may be a pipe or a link: nothing but a file of ours is opened.
    if (!isUntouched(entry.path)) return false
    const copy = tree.place(entry.path)
    copyFileSync(join(from, entry.path), copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
    // The record says that nobody wrote to it; only its digest says that the disk did not, either.
    if (integrityOf(piecesOf(copy)) !== entry.integrity) return false
    yield
  }
  // Last, so that no file was ever written through a link.
  for (const entry of files) {
    if (entry.mode === 'link') symlinkSync(entry.target, tree.place(entry.path))
  }
  return true
}

/**
 * Somebody removed what we were about to read, or the disk lost it: there are other ways to a release.
 * @throws SkillsctlError `no-space`, because no other way needs less, and whatever is no fault of the system
 */
export function falseUnlessFull(error: unknown, directory: string): false {
  const fault = systemError(error, directory)
  if (fault.code === 'no-space' || errnoOf(error) === undefined) throw fault
  return false
}

export function integrityOf(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return `sha256-${hash.digest('base64')}`
}

const PIECE = Buffer.allocUnsafeSlow(256 * 1024)

/** Content of a file, a piece at a time however large it is. Each is gone when the next one is asked for. */
function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r')
  try {
    for (let read = readSync(file, PIECE); read > 0; read = readSync(file, PIECE))
      yield PIECE.subarray(0, read)
  } finally {
    closeSync(file)
  }
}
