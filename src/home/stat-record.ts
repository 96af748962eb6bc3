/**
 * `manifests/<directory>.stat`: size, times and inode of every file and link at the moment it was installed. What has that
 * stamp still has not been touched; any other is read. One line each: `<size> <mtime> <ctime> <inode> <path>`. The first one
 * says of which manifest, and how many there are: `manifest <SHA-256> <count>`.
 */
import { lstatSync, readFileSync } from 'node:fs'
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
    return info && `${info.size} ${info.mtimeMs} ${info.ctimeMs} ${info.ino}`
  } catch (error) {
    // A file, or a link to itself, has taken the place of one of its directories.
    if (['ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/** @param known stamps of files that are true already: moving a tree changes none of them */
export function recordStats(
  directory: string,
  files: readonly Entry[],
  known: StatRecord = new Map(),
): string {
  const stamp = ({ path, mode }: Entry): string | undefined =>
    (mode === 'link' ? undefined : known.get(path)) ?? stampOf(`${directory}/${path}`)
  return files.map((entry) => `${stamp(entry)} ${entry.path}\n`).join('')
}

/** As `recordStats`, of a whole release. @param manifest SHA-256 of its bytes, hex */
export function recordRelease(
  manifest: string,
  directory: string,
  files: readonly Entry[],
  known?: StatRecord,
): string {
  return `manifest ${manifest} ${files.length}\n${recordStats(directory, files, known)}`
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
  const lines = readText(layout, directory).split('\n')
  // What a crash cut short counts for nothing.
  return lines.reduce((bytes, line) => bytes + (Number.parseInt(line, 10) || 0), 0)
}

/** The record of a release, if it is whole, and which manifest it is of. One of an older skillsctl does not say. */
export function readWholeRecord(
  layout: Layout,
  directory: string,
): { readonly manifest: string; readonly record: StatRecord } | undefined {
  const text = readText(layout, directory)
  const [, manifest, count] = /^manifest ([0-9a-f]{64}) (\d+)\n/.exec(text) ?? []
  if (manifest === undefined) return undefined
  const record = parseStats(text)
  return record.size > 0 && record.size === Number(count) ? { manifest, record } : undefined
}

/** The record of a release; empty when it is missing, so that every file is hashed. */
export function readRecord(layout: Layout, directory: string): StatRecord {
  return parseStats(readText(layout, directory))
}

function readText(layout: Layout, directory: string): string {
  try {
    return readFileSync(statPath(layout, directory), 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw systemError(error, statPath(layout, directory))
  }
}
