/** What is where a root, or a folder in it, belongs; and which of them can be made again. */
import { accessSync, constants, lstatSync, statSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { errnoOf } from '../disk/fault.ts'

/** `closed`: this user may not read, enter or write there, or not even see what is there. */
export type PlaceState = 'directory' | 'absent' | 'file' | 'dead link' | 'closed'

export function placeState(path: string): PlaceState {
  try {
    if (!statSync(path).isDirectory()) return 'file'
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return 'directory'
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) return 'closed'
    // Not there, in a loop of links, or below a file: either way nothing can be shown.
    return isLink(path) ? 'dead link' : 'absent'
  }
}

/** Below the person's own directory, and the directory above it is there: anything else may be a disk that is away. */
export function isSafeToMake(root: string, user: string): boolean {
  const below = relative(user, root)
  const isBelow = below !== '' && !below.startsWith('..') && !below.startsWith('/')
  return isBelow && placeState(root) === 'absent' && placeState(dirname(root)) === 'directory'
}

export function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}
