/** The publishing side: one git repository and one store, through the real command line. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, run } from './processes.ts'

const PROGRAM = fileURLToPath(new URL('../../../../dist/cli/main.cjs', import.meta.url))

export function skillsctl(...args: readonly string[]): Command {
  return { program: process.execPath, args: [PROGRAM, ...args] }
}

/** What `init --json` says, as far as it matters here. */
interface Founded {
  readonly root: { readonly version: number; readonly sha256: string }
  readonly files: { readonly ci: string; readonly release: string }
}

export class Publisher {
  readonly directory: string
  readonly checkout: string
  readonly store: string
  /** For `--root`. */
  readonly root: string
  readonly #keys: Founded['files']
  readonly #env: NodeJS.ProcessEnv

  private constructor(directory: string, store: string, { root, files }: Founded, env: NodeJS.ProcessEnv) {
    this.directory = directory
    this.checkout = join(directory, 'checkout')
    this.store = store
    this.root = `${root.version}:sha256:${root.sha256}`
    this.#keys = files
    this.#env = env
  }

  /** @param directory for the checkout and the keys */
  static async found(directory: string, store: string, env: NodeJS.ProcessEnv): Promise<Publisher> {
    const checkout = join(directory, 'checkout')
    const passphrase = join(directory, 'passphrase')
    await mkdir(checkout, { recursive: true })
    await writeFile(passphrase, 'only for this bench\n', { mode: 0o600 })
    await run({ program: 'git', args: ['init', '-q', '-b', 'main', checkout] }, { env })
    const keys = ['--keys', join(directory, 'keys'), '--passphrase-file', passphrase]
    const said = await run(skillsctl('init', store, '--json', '--name', 'bench', ...keys), {
      cwd: checkout,
      env,
    })
    return new Publisher(directory, store, JSON.parse(said) as Founded, env)
  }

  /** Commits what a directory holds. @returns the hash */
  async commit(files: string, message: string): Promise<string> {
    const git = (...args: string[]): Promise<string> =>
      run(
        {
          program: 'git',
          args: [`--git-dir=${join(this.checkout, '.git')}`, `--work-tree=${files}`, ...args],
        },
        { env: this.#env },
      )
    await git('add', '--all', '--force')
    await git('commit', '-q', '-m', message)
    return (await git('rev-parse', 'HEAD')).trim()
  }

  publishing(commit: string): Command {
    return skillsctl('publish', '--commit', commit, '--include', '**', '--quiet', ...this.#signing('ci'))
  }

  async publish(commit: string): Promise<void> {
    await run(this.publishing(commit), { cwd: this.checkout, env: this.#env })
  }

  /** Something new for the machines of the other channel. */
  async promote(): Promise<void> {
    const command = skillsctl('promote', 'canary', 'stable', '--quiet', ...this.#signing('release'))
    await run(command, { cwd: this.checkout, env: this.#env })
  }

  async collectGarbage(): Promise<void> {
    const command = skillsctl('gc', '--quiet', '--store', this.store, '--root', this.root)
    await run(command, { cwd: this.checkout, env: this.#env })
  }

  #signing(key: 'ci' | 'release'): string[] {
    return ['--store', this.store, '--root', this.root, '--key', this.#keys[key]]
  }
}
