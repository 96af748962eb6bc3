/**
 * `manifests/<directory>.stat`: size, times and inode of every file at the moment it was installed. A file whose
 * record still fits has not been touched; any other is hashed. One line each: `<size> <mtime> <ctime> <inode> <path>`.
 */
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../core/manifest.ts'
import { errnoOf, systemError } from '../disk/fault.ts'
import { type Layout, statPath } from './layout.ts'

/** Before the path. */
const FIELDS = 4

export type StatRecord = ReadonlyMap<string, string>

/** What is recorded of one file; undefined when it is not there. */
export function stampOf(path: string): string | undefined {
  try {
    const info = lstatSync(path, { throwIfNoEntry: false })
    return info === undefined ? undefined : [info.size, info.mtimeMs, info.ctimeMs, info.ino].join(' ')
  } catch (error) {
    // A file has taken the place of one of its directories.
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** @param known stamps that are true already: moving a tree changes none of them */
export function recordStats(
  directory: string,
  files: readonly Entry[],
  known: StatRecord = new Map(),
): string {
  return files
    .filter((entry) => entry.mode !== 'link')
    .map(({ path }) => `${known.get(path) ?? stampOf(join(directory, path))} ${path}\n`)
    .join('')
}

export function parseStats(text: string): StatRecord {
  const record = new Map<string, string>()
  for (const line of text.split('\n')) {
    let space = line.indexOf(' ')
    for (let field = 1; field < FIELDS && space > 0; field++) space = line.indexOf(' ', space + 1)
    if (space > 0) record.set(line.slice(space + 1), line.slice(0, space))
  }
  return record
}

/** Bytes of an installed release, as recorded when it was installed. */
export function recordedSize(layout: Layout, directory: string): number {
  let bytes = 0
  for (const stamp of readRecord(layout, directory).values()) bytes += Number.parseInt(stamp, 10)
  return bytes
}

/** The record of a release; empty when it is missing, so that every file is hashed. */
export function readRecord(layout: Layout, directory: string): StatRecord {
  try {
    return parseStats(readFileSync(statPath(layout, directory), 'utf8'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return new Map()
    throw systemError(error, statPath(layout, directory))
  }
}
