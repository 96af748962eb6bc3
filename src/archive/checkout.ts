/**
 * A repository that somebody works in, and that gets a commit without noticing: its HEAD, index and work tree stay as
 * they are, no hook runs, no filter or line ending rule touches a byte. What a release holds are the raw blobs.
 */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { Git, splitAtNul } from './git.ts'
import { type GitAnswer, type GitCall, gitOutput, runGit } from './git-process.ts'

/** A file as a commit is to have it. Without content: as it is not to have it. */
export interface TreeEdit {
  readonly path: string
  readonly mode?: '100644' | '100755' | '120000'
  /** Of a link its target. */
  readonly content?: Buffer
}

export interface CheckoutCall extends Pick<GitCall, 'input' | 'limit'> {
  /** Beside those of everybody. */
  readonly variables?: NodeJS.ProcessEnv
}

/** Variables by which an outer git, in a hook say, would lead us to another repository than the one we were told of. */
const REDIRECTIONS =
  /^GIT_(?:DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|SHALLOW_FILE|GRAFT_FILE|QUARANTINE_PATH)$/

const UNNOTICED = [
  '--no-pager',
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'gc.auto=0', 'maintenance.auto=false'].flatMap(
    (setting) => ['-c', setting],
  ),
]

/** How the checkout keeps its own index is no concern of a temporary one. */
const PLAIN_INDEX = ['-c', 'core.splitIndex=false']

export class Checkout {
  /** To ask it what it holds. */
  readonly git: Git
  /** Top of the work tree; of a bare repository the repository. */
  readonly directory: string
  readonly isBare: boolean
  /** The branch that its HEAD is on; undefined where that is none, or has no commit yet. */
  readonly branch: string | undefined
  private readonly environment: NodeJS.ProcessEnv

  private constructor(
    place: Pick<Checkout, 'directory' | 'isBare' | 'branch'>,
    environment: NodeJS.ProcessEnv,
  ) {
    const { directory, isBare, branch } = place
    this.directory = directory
    this.isBare = isBare
    this.branch = branch
    this.environment = environment
    this.git = new Git(directory, environment)
  }

  /** @param place in a work tree, or a bare repository @throws SkillsctlError `failed`, `usage` */
  static async open(place: string): Promise<Checkout> {
    const redirected = Object.entries(process.env).filter(([name]) => !REDIRECTIONS.test(name))
    const environment = {
      ...Object.fromEntries(redirected),
      LC_ALL: 'C',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_TERMINAL_PROMPT: '0',
    }
    const questions = [
      '--is-bare-repository',
      '--is-inside-work-tree',
      '--show-toplevel',
      '--abbrev-ref',
      'HEAD',
    ]
    const { stdout, stderr } = await runGit(place, ['rev-parse', ...questions], { environment })
    const [isBare, isInside, top, head] = stdout.toString('utf8').split('\n')
    const branch = head === 'HEAD' || head === '' ? undefined : head
    if (isBare === 'true')
      return new Checkout({ directory: place, isBare: true, branch: undefined }, environment)
    if (isInside === 'true' && top)
      return new Checkout({ directory: top, isBare: false, branch }, environment)
    throw new SkillsctlError('failed', 'git sees no checkout here', {
      subject: place,
      found: stderr.trim().split('\n')[0] || undefined,
      hint: 'name a checkout of the repository that holds the skills: --repo <checkout>',
    })
  }

  async knows(commit: string): Promise<boolean> {
    return (await this.ask(['cat-file', '-e', `${commit}^{commit}`])).exit === 0
  }

  /** Whether it is in a branch, a tag or what was fetched of one: objects may lie here that nobody has been told of. */
  async hasInHistory(commit: string): Promise<boolean> {
    return (await this.ask(['rev-list', '-n1', commit, '--not', '--all'])).stdout.length === 0
  }

  /** Why this clone may lack what others have. */
  async extent(): Promise<'shallow' | 'partial' | 'whole'> {
    if ((await this.line(['rev-parse', '--is-shallow-repository'])) === 'true') return 'shallow'
    const settings = await this.settings()
    const isPartial = [...settings.keys()].some((name) =>
      /^remote\..*\.promisor$|^extensions\.partialclone$/.test(name),
    )
    return isPartial ? 'partial' : 'whole'
  }

  /** What git is set to here, by name as git spells it: in lower case but for what is between the dots. */
  async settings(): Promise<ReadonlyMap<string, string>> {
    const records = splitAtNul(await this.bytes(['config', '--list', '-z'])).map((one) =>
      one.toString('utf8'),
    )
    return new Map(
      records.map((record): [string, string] => {
        const end = record.indexOf('\n')
        // A name alone means yes.
        return end < 0 ? [record, 'true'] : [record.slice(0, end), record.slice(end + 1)]
      }),
    )
  }

  /** Paths at and below this one that are not as in HEAD; undefined where there is no work tree. */
  async uncommitted(path: string): Promise<readonly string[]> {
    if (this.isBare) return []
    const status = ['status', '--porcelain', '-z', '--untracked-files=all', '--no-renames']
    const output = await this.bytes([...status, '--', `:(top,literal)${path}`])
    return splitAtNul(output).map((record) => record.subarray('XY '.length).toString('utf8'))
  }

  /** Those that `git add` would leave out. */
  async ignored(paths: readonly string[]): Promise<ReadonlySet<string>> {
    if (this.isBare || paths.length === 0) return new Set()
    const input = paths.map((path) => `${path}\0`).join('')
    const { stdout } = await this.ask(['check-ignore', '-z', '--no-index', '--stdin'], { input })
    return new Set(splitAtNul(stdout).map((path) => path.toString('utf8')))
  }

  /** @throws SkillsctlError `refused` when nobody has told git who is working here */
  async insistOnIdentity(): Promise<void> {
    const asked = ['-c', 'user.useConfigOnly=true', 'var', 'GIT_AUTHOR_IDENT']
    const { exit, stderr } = await this.ask(asked)
    if (exit === 0) return
    throw new SkillsctlError('refused', 'git does not know who you are, and a commit has an author', {
      subject: this.directory,
      found: stderr.trim().split('\n').at(-1),
      hint: "run: git config --global user.name 'Your Name' && git config --global user.email you@example.com",
    })
  }

  /** @throws SkillsctlError `usage` for a name that no branch can have */
  async insistOnBranchName(branch: string): Promise<void> {
    const isName = branch !== 'HEAD' && !branch.startsWith('-')
    if (isName && (await this.ask(['check-ref-format', `refs/heads/${branch}`])).exit === 0) return
    throw new SkillsctlError('usage', 'this cannot be the name of a branch', { subject: branch })
  }

  /** Hash of the commit that a branch is at; undefined when there is no such branch. */
  async tip(branch: string): Promise<string | undefined> {
    return this.line(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}^{commit}`])
  }

  /** Whether HEAD names this branch, though it has no commit yet. */
  async isOn(branch: string): Promise<boolean> {
    return (await this.line(['symbolic-ref', '--quiet', 'HEAD'])) === `refs/heads/${branch}`
  }

  /** The one parent of a commit; undefined for a merge, and for a first commit. */
  async parent(commit: string): Promise<string | undefined> {
    const [, parent, ...others] =
      (await this.line(['rev-list', '--parents', '-n1', commit]))?.split(' ') ?? []
    return others.length === 0 ? parent : undefined
  }

  /** What leads from one tree to another: equal texts are equal changes, made to equal files. */
  async difference(from: string, to: string): Promise<string> {
    return (await this.bytes(['diff-tree', '-r', '-z', '--no-renames', from, to])).toString('latin1')
  }

  /** What a tree holds at a path, as text that is equal for equal content. */
  async contentAt(tree: string, path: string): Promise<string> {
    return (await this.bytes(['ls-tree', '-z', '--full-tree', tree, '--', path])).toString('latin1')
  }

  /**
   * The tree of a commit with these edits. Only objects are written, which nobody sees as long as nothing names them.
   * @param room an empty directory for what is in between
   */
  async writeTree(commit: string, edits: readonly TreeEdit[], room: string): Promise<string> {
    const objects = await this.writeBlobs(edits, room)
    const call = { variables: { GIT_INDEX_FILE: join(room, 'index') } }
    await this.bytes([...PLAIN_INDEX, 'read-tree', commit], call)
    const lines = edits.map((edit) => {
      const object = objects.get(edit)
      return object === undefined
        ? `0 ${'0'.repeat(commit.length)}\t${edit.path}\0`
        : `${edit.mode ?? '100644'} ${object}\t${edit.path}\0`
    })
    await this.bytes([...PLAIN_INDEX, 'update-index', '-z', '--index-info'], {
      ...call,
      input: lines.join(''),
    })
    return (await this.bytes([...PLAIN_INDEX, 'write-tree'], call)).toString('utf8').trim()
  }

  private async writeBlobs(edits: readonly TreeEdit[], room: string): Promise<Map<TreeEdit, string>> {
    const written = edits.filter(({ content }) => content !== undefined)
    const files = written.map((_edit, index) => join(room, String(index)))
    for (const [index, file] of files.entries()) await writeFile(file, written[index]?.content ?? '')
    if (files.length === 0) return new Map()
    const hash = ['hash-object', '-w', '--no-filters', '--stdin-paths']
    const output = await this.bytes(hash, { input: files.map((file) => `${file}\n`).join('') })
    for (const file of files) await rm(file)
    const objects = output.toString('utf8').trim().split('\n')
    return new Map(written.map((edit, index) => [edit, objects[index] ?? '']))
  }

  /** Author and committer are those of git's configuration. Never signed: a key is asked for by its owner only. */
  async commitTree(tree: string, parent: string, message: string): Promise<string> {
    const commit = ['-c', 'i18n.commitEncoding=utf-8', 'commit-tree', tree, '-p', parent]
    return (await this.bytes(commit, { input: message })).toString('utf8').trim()
  }

  /** @throws SkillsctlError `failed` when there is such a branch by now, or one whose name is in the way */
  async createBranch(branch: string, commit: string): Promise<void> {
    await this.bytes(['update-ref', '-m', 'skillsctl propose', `refs/heads/${branch}`, commit, ''])
  }

  /** For questions that git answers by how it ends. */
  ask(args: readonly string[], call: CheckoutCall = {}): Promise<GitAnswer> {
    return runGit(this.directory, [...UNNOTICED, ...args], this.callOf(call))
  }

  private bytes(args: readonly string[], call: CheckoutCall = {}): Promise<Buffer> {
    return gitOutput(this.directory, [...UNNOTICED, ...args], this.callOf(call))
  }

  private callOf({ variables, ...call }: CheckoutCall): GitCall {
    return { ...call, environment: { ...this.environment, ...variables } }
  }

  /** The first line; undefined when git says no. */
  private async line(args: readonly string[]): Promise<string | undefined> {
    const { exit, stdout } = await this.ask(args)
    return exit === 0 ? stdout.toString('utf8').split('\n')[0] : undefined
  }
}
