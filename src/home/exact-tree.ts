/**
 * Whether a tree is exactly as it was left, to the last name and mode. Stricter than drift.ts: nobody has any work in
 * such a tree, so what was touched at all is given up instead of looked at.
 */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import type { Entry } from '../core/manifest.ts'
import { type StatRecord, stampOf } from './stat-record.ts'

const DIRECTORY_MODE = 0o755

/**
 * @param entries everything that the tree should hold
 * @param record the stamps of its files when it was left
 * @throws the system's error where it cannot be read
 */
export function isExactly(root: string, entries: readonly Entry[], record: StatRecord): boolean {
  if (!isPlainDirectory(root)) return false
  const missing = new Map(entries.map((entry) => [entry.path, entry]))
  const directories = ['']
  for (let prefix = directories.pop(); prefix !== undefined; prefix = directories.pop()) {
    const names = readdirSync(`${root}/${prefix}`, { withFileTypes: true })
    // No release has an empty directory.
    if (names.length === 0 && prefix !== '') return false
    for (const name of names) {
      const path = `${prefix}${name.name}`
      if (name.isDirectory()) {
        if (!isPlainDirectory(`${root}/${path}`)) return false
        directories.push(`${path}/`)
        continue
      }
      const entry = missing.get(path)
      if (entry === undefined || !isAsLeft(`${root}/${path}`, entry, record)) return false
      missing.delete(path)
    }
  }
  return missing.size === 0
}

/** Never one that a link leads to. */
function isPlainDirectory(path: string): boolean {
  const info = lstatSync(path)
  return info.isDirectory() && (info.mode & 0o777) === DIRECTORY_MODE
}

function isAsLeft(path: string, entry: Entry, record: StatRecord): boolean {
  if (entry.mode !== 'link') return record.has(entry.path) && stampOf(path) === record.get(entry.path)
  return lstatSync(path).isSymbolicLink() && readlinkSync(path) === entry.target
}
