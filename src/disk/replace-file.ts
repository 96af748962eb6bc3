/**
 * Replacing a file that others write as well: only as long as it is what it was when it was read. It keeps its mode and
 * owner, and a link to it stays a link.
 */
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { syncDirectory, temporaryName, writeAndSync } from './atomic-file.ts'
import { errnoOf, onDisk, onDiskNow } from './fault.ts'

/** Settings may hold secrets. */
const NEW_MODE = 0o600

/** What is there now; undefined when nothing is. */
export function readNow(path: string): Buffer | undefined {
  return onDiskNow(path, () => {
    try {
      // A pipe would keep us waiting, with the lock.
      if (statSync(path).isFile()) return readFileSync(path)
      throw new SkillsctlError('refused', 'this is not a file', { subject: path, hint: 'move it away' })
    } catch (error) {
      // A link that leads nowhere is something, and nothing that we could write through.
      if (errnoOf(error) === 'ENOENT' && lstatSync(path, { throwIfNoEntry: false }) === undefined)
        return undefined
      throw error
    }
  })
}

/**
 * @param before what was read; undefined when there was no file
 * @param after undefined to remove it
 * @returns false when somebody else has changed it meanwhile: then nothing is done
 */
export async function replaceFile(
  path: string,
  before: Buffer | undefined,
  after: string | undefined,
): Promise<boolean> {
  return onDisk(path, async () => {
    if (after === undefined) return removeUnlessChanged(path, before)
    // Through a link, to what it leads to.
    const target = before === undefined ? path : realpathSync(path)
    const temporary = join(dirname(target), temporaryName(basename(target)))
    try {
      await writeAndSync(temporary, after, NEW_MODE)
      if (before === undefined) return putNew(temporary, target)
      const { mode, uid, gid } = statSync(target)
      // Who runs this with sudo leaves the file to whom it is of.
      if (process.getuid?.() === 0) chownSync(temporary, uid, gid)
      chmodSync(temporary, mode & 0o7777)
      // Nothing of ours comes between the two, so that only somebody within microseconds is missed.
      if (!isStill(target, before)) return false
      renameSync(temporary, target)
    } finally {
      rmSync(temporary, { force: true })
    }
    await syncDirectory(dirname(target))
    return true
  })
}

/** @returns false when somebody else has made it meanwhile */
function putNew(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

function removeUnlessChanged(path: string, before: Buffer | undefined): boolean {
  if (before === undefined || !isStill(path, before)) return before === undefined
  rmSync(path)
  return true
}

function isStill(path: string, before: Buffer): boolean {
  return readNow(path)?.equals(before) === true
}
