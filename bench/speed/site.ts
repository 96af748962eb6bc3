/**
 * What the servers serve: one directory per state of the tree, which holds it in the form that each tool wants.
 * `live` is a link to one of them, so that all tools see a commit at the same moment.
 */
import { cp, mkdir, rename, rm, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isInstalled, run, shell } from './processes.ts'
import { Publisher } from './publisher.ts'
import { contentOf } from './tree-content.ts'
import { editOneLine, editTwentyFiles } from './trees.ts'

/** In this order: each is a step from the one before. */
export const STATES = ['base', 'elsewhere', 'edit', 'twenty'] as const
export type State = (typeof STATES)[number]

/** Seconds between the times that files of two states have, for servers that make an ETag of the time. */
const STEP = 10

export class Site {
  readonly directory: string
  readonly publisher: Publisher
  /** What a tree must hold in each state, as git says. */
  readonly expected = new Map<State, string>()
  readonly #env: NodeJS.ProcessEnv
  readonly #withOstree: boolean

  private constructor(directory: string, publisher: Publisher, env: NodeJS.ProcessEnv, withOstree: boolean) {
    this.directory = directory
    this.publisher = publisher
    this.#env = env
    this.#withOstree = withOstree
  }

  /** @param write writes the tree of the first commit into an empty directory */
  static async build(
    directory: string,
    write: (directory: string) => Promise<void>,
    env: NodeJS.ProcessEnv,
  ): Promise<Site> {
    const workshop = join(directory, 'workshop')
    await mkdir(workshop, { recursive: true })
    const store = pathToFileURL(join(workshop, 'store')).href
    const publisher = await Publisher.found(workshop, store, env)
    const site = new Site(directory, publisher, env, await isInstalled('ostree', env))
    const start = Math.floor(Date.now() / 1000) - STATES.length * STEP
    for (const [index, state] of STATES.entries()) {
      await site.#build(state, STATES[index - 1], write)
      await site.#date(state, start + index * STEP)
    }
    return site
  }

  get live(): string {
    return join(this.directory, 'live')
  }

  /** From now on, this is what all servers have. */
  async serve(state: State): Promise<void> {
    const next = join(this.directory, 'next')
    await rm(next, { force: true })
    await symlink(state, next)
    await rename(next, this.live)
  }

  path(state: State, ...names: string[]): string {
    return join(this.directory, state, ...names)
  }

  async #build(state: State, before: State | undefined, write: (directory: string) => Promise<void>) {
    await mkdir(this.path(state))
    const files = this.path(state, 'files')
    if (before === undefined) {
      await mkdir(files)
      await write(files)
    } else await this.#run(`cp -al '${this.path(before, 'files')}' '${files}'`)
    if (state === 'edit') await editOneLine(files)
    if (state === 'twenty') await editTwentyFiles(files)
    if (state === 'elsewhere') await this.publisher.promote()
    else await this.publisher.publish(await this.publisher.commit(files, state))
    await this.#copy(state, files)
    await this.#expect(state)
  }

  /** The forms that the tools want. */
  async #copy(state: State, files: string): Promise<void> {
    const { checkout, directory } = this.publisher
    const sorted = '--sort=name --owner=0 --group=0 --numeric-owner'
    await this.#run(`tar -C '${files}' ${sorted} -c . | gzip -9 > '${this.path(state, 'tree.tar.gz')}'`)
    await this.#run(`cp -al '${directory}/store' '${this.path(state, 'store')}'`)
    if (state === 'base') await this.#run(`git -C '${checkout}' repack -adq`)
    await this.#run(`cp -al '${checkout}/.git' '${this.path(state, 'repo.git')}'`)
    if (!this.#withOstree) return
    const repo = join(directory, 'ostree')
    if (state === 'base') {
      await this.#run(`ostree --repo='${repo}' init --mode=archive`)
      await this.#run(`ostree --repo='${repo}' config set core.fsync false`)
    }
    const flags = '--owner-uid=0 --owner-gid=0 --no-xattrs --timestamp=2026-01-10T09:00:00Z'
    await this.#run(`ostree --repo='${repo}' commit -b main ${flags} --tree=dir='${files}'`)
    await this.#run(`cp -al '${repo}' '${this.path(state, 'ostree')}'`)
  }

  /** What a clone holds: git is the judge of every tool. */
  async #expect(state: State): Promise<void> {
    const clone = this.path(state, 'clone')
    await this.#run(`git clone -q '${this.path(state, 'repo.git')}' '${clone}'`)
    this.expected.set(state, await contentOf(clone))
  }

  /** Own copies of the two files that change in place, dated apart from those of other states. */
  async #date(state: State, seconds: number): Promise<void> {
    for (const path of [
      this.path(state, 'tree.tar.gz'),
      this.path(state, 'store', 'metadata', 'timestamp.json'),
    ]) {
      await cp(path, `${path}.own`)
      await rename(`${path}.own`, path)
      await utimes(path, seconds, seconds)
    }
  }

  #run(script: string): Promise<string> {
    return run(shell(`set -e; ${script}`), { env: this.#env })
  }
}
