/** The built command line as a real process, and a small team that works with nothing else. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PASSPHRASE, writeKeys } from './cheap-keys.ts'
import { foreignCredentials, foreignUrl } from './foreign-store.ts'

/** `npm test` compiles first (test/support/setup.mjs). */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url))

export interface Ran {
  /** null when a signal ended it. */
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `run`, or `runHere` of ./in-process.ts where a process of its own is not what a test is about. */
export type Runs = (args: readonly string[], options: RunOptions) => Promise<Ran>

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** What it reads on stdin; nothing when left out. */
  readonly input?: string
  readonly uid?: number | undefined
}

/** Nobody's settings, unless a test brings some: no HOME, no credentials, no git configuration. */
export const BARE: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  TMPDIR: tmpdir(),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
}

/** Otherwise every commit starts another git, which finds nothing to tidy. */
const WITHOUT_MAINTENANCE: NodeJS.ProcessEnv = {
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'maintenance.auto',
  GIT_CONFIG_VALUE_0: 'false',
}

/** Runs any program to its end. */
export function execute(
  program: string,
  args: readonly string[],
  { env = {}, cwd = tmpdir(), input, uid }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(program, args, {
    cwd,
    env: { ...BARE, ...env },
    stdio: 'pipe',
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => {}) // It ended without reading: that is its right.
  child.stdin.end(input ?? '')
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) => resolve({ exit, stdout, stderr }))
  })
}

export function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  if (!existsSync(MAIN)) throw new Error('the command line is not built: run npm run setup')
  return execute(process.execPath, [MAIN, ...args], options)
}

/** The command as a shell would run it, for tests that need one. */
export function shellCommand(args: readonly string[]): string {
  return [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
}

/**
 * A repository that `skillsctl init` made, a checkout, and homes of machines; in a temporary directory, the repository
 * on the S3 server of the environment where there is one.
 */
export class Site {
  readonly directory: string
  /** The directory of the repository, unless it is elsewhere. */
  readonly store: string
  readonly checkout: string
  readonly keys: string
  readonly passphraseFile: string
  /** Where this team's repository is. */
  readonly url: string
  /** How its commands run, unless they say otherwise. */
  private readonly how: Runs
  /** How those run that only lay out what a test needs: `init`, `publish`, `join`. */
  private readonly prepare: Runs
  tokens = { stable: '', canary: '' }
  /** Texts that no output may contain. */
  #secrets: string[] = [PASSPHRASE]
  #day = 0

  private constructor(directory: string, store: string, url: string, how: Runs, prepare: Runs) {
    this.directory = directory
    this.store = store
    this.checkout = join(directory, 'checkout')
    this.keys = join(directory, 'keys')
    this.passphraseFile = join(directory, 'passphrase')
    this.url = url
    this.how = how
    this.prepare = prepare
  }

  /** With two commits on canary, unless told otherwise. */
  static async create({ url, env, commits = 2, how = run, prepare = how }: SiteOptions = {}): Promise<Site> {
    const directory = await mkdtemp(join(await realpath(tmpdir()), 'skillsctl-cli-'))
    const store = join(directory, 'store')
    const place = url ?? (await foreignUrl()) ?? pathToFileURL(store).href
    const site = new Site(directory, store, place, how, prepare)
    try {
      await site.found(commits, env)
    } catch (error) {
      await site.remove()
      throw error
    }
    return site
  }

  private async found(commits: number, env: NodeJS.ProcessEnv | undefined): Promise<void> {
    await mkdir(this.checkout)
    await writeFile(this.passphraseFile, `${PASSPHRASE}\n`)
    await this.git('init', '--quiet', '--template=', '--initial-branch=main')
    await writeKeys(this.keys)
    const flags = ['--name', 'acme', '--keys', this.keys, '--passphrase-file', this.passphraseFile]
    const { tokens } = await this.json(['init', this.url, ...flags], { env })
    this.tokens = tokens
    for (const name of ['ci.key', 'release.key']) {
      const line = await readFile(join(this.keys, name), 'utf8')
      this.#secrets.push(secretOf(line))
    }
    for (let index = 1; index <= commits; index++) {
      await this.commit({ 'skills/review/SKILL.md': `# review ${index}\n` })
      await this.publish({ env })
    }
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }

  /** The URL of another place, empty so far. */
  beside(name: string): string {
    const url = new URL(this.url)
    url.pathname += `-${name}`
    return url.href
  }

  key(name: 'ci' | 'release'): string {
    return join(this.keys, `${name}.key`)
  }

  home(name: string): string {
    return join(this.directory, 'homes', name)
  }

  /** Runs in the checkout, as a person there would. @throws Error when a secret shows */
  async run(
    args: readonly string[],
    { env, ...options }: RunOptions = {},
    how: Runs = this.how,
  ): Promise<Ran> {
    const ran = await how(args, {
      cwd: this.checkout,
      env: { HOME: this.directory, ...foreignCredentials, ...env },
      ...options,
    })
    const said = ran.stdout + ran.stderr
    if (this.#secrets.some((secret) => said.includes(secret))) throw new Error(`a secret shows: ${said}`)
    return ran
  }

  /** As `run`, of a command that has to succeed. @returns what `--json` printed */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into reports freely, and fail where they are wrong
  async json(args: readonly string[], options: { env?: NodeJS.ProcessEnv | undefined } = {}): Promise<any> {
    const { exit, stdout, stderr } = await this.run(
      [...args, '--json'],
      { env: options.env ?? {} },
      this.prepare,
    )
    if (exit !== 0) throw new Error(`skillsctl ${args[0]} ended with ${exit}: ${stdout}${stderr}`)
    return JSON.parse(stdout)
  }

  /** A machine in a home of its own. */
  machine(name: string): (args: readonly string[], options?: RunOptions, how?: Runs) => Promise<Ran> {
    return (args, options, how) => this.run([...args, '--home', this.home(name)], options, how)
  }

  async joined(name: string, channel: 'canary' | 'stable' = 'canary') {
    const machine = this.machine(name)
    const { exit, stderr } = await machine(['join', this.tokens[channel]], {}, this.prepare)
    if (exit !== 0) throw new Error(`joining failed: ${stderr}`)
    return machine
  }

  git(...args: string[]): Promise<string> {
    return this.inCheckout('git', ...args)
  }

  private async inCheckout(program: string, ...args: string[]): Promise<string> {
    const who = { NAME: 'Ada', EMAIL: 'ada@example.com', DATE: `2026-01-${10 + this.#day}T09:00:00Z` }
    const pairs = Object.entries(who).flatMap(([name, value]) => [
      [`GIT_AUTHOR_${name}`, value],
      [`GIT_COMMITTER_${name}`, value],
    ])
    const { exit, stdout, stderr } = await execute(program, args, {
      cwd: this.checkout,
      env: { ...Object.fromEntries(pairs), ...WITHOUT_MAINTENANCE },
    })
    if (exit !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  /** Writes these files and commits, a day after the commit before. */
  async commit(files: Readonly<Record<string, string>>): Promise<void> {
    this.#day += 1
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(this.checkout, path, '..'), { recursive: true })
      await writeFile(join(this.checkout, path), text)
    }
    await this.inCheckout('sh', '-c', `git add --all && git commit --quiet --message 'day ${this.#day}'`)
  }

  async publish({ env }: { env?: NodeJS.ProcessEnv | undefined } = {}) {
    return this.json(['publish', '--key', this.key('ci')], { env })
  }
}

/** The seed of a key file's one line. */
export function secretOf(line: string): string {
  return /^skillsctl-secret-key-1:([\w-]{20})/.exec(line)?.[1] ?? line.trim()
}

export interface SiteOptions {
  /** A store elsewhere than in the site's directory. */
  readonly url?: string
  readonly env?: NodeJS.ProcessEnv
  readonly commits?: number
  /** How its commands run: each as a process of its own when left out. */
  readonly how?: Runs
  /** How `init`, `publish` and `join` run that come before what a test is about: as the others when left out. */
  readonly prepare?: Runs
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Path → digest of every file below a directory, to see whether anything changed. */
export async function contents(directory: string): Promise<Record<string, string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const read = async (path: string) => [path, digest(await readFile(path))]
  return Object.fromEntries(await Promise.all(files.sort().map(read)))
}
