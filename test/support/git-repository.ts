/** Small real git repositories in temp directories, the same commit hashes on every run and machine. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const FIRST_COMMIT = Date.UTC(2026, 0, 1, 9)
const HOUR_MS = 60 * 60 * 1000
const LONGEST_OUTPUT = 256 * 1024 * 1024

/** Nothing of the machine's own git configuration, identity or hooks reaches these repositories. */
const ISOLATED: NodeJS.ProcessEnv = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Test Author',
  GIT_AUTHOR_EMAIL: 'author@example.org',
  GIT_COMMITTER_NAME: 'Test Committer',
  GIT_COMMITTER_EMAIL: 'committer@example.org',
  // Otherwise every commit starts another git, which finds nothing to tidy.
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'maintenance.auto',
  GIT_CONFIG_VALUE_0: 'false',
}

/** One process for the three: starting one from a test costs more than what git does. The shell itself reads HEAD. */
const COMMIT = `git add --all --force && git commit --quiet --allow-empty --message "$1" && read -r head < .git/HEAD &&
case $head in ref:*) read -r head < ".git/\${head#ref: }" ;; esac && echo "$head"`

export interface CommitOptions {
  /** Author and committer date, `YYYY-MM-DDTHH:MM:SSZ`; each commit is an hour after the one before otherwise. */
  readonly date?: string
}

export interface GitRepository extends AsyncDisposable {
  readonly directory: string
  /** Writes a file into the working tree, with the directories above it. */
  write(
    path: string,
    content: string | Uint8Array,
    options?: { readonly executable?: boolean },
  ): Promise<void>
  link(path: string, target: string): Promise<void>
  remove(path: string): Promise<void>
  move(from: string, to: string): Promise<void>
  /** Commits everything in the working tree, also when nothing changed. @returns the full hash */
  commit(message?: string, options?: CommitOptions): Promise<string>
  /** Runs git here. @returns stdout without its final newline */
  run(...args: string[]): Promise<string>
  /** The same, as raw bytes. */
  bytes(...args: string[]): Promise<Buffer>
  /** A second repository of its own: a full clone (or, with arguments such as `--depth=1`, less). */
  clone(target?: string, ...args: string[]): Promise<GitRepository>
  /** Removes the directory; so does `await using`. */
  dispose(): Promise<void>
}

/** @param directory a new temp directory when it is left out */
export async function createGitRepository(directory?: string): Promise<GitRepository> {
  const place = directory ?? (await mkdtemp(join(tmpdir(), 'skillsctl-git-')))
  await layOut(join(place, '.git'))
  return openGitRepository(place)
}

/** What `git init` makes, of which one differs from another in nothing: starting it for each costs more than the rest. */
async function layOut(place: string): Promise<void> {
  for (const directory of ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags'])
    await mkdir(join(place, directory), { recursive: true })
  empty ??= filesOfEmpty()
  for (const [name, content] of await empty) await writeFile(join(place, name), content)
}

let empty: Promise<[name: string, content: Buffer][]> | undefined

async function filesOfEmpty(): Promise<[name: string, content: Buffer][]> {
  const place = await mkdtemp(join(tmpdir(), 'skillsctl-git-'))
  const made = openGitRepository(place)
  await made.run('init', '--quiet', '--template=', '--initial-branch=main')
  const read = async (name: string): Promise<[string, Buffer]> => [
    name,
    await readFile(join(place, '.git', name)),
  ]
  const files = await Promise.all(['HEAD', 'config'].map(read))
  await made.dispose()
  return files
}

export function openGitRepository(directory: string): GitRepository {
  let commits = 0
  const at = (path: string): string => join(directory, path)

  const started = async (
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Buffer> => {
    const { stdout } = await run(program, args, {
      cwd: directory,
      encoding: 'buffer',
      maxBuffer: LONGEST_OUTPUT,
      env: { ...ambient(), ...ISOLATED, ...env },
    })
    return stdout
  }
  const bytes = (args: readonly string[]): Promise<Buffer> => started('git', args)
  const text = async (args: readonly string[]): Promise<string> => lineOf(await bytes(args))

  const repository: GitRepository = {
    directory,
    async write(path, content, { executable = false } = {}) {
      await mkdir(dirname(at(path)), { recursive: true })
      await writeFile(at(path), content)
      await chmod(at(path), executable ? 0o755 : 0o644)
    },
    async link(path, target) {
      await mkdir(dirname(at(path)), { recursive: true })
      await rm(at(path), { force: true })
      await symlink(target, at(path))
    },
    async remove(path) {
      await rm(at(path), { recursive: true })
    },
    async move(from, to) {
      await mkdir(dirname(at(to)), { recursive: true })
      await rename(at(from), at(to))
    },
    async commit(message = 'change', { date } = {}) {
      const when = date ?? new Date(FIRST_COMMIT + commits * HOUR_MS).toISOString().replace('.000Z', 'Z')
      commits += 1
      const dates = { GIT_AUTHOR_DATE: when, GIT_COMMITTER_DATE: when }
      return lineOf(await started('sh', ['-c', COMMIT, 'commit', message], dates))
    },
    run: (...args) => text(args),
    bytes: (...args) => bytes(args),
    async clone(target, ...args) {
      const place = target ?? (await mkdtemp(join(tmpdir(), 'skillsctl-clone-')))
      // A file URL: with a plain path git would ignore --depth and share objects by hard link.
      await text(['clone', '--quiet', ...args, `file://${directory}`, place])
      return openGitRepository(place)
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => repository.dispose(),
  }
  return repository
}

function lineOf(output: Buffer): string {
  return output.toString('utf8').replace(/\n$/, '')
}

/** The environment without the variables by which an outer git (a hook, a rebase) would redirect us. */
function ambient(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')))
}
