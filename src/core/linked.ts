/**
 * What a reader finds behind the links of a part of a release. Links that stay inside the part move along with it; of
 * those that lead out of it, what they lead to belongs to the part as well: it would be missing wherever the part is
 * alone, and an agent sees a difference when it changes.
 */
import type { Entry, LinkEntry } from './manifest.ts'

/** A file or link of a part. `path` is relative to the part; empty for a part that is one file. */
export type PartFile = Entry & {
  /** Its path in the release; of what a link leads to, the path of that. */
  readonly from: string
}

/** As many links as Linux follows in one path. */
const MOST_LINKS = 40

export class Links {
  private readonly all: readonly Entry[]
  private readonly byPath: ReadonlyMap<string, Entry>

  constructor(all: readonly Entry[]) {
    this.all = all
    this.byPath = new Map(all.map((entry) => [entry.path, entry]))
  }

  /**
   * @param part path of a directory, or of a single file or link
   * @param files those of `all` that lie in it
   */
  filesOf(part: string, files: readonly Entry[]): PartFile[] {
    return files.flatMap((file) => this.expand(file, part, file.path.slice(part.length + 1), [part]))
  }

  /** @param parts directories that hold this file, as they were followed: none of them is followed again */
  private expand(file: Entry, part: string, path: string, parts: readonly string[]): PartFile[] {
    if (file.mode !== 'link') return [{ ...file, path, from: file.path }]
    const found = this.resolve(besides(file))
    if (staysWithin(file, part) && (found === undefined || isWithin(found, part)))
      return [{ ...file, path, from: file.path }]
    const target = found === undefined ? undefined : this.byPath.get(found)
    // Nothing is there, in the release neither: it would lead somewhere else, or nowhere, in a place of its own.
    if (found === undefined || parts.some((known) => isWithin(known, found))) return []
    if (target !== undefined) return [{ ...target, path, from: target.path }]
    return this.all
      .filter((entry) => entry.path.startsWith(`${found}/`))
      .flatMap((entry) =>
        this.expand(entry, found, `${path}${entry.path.slice(found.length)}`.replace(/^\//, ''), [
          ...parts,
          found,
        ]),
      )
  }

  /** Where a path ends up once every link in it is followed; undefined when it leads nowhere or in a circle. */
  private resolve(path: string): string | undefined {
    let real = path
    for (let followed = 0; followed <= MOST_LINKS; followed++) {
      const link = prefixes(real)
        .map((prefix) => this.byPath.get(prefix))
        .find((entry) => entry?.mode === 'link')
      if (link === undefined) return real
      if (link.mode === 'link') real = normalize(`${besides(link)}${real.slice(link.path.length)}`)
    }
    return undefined
  }
}

/** The path that a link names, taken from where it lies. */
function besides({ path, target }: LinkEntry): string {
  return normalize(`${path.slice(0, path.lastIndexOf('/') + 1)}${target}`)
}

/** Whether a link means the same when the part is elsewhere, under another name. */
function staysWithin({ path, target }: LinkEntry, part: string): boolean {
  let depth = path.split('/').length - part.split('/').length - 1
  for (const name of target.split('/')) {
    if (name === '..') depth -= 1
    else if (name !== '.' && name !== '') depth += 1
    if (depth < 0) return false
  }
  return true
}

function prefixes(path: string): string[] {
  const names = path.split('/')
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

function isWithin(path: string, part: string): boolean {
  return path === part || path.startsWith(`${part}/`)
}

/** Without `.` and `..`. A manifest has no link that leads out of its release. */
function normalize(path: string): string {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '.' && name !== '') names.push(name)
  }
  return names.join('/')
}
