/** Questions to a real git: what a commit holds, and how two commits relate. */
import { spawn } from 'node:child_process'
import { cleanAuthor } from '../core/author.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { ByteReader } from './byte-reader.ts'
import { gitOutput, runGit } from './git-process.ts'

export interface Commit {
  /** Full hash. */
  readonly hash: string
  /** Committer date, UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly committedAt: string
  /** Name of the author, fit to be shown. */
  readonly author: string | undefined
}

export interface TreeEntry {
  readonly path: string
  readonly kind: 'file' | 'executable' | 'link' | 'submodule'
  /** Hash of the blob. */
  readonly object: string
}

/** A path of a working tree: tracked, or new and not ignored. */
export interface WorkingPath {
  readonly path: string
  /** What the index has of it; undefined for what is new. */
  readonly staged: (TreeEntry & { readonly conflict: boolean; readonly isAbsent: boolean }) | undefined
}

/** How a commit relates to an earlier one, as far as this clone can tell. */
export type Relation = 'same' | 'descendant' | 'ancestor' | 'diverged' | 'unknown'

/** What git reads must not depend on who asks: no replacements, no lazy locks, no translated text. */
const ENVIRONMENT = { ...process.env, LC_ALL: 'C', GIT_NO_REPLACE_OBJECTS: '1', GIT_OPTIONAL_LOCKS: '0' }

/** The author as the commit has it, mapped or encoded in no other way: what is published is the same in every clone. */
const DESCRIBED = ['--no-show-signature', '--encoding=UTF-8', '--format=%H%n%ct%n%an']

/** Where one commit is asked for, git would take these for several, and tell of one of them. */
const RANGE = /^\^|\.\./

function describedCommit(told: string): Commit {
  const [hash = '', seconds, author = ''] = told.split('\n')
  return { hash, committedAt: formatInstant(Number(seconds) * 1000), author: cleanAuthor(author) }
}

export class Git {
  readonly directory: string
  private readonly environment: NodeJS.ProcessEnv

  constructor(directory: string, environment: NodeJS.ProcessEnv = ENVIRONMENT) {
    this.directory = directory
    this.environment = environment
  }

  /** @throws SkillsctlError `failed` without git or outside a repository, `absent` for an unknown revision */
  async commit(revision: string): Promise<Commit> {
    const told = RANGE.test(revision)
      ? ''
      : await this.try(['show', '-s', ...DESCRIBED, '--end-of-options', `${revision}^{commit}`, '--'])
    if (told !== undefined && told !== '') return describedCommit(told)
    await this.insideRepository()
    throw new SkillsctlError('absent', 'there is no such commit', {
      subject: revision,
      hint: 'name a branch, a tag or a hash of this repository; is there a commit yet?',
    })
  }

  /** The newest commit up to this one that changed something at a path, or undefined when this clone cannot tell. */
  async lastChange(commit: string, path: string): Promise<Commit | undefined> {
    const where = ['--end-of-options', commit, '--', `:(top,literal)${path}`]
    const told = await this.try(['log', '-1', ...DESCRIBED, ...where])
    return told === undefined || told === '' ? undefined : describedCommit(told)
  }

  /** Content of a file at a commit, or undefined when it is not there. */
  async fileAt(commit: string, path: string): Promise<string | undefined> {
    return this.try(['show', '--end-of-options', `${commit}:${path}`])
  }

  /** Top directory of the checkout, or undefined outside of one. */
  async topLevel(): Promise<string | undefined> {
    return (await this.try(['rev-parse', '--show-toplevel']))?.trim()
  }

  /**
   * Everything a commit holds, or what it holds at a path.
   * @throws SkillsctlError `refused` for a path that is not UTF-8
   */
  async tree(commit: string, path?: string): Promise<TreeEntry[]> {
    const part = path === undefined ? [] : ['--', path]
    const output = await this.bytes(['ls-tree', '-r', '-z', '--full-tree', commit, ...part])
    return splitAtNul(output).map((record) => {
      const tab = record.indexOf('\t')
      const [mode = '', , object = ''] = record.subarray(0, tab).toString('latin1').split(' ')
      return { path: decodeName(record.subarray(tab + 1)), object, kind: KINDS[mode] ?? 'file' }
    })
  }

  /** What a working tree consists of. Reads the index, and never writes it. */
  async workingTree(): Promise<{ root: string; tracksModes: boolean; paths: WorkingPath[] }> {
    const root = (await this.text(['rev-parse', '--show-toplevel'])).trim()
    const top = new Git(root)
    const output = await top.bytes([
      'ls-files',
      '-z',
      '-t',
      '-s',
      '--cached',
      '--others',
      '--exclude-standard',
    ])
    const fileMode = await top.try(['config', '--type=bool', 'core.fileMode'])
    const paths = splitAtNul(output).map(workingPath)
    return { root, tracksModes: fileMode?.trim() !== 'false', paths }
  }

  /**
   * How `commit` relates to `other`.
   * A shallow clone, or one that lacks `other`, cannot know: the answer is `unknown`, never a guess.
   */
  async relation(commit: string, other: string): Promise<Relation> {
    if (commit === other) return 'same'
    const contains = await this.isAncestor(other, commit)
    if (contains === undefined) return 'unknown'
    if (contains) return 'descendant'
    if (await this.isAncestor(commit, other)) return 'ancestor'
    return (await this.isShallow()) ? 'unknown' : 'diverged'
  }

  async isShallow(): Promise<boolean> {
    return (await this.text(['rev-parse', '--is-shallow-repository'])).trim() === 'true'
  }

  /** Pairs of paths that git takes for the same file, renamed and perhaps edited. */
  async renames(from: string, to: string): Promise<[from: string, to: string][]> {
    const output = await this.bytes([
      'diff-tree',
      '-r',
      '-z',
      '-M',
      '--diff-filter=R',
      '--name-status',
      from,
      to,
    ]).catch((error: unknown) => {
      // Without the older commit renames are found by content alone.
      if (error instanceof SkillsctlError && error.code === 'failed') return Buffer.alloc(0)
      throw error
    })
    const fields = splitAtNul(output).map(decodeName)
    const pairs: [string, string][] = []
    for (let index = 0; index + 2 < fields.length; index += 3)
      pairs.push([fields[index + 1] ?? '', fields[index + 2] ?? ''])
    return pairs
  }

  /** Contents of blobs, in the order asked for. @throws SkillsctlError `absent` for a blob this clone lacks */
  async *blobs(objects: Iterable<string>): AsyncGenerator<Buffer> {
    for await (const { name, answer, content } of this.lookUp(objects)) {
      if (content === undefined) {
        throw new SkillsctlError('absent', 'this clone lacks a file of the commit', {
          subject: name,
          found: answer,
          hint: 'fetch it whole: git fetch --refetch (a partial clone is not enough)',
        })
      }
      yield content
    }
  }

  /** Contents of files, each named `<commit>:<path>`; without those that this clone lacks. */
  async contents(names: Iterable<string>): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>()
    for await (const { name, content } of this.lookUp(names)) {
      if (content !== undefined) found.set(name, content)
    }
    return found
  }

  /** @param names of objects, none of them with a line break */
  private async *lookUp(
    names: Iterable<string>,
  ): AsyncGenerator<{ name: string; answer: string; content: Buffer | undefined }> {
    const wanted = [...names]
    if (wanted.length === 0) return
    const child = spawn('git', ['-C', this.directory, 'cat-file', '--batch', '--buffer'], {
      env: this.environment,
      stdio: 'pipe',
    })
    let problem = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      problem += text
    })
    const ended = new Promise((resolve) => child.on('close', resolve))
    child.stdin.on('error', () => {}) // It died: reading tells.
    child.stdin.end(wanted.map((name) => `${name}\n`).join(''))
    const reader = new ByteReader(child.stdout)
    try {
      for (const name of wanted) {
        const answer = await reader.line()
        // `<hash> blob <size>`, or `<name> missing`, where the name may hold spaces.
        const [, type, size] = /^[0-9a-f]+ (\w+) (\d+)$/.exec(answer) ?? []
        const content = size === undefined ? undefined : await reader.take(Number(size))
        if (size !== undefined) await reader.take(1)
        yield { name, answer, content: type === 'blob' ? content : undefined }
      }
    } catch (cause) {
      if (!isError(cause, 'failed')) throw cause
      await ended
      throw new SkillsctlError('failed', 'git could not read what a commit holds', {
        subject: this.directory,
        found: problem.trim().split('\n')[0] || cause.message,
        hint: 'a partial clone reads from its remote: see that it can be reached, or run: git fetch --refetch',
        cause,
      })
    } finally {
      child.kill()
    }
  }

  private async insideRepository(): Promise<void> {
    const refusal = await this.text(['rev-parse', '--git-dir']).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (refusal === undefined) return
    if (!(refusal instanceof SkillsctlError) || refusal.subject === 'git') throw refusal
    throw new SkillsctlError('failed', 'git sees no repository here', {
      subject: this.directory,
      found: refusal.found,
      hint: 'run this in a checkout of the repository that holds the skills',
    })
  }

  /** undefined when this clone lacks one of them. */
  private async isAncestor(ancestor: string, commit: string): Promise<boolean | undefined> {
    const question = ['merge-base', '--is-ancestor', ancestor, commit]
    const { exit } = await runGit(this.directory, question, { environment: this.environment })
    return exit === 0 || (exit === 1 ? false : undefined)
  }

  private async text(args: readonly string[]): Promise<string> {
    return (await this.bytes(args)).toString('utf8')
  }

  /** Output, or undefined when git answers "no" (exit 1 or 128). */
  private async try(args: readonly string[]): Promise<string | undefined> {
    try {
      return await this.text(args)
    } catch (error) {
      if (error instanceof SkillsctlError && error.subject !== 'git') return undefined
      throw error
    }
  }

  private bytes(args: readonly string[]): Promise<Buffer> {
    return gitOutput(this.directory, args, { environment: this.environment })
  }
}

const KINDS: Readonly<Record<string, TreeEntry['kind']>> = {
  '100755': 'executable',
  '120000': 'link',
  '160000': 'submodule',
}

/** `? <path>`, or `<tag> <mode> <object> <stage>\t<path>`; the tag of what a sparse checkout leaves out is S. */
function workingPath(record: Buffer): WorkingPath {
  const isNew = record[0] === '?'.charCodeAt(0)
  const start = isNew ? 2 : record.indexOf('\t') + 1
  const path = decodeName(record.subarray(start))
  if (isNew) return { path, staged: undefined }
  const [tag, mode = '', object = '', stage] = record
    .subarray(0, start - 1)
    .toString('latin1')
    .split(' ')
  const kind = KINDS[mode] ?? 'file'
  return { path, staged: { path, object, kind, conflict: stage !== '0', isAbsent: tag === 'S' } }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws SkillsctlError `refused` when the bytes are not UTF-8 */
export function decodeName(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw new SkillsctlError('refused', 'a path is not valid UTF-8', {
      subject: Buffer.from(bytes).toString('latin1'),
      hint: 'rename it in the source repository',
      cause,
    })
  }
}

export function splitAtNul(output: Buffer): Buffer[] {
  const records: Buffer[] = []
  for (let start = 0; start < output.length; ) {
    const end = output.indexOf(0, start)
    records.push(output.subarray(start, end))
    start = end + 1
  }
  return records
}
