/** Turns errors of the operating system into ours, by their code. */
import { type ErrorCode, SkillsctlError } from '../core/errors.ts'

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const FAULTS: Readonly<Record<string, readonly [code: ErrorCode, message: string, hint: string]>> = {
  ENOSPC: ['no-space', 'the disk is full', 'free some space and run the command again'],
  EDQUOT: ['no-space', 'the disk quota is used up', 'free some space and run the command again'],
  EACCES: ['failed', 'permission denied', 'run as the user that owns this path, or mend its permissions'],
  EPERM: ['failed', 'permission denied', 'run as the user that owns this path, or mend its permissions'],
  EROFS: ['failed', 'the file system is read-only', 'choose a writable place, or mount it read-write'],
  ENOTDIR: ['failed', 'a part of this path is a file, not a directory', 'move that file away'],
  EEXIST: ['failed', 'there is something of this name already', 'name another place, or move it away'],
  EISDIR: ['failed', 'this is a directory, not a file', 'name a file, or move the directory away'],
  ENOENT: ['absent', 'there is no such file or directory', 'check the spelling'],
  EMFILE: ['failed', 'too many open files', 'raise the limit (ulimit -n) and run the command again'],
  ENFILE: ['failed', 'too many open files on this machine', 'close some programs and run the command again'],
  EIO: ['failed', 'the disk reported an input/output error', 'check the disk'],
}

/** @param subject the path or program it happened with */
export function systemError(error: unknown, subject: string): SkillsctlError {
  if (error instanceof SkillsctlError) return error
  const errno = errnoOf(error)
  const [code, message, hint] = FAULTS[errno ?? ''] ?? ['failed', 'the operating system refused', undefined]
  return new SkillsctlError(code, message, { subject, found: errno, hint, cause: error })
}

/** Runs `work`; what the operating system throws comes out as a SkillsctlError about `subject`. */
export async function onDisk<T>(subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw systemError(error, subject)
  }
}

/** As `onDisk`, for calls that do not wait. */
export function onDiskNow<T>(subject: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw systemError(error, subject)
  }
}

/** Answers `fallback` when the file is not there. */
export async function unlessAbsent<T, F>(work: Promise<T>, fallback: F): Promise<T | F> {
  try {
    return await work
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return fallback
    throw error
  }
}
