/**
 * What a reader finds behind the links of a part of a release. Links that stay inside the part move along with it; of
 * those that lead out of it, what they lead to belongs to the part as well: it would be missing wherever the part is
 * alone, and an agent sees a difference when it changes.
 */
import { compareBytes } from './canonical.ts'
import { SkillsctlError } from './errors.ts'
import { follow, MOST_LINKS, type Tree, type Walk } from './follow.ts'
import type { Entry, FileEntry } from './manifest.ts'

/** Where something is in a release. */
interface Origin {
  /** Of what a link leads to, the path of that. */
  readonly from: string
}

/** A file or link of a part. `path` is relative to the part; empty for a part that is one file. */
export type PartFile = Entry & Origin

/** The same, of a part without links. */
export type PlainFile = FileEntry & Origin

export interface LinkProblem {
  /** Of the link, relative to the part. */
  readonly path: string
  /** Goes on after the path, as in `leads out of the skill`. */
  readonly problem: string
}

export interface WithoutLinks {
  /** In byte order of path. */
  readonly files: readonly PlainFile[]
  readonly problems: readonly LinkProblem[]
}

/** Links to directories that hold links to directories can stand for any number of files. */
const MOST_BEHIND_LINKS = 100_000
const MOST_PLAIN_FILES = 10_000

export class Links {
  private readonly all: readonly Entry[]
  private readonly byPath: ReadonlyMap<string, Entry>
  private readonly tree: Tree
  private directories: ReadonlyMap<string, readonly Entry[]> | undefined
  private found = 0

  constructor(all: readonly Entry[]) {
    this.all = all
    const byPath = new Map(all.map((entry) => [entry.path, entry]))
    this.byPath = byPath
    this.tree = {
      targetOf: (path) => {
        const entry = byPath.get(path)
        return entry?.mode === 'link' ? entry.target : undefined
      },
      isDirectory: (path) => this.below(path) !== undefined,
    }
  }

  /**
   * @param part path of a directory, or of a single file or link
   * @param files those of `all` that lie in it
   * @throws SkillsctlError `refused` when the links stand for more than anybody wants
   */
  filesOf(part: string, files: readonly Entry[]): PartFile[] {
    const taken: PartFile[] = []
    this.expand(files, part, '', [part], false, (one) => {
      if (++this.found > this.all.length + MOST_BEHIND_LINKS) throw tooMany(part)
      if (!('problem' in one)) taken.push(one)
      return true
    })
    return taken
  }

  /** A directory as it would be without links, as long as each leads to something in it: for places that take plain files only. */
  withoutLinks(directory: string): WithoutLinks {
    const files: PlainFile[] = []
    const problems: LinkProblem[] = []
    const isComplete = this.expand(this.below(directory) ?? [], directory, '', [directory], true, (one) => {
      if ('problem' in one) problems.push({ ...one, path: one.path.slice(directory.length + 1) })
      else if (one.mode !== 'link') files.push(one)
      return files.length + problems.length <= MOST_PLAIN_FILES
    })
    if (!isComplete) problems.push({ path: directory, problem: `holds more than ${MOST_PLAIN_FILES} files` })
    return { files: files.sort((left, right) => compareBytes(left.path, right.path)), problems }
  }

  /**
   * @param from the directory that `files` are in @param to where it appears
   * @param parts directories that led here, the part itself first: none of them is followed again
   * @param plain without any link, and without anything from outside of the part
   * @param take is given what is found, and tells whether it wants more
   * @returns whether it was given everything
   */
  private expand(
    files: readonly Entry[],
    from: string,
    to: string,
    parts: readonly [string, ...string[]],
    plain: boolean,
    take: (found: PartFile | LinkProblem) => boolean,
  ): boolean {
    for (const file of files) {
      const below = file.path.slice(from.length + 1)
      const path = to === '' ? below : `${to}/${below}`
      const walk = file.mode === 'link' ? follow(file.path, file.target, this.tree) : undefined
      if (file.mode !== 'link' || walk === undefined || (!plain && staysWithin(walk, from))) {
        if (!take({ ...file, path, from: file.path })) return false
        continue
      }
      const { end = '' } = walk
      const entry = this.byPath.get(end)
      const problem =
        plain && !staysWithin(walk, parts[0])
          ? `leads out of the skill, to ${file.target}`
          : this.problemOf(walk, file.target, parts)
      const wantsMore =
        problem !== undefined
          ? take({ path: file.path, problem })
          : entry !== undefined
            ? take({ ...entry, path, from: end })
            : this.expand(this.below(end) ?? [], end, path, [...parts, end], plain, take)
      if (!wantsMore) return false
    }
    return true
  }

  /** Why nothing can be put in the place of a link. */
  private problemOf({ end }: Walk, target: string, parts: readonly string[]): string | undefined {
    // Nothing is there, in the release neither: it would lead somewhere else, or nowhere, in a place of its own.
    if (end === undefined) return `leads nowhere, to ${target}`
    if (this.byPath.has(end)) return undefined
    if (this.below(end) === undefined) return `leads nowhere, to ${target}`
    if (parts.some((known) => isWithin(known, end))) return 'leads to a directory that it is in'
    return parts.length > MOST_LINKS ? 'leads through too many links' : undefined
  }

  /** What a directory holds, at any depth; undefined when it is none. Few releases have links that ask for it. */
  private below(directory: string): readonly Entry[] | undefined {
    this.directories ??= byDirectory(this.all)
    return this.directories.get(directory)
  }
}

function byDirectory(all: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const directories = new Map<string, Entry[]>([['', [...all]]])
  for (const entry of all) {
    for (let slash = entry.path.indexOf('/'); slash > 0; slash = entry.path.indexOf('/', slash + 1)) {
      const directory = entry.path.slice(0, slash)
      const known = directories.get(directory)
      if (known === undefined) directories.set(directory, [entry])
      else known.push(entry)
    }
  }
  return directories
}

/** Whether a link means the same when the part is elsewhere, alone and under another name. */
function staysWithin({ problem, passed }: Walk, part: string): boolean {
  return problem !== 'leaves' && passed.every((path) => isWithin(path, part))
}

function isWithin(path: string, part: string): boolean {
  return part === '' || path === part || path.startsWith(`${part}/`)
}

function tooMany(part: string): SkillsctlError {
  return new SkillsctlError('refused', 'the links of this release stand for too many files', {
    subject: part,
    expected: `${MOST_BEHIND_LINKS} files at most`,
    hint: 'let fewer links lead to directories that hold links to directories',
  })
}
