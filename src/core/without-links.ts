/** A directory of a release as it would be without links: for places that take plain files only. */
import { compareBytes } from './canonical.ts'
import type { Entry, FileEntry } from './manifest.ts'

/** A file, and where it appears. */
export interface Placed {
  /** Below the directory. */
  readonly path: string
  /** In the release. */
  readonly file: FileEntry
}

export interface LinkProblem {
  readonly path: string
  /** Goes on after the path, as in `leads out of the skill`. */
  readonly problem: string
}

export interface WithoutLinks {
  /** In byte order of path. */
  readonly files: readonly Placed[]
  readonly problems: readonly LinkProblem[]
}

/** Links to directories that hold links to directories can stand for any number of files. */
const MOST_FILES = 10_000
const MOST_HOPS = 40

/**
 * Puts what a link leads to in its place, as long as that is in the directory.
 * @param entries of the directory, by their paths in the release
 */
export function withoutLinks(entries: readonly Entry[], directory: string): WithoutLinks {
  const below = entries.map((entry) => ({ path: entry.path.slice(directory.length + 1), entry }))
  const byPath = new Map(below.map(({ path, entry }) => [path, entry]))
  const files: Placed[] = []
  const problems: LinkProblem[] = []

  /** @param from a real directory @param to where it appears @param within the real directories that led here */
  const place = (from: string, to: string, within: readonly string[]): void => {
    const prefix = from === '' ? '' : `${from}/`
    for (const { path, entry } of below.filter(({ path }) => path.startsWith(prefix))) {
      const shown = join(to, path.slice(prefix.length))
      if (files.length + problems.length > MOST_FILES) return
      if (entry.mode !== 'link') files.push({ path: shown, file: entry })
      else placeLink(path, entry.target, shown, within)
    }
  }
  const placeLink = (path: string, target: string, shown: string, within: readonly string[]): void => {
    const minds = (problem: string): number => problems.push({ path, problem })
    const end = follow(path, target, byPath)
    if (end === undefined) return void minds(`leads out of the skill, to ${target}`)
    const entry = byPath.get(end)
    if (entry !== undefined && entry.mode !== 'link') return void files.push({ path: shown, file: entry })
    if (within.includes(end)) return void minds('leads to a directory that it is in')
    const isDirectory = below.some(({ path }) => path.startsWith(`${end}/`))
    if (!isDirectory) return void minds(`leads nowhere, to ${target}`)
    place(end, shown, [...within, end])
  }

  place('', '', [''])
  if (files.length + problems.length > MOST_FILES)
    problems.push({ path: directory, problem: `holds more than ${MOST_FILES} files` })
  return { files: files.sort((left, right) => compareBytes(left.path, right.path)), problems }
}

function join(directory: string, path: string): string {
  return directory === '' ? path : `${directory}/${path}`
}

/** Follows a link the way a kernel would. @returns where it ends, or undefined when that is not in the directory */
function follow(path: string, target: string, byPath: ReadonlyMap<string, Entry>): string | undefined {
  const resolved = path.split('/').slice(0, -1)
  const rest = target.split('/')
  for (let hops = 0; rest.length > 0; ) {
    const name = rest.shift()
    if (name === undefined || name === '' || name === '.') continue
    if (name === '..') {
      if (resolved.pop() === undefined) return undefined
      continue
    }
    resolved.push(name)
    const next = byPath.get(resolved.join('/'))
    if (next?.mode !== 'link') continue
    if (++hops > MOST_HOPS) return undefined
    resolved.pop()
    rest.unshift(...next.target.split('/'))
  }
  return resolved.join('/')
}
