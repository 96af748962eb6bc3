/** A person whose agents are tried: a home directory, a project they work in, and a machine of the team. */
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Ran, run, type Site } from '../support/cli.ts'

/** Path below the home directory (or absolute) → text, or where a link leads (below the home directory, too). */
export type Tree = Readonly<Record<string, string | { readonly link: string }>>

export class TestUser {
  readonly home: string
  readonly project: string
  /** Outside their home: what was made there goes with the person. */
  readonly #made = new Set<string>()

  private constructor(home: string) {
    this.home = home
    this.project = join(home, 'work', 'project')
  }

  static async create(files: Tree = {}): Promise<TestUser> {
    const user = new TestUser(
      join(await mkdtemp(join(await realpath(tmpdir()), 'skillsctl-agents-')), 'Jürgen O’Neil'),
    )
    await mkdir(user.project, { recursive: true })
    await user.write(files)
    return user
  }

  async write(files: Tree): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const place = resolve(this.home, path)
      if (path.startsWith('/')) this.#made.add(place)
      await mkdir(dirname(place), { recursive: true })
      if (typeof content === 'string') await writeFile(place, content)
      else await symlink(resolve(this.home, content.link), place)
    }
  }

  /** Puts text before what a file holds, if there is one. */
  async prepend(path: string, text: string): Promise<void> {
    const place = resolve(this.home, path)
    await writeFile(place, text + (await readFile(place, 'utf8').catch(() => '')))
  }

  /** The built command line as this person runs it. @throws Error when it fails */
  async skillsctl(...args: string[]): Promise<Ran> {
    const ran = await run(args, { env: { HOME: this.home }, cwd: this.project })
    if (ran.exit === 0) return ran
    throw new Error(`skillsctl ${args[0]} ended with ${ran.exit}: ${ran.stdout}${ran.stderr}`)
  }

  /** Joins the team, with surfaces. */
  async join(site: Site, ...surfaces: readonly (readonly string[])[]): Promise<void> {
    await this.skillsctl('join', site.tokens.canary)
    for (const surface of surfaces) await this.skillsctl('surface', 'add', ...surface)
  }

  async remove(): Promise<void> {
    for (const path of this.#made) await rm(path, { force: true })
    // An agent that was told to end may still be writing.
    await rm(dirname(this.home), { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
}

/** A SKILL.md. */
export function skill(name: string, description: string, head = ''): string {
  return `---\nname: ${name}\ndescription: ${description}\n${head}---\nThe body of ${description}.\n`
}
