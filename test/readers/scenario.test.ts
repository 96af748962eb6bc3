/** An author renames a skill; three machines follow, each in its own way, and no person touches anything. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { decodeToken, encodeToken } from '../../src/trust/token.ts'
import { execute, type Ran, type Runs, run, Site } from '../support/cli.ts'
import { foreignUrl } from '../support/foreign-store.ts'
import { runHere } from '../support/in-process.ts'
import { seen } from '../surfaces/fixture.ts'

const OTHERS = ['review', 'release-notes', 'triage']

class Machine {
  readonly user: string
  readonly home: string
  private readonly site: Site
  private readonly how: Runs

  constructor(site: Site, name: string, how: Runs = runHere) {
    this.site = site
    this.how = how
    this.home = site.home(name)
    this.user = join(site.directory, 'people', name)
    mkdirSync(this.user, { recursive: true })
  }

  run(args: readonly string[]): Promise<Ran> {
    return this.site.run(args, { env: { HOME: this.user, SKILLSCTL_HOME: this.home } }, this.how)
  }

  /** As `run`, of what has to succeed. */
  async does(...args: string[]): Promise<string> {
    const { exit, stdout, stderr } = await this.run(args)
    if (exit !== 0) throw new Error(`${args.join(' ')} ended with ${exit}: ${stdout}${stderr}`)
    return stdout
  }

  /** Text and script of a skill, through the path that the agent of a surface has. */
  async reads(root: string, skill: string): Promise<{ text: string; script: string }> {
    const place = join(this.user, root, 'skills', skill)
    const { stdout } = await execute('sh', [join(place, 'scripts/run.sh')])
    return { text: await readFile(join(place, 'SKILL.md'), 'utf8'), script: stdout }
  }

  /** Path → content of what an agent finds. */
  sees(root: string): Record<string, string> {
    return seen(join(this.user, root))
  }
}

/** The process of an agent: all that is known of it is that it lives. */
function startAgent(): ChildProcess {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const stateOf = (state: string, name: string): Record<string, string> => ({
  [`skills/${name}/SKILL.md`]: `${name}, ${state}\n`,
  [`skills/${name}/scripts/run.sh`]: `#!/bin/sh\necho ${name}, ${state}\n`,
})

// Its machines are cut off by taking a directory away.
test.skipIf((await foreignUrl()) !== undefined)(
  'a renamed skill reaches every machine whole: after its session, between two jobs, when it is back online',
  async () => {
    const site = await Site.create({ commits: 0, how: runHere })
    onTestFinished(() => site.remove())
    for (const name of OTHERS) await site.commit(stateOf('always', name))
    await site.commit(stateOf('old', 'quarterback'))
    const { version: old } = await site.publish()

    const a = new Machine(site, 'a')
    await a.does('join', site.tokens.canary)
    await a.does('surface', 'add', 'claude-code', '--switch', 'session')
    await a.does('surface', 'add', 'agents', '--switch', 'session', '--copy')
    const roots = ['.claude', '.agents']
    const surfaces = ['claude-code', 'agents']

    // Its jobs run while the author publishes.
    const b = new Machine(site, 'b', run)
    await b.does('join', site.tokens.canary, '--surface', 'claude-code')

    const c = new Machine(site, 'c')
    const line = join(site.directory, 'line')
    await symlink(site.store, line)
    await c.does('join', encodeToken({ ...decodeToken(site.tokens.canary), store: pathToFileURL(line).href }))
    await c.does('surface', 'add', 'claude-code')
    await rm(line)

    // A: sessions are open.
    const agent = startAgent()
    for (const surface of surfaces)
      await a.does('session', 'begin', '--surface', surface, '--id', 'one', '--pid', `${agent.pid}`)

    // B: a job that looks at the release and at the surface, twice, slowly.
    const job = join(site.directory, 'job.sh')
    await writeFile(
      job,
      `cd "$SKILLSCTL_RELEASE/skills" && for round in 1 2; do
         for skill in q*; do echo "$(cat "$skill/SKILL.md"); $(sh "$skill/scripts/run.sh")"; done
         sleep 0.1
       done`,
    )
    await chmod(job, 0o755)
    const whole = (state: string, name: string): string => `${name}, ${state}; ${name}, ${state}\n`.repeat(2)
    const jobs: string[] = []
    let published = false
    const nextJob = () => b.does('run', '--if-older-than', '0s', '--timeout', '60s', '--', 'sh', job)
    jobs.push(await nextJob())
    const cron = async (): Promise<void> => {
      for (let isLast = false; !isLast; ) {
        isLast = published
        jobs.push(await nextJob())
      }
    }
    const working = cron()
    // Heard below.
    working.catch(() => {})

    // The author: three commits, the last of which renames and edits text and script.
    const { version: middle } = await commitState(site, 'middle', 'quarterback')
    await site.git('mv', 'skills/quarterback', 'skills/qb')
    const { version: last } = await commitState(site, 'new', 'qb')
    published = true
    await working

    // B: no job saw half of anything, and the last one saw the last state.
    const wholes = [whole('old', 'quarterback'), whole('middle', 'quarterback'), whole('new', 'qb')]
    expect(jobs.filter((output) => !wholes.includes(output))).toEqual([])
    expect(jobs.at(-1)).toBe(wholes[2])
    expect(jobs[0]).toBe(wholes[0])

    // A: cron pulls; its sessions read what they read.
    await a.does('pull')
    expect(await readlink(join(a.home, 'current'))).toBe(`releases/${last}`)
    for (const root of roots) {
      const state = 'quarterback, old\n'
      expect(await a.reads(root, 'quarterback')).toEqual({ text: state, script: state })
      expect(Object.keys(a.sees(root)).filter((path) => path.includes('qb'))).toEqual([])
    }
    expect(await a.does('surface', 'list')).toMatch(/waits for sessions/)
    // Compaction fires the hook again: no new session.
    const compacted = ['--surface', 'claude-code', '--id', 'one', '--source', 'compact']
    await a.does('session', 'begin', ...compacted, '--pid', `${agent.pid}`)
    expect((await a.reads('.claude', 'quarterback')).script).toBe('quarterback, old\n')

    // Its process dies without a word, and the next session begins without any network.
    agent.kill('SIGKILL')
    await new Promise((resolve) => agent.on('exit', resolve))
    await rename(site.store, `${site.store}.away`)
    const next = startAgent()
    for (const surface of surfaces)
      await a.does('session', 'begin', '--surface', surface, '--id', 'two', '--pid', `${next.pid}`)
    for (const root of roots) {
      const state = 'qb, new\n'
      expect(await a.reads(root, 'qb')).toEqual({ text: state, script: state })
      expect(JSON.stringify(a.sees(root))).not.toContain('quarterback')
      expect((await readdir(join(a.user, root, 'skills'))).sort()).toEqual([...OTHERS, 'qb'].sort())
    }
    await rename(`${site.store}.away`, site.store)

    // C: its pulls failed all the while, and it is told so; what it has is whole.
    expect((await c.run(['pull'])).exit).not.toBe(0)
    expect(await c.reads('.claude', 'quarterback')).toEqual({
      text: 'quarterback, old\n',
      script: 'quarterback, old\n',
    })
    await symlink(site.store, line)
    await c.does('pull')
    expect((await readdir(join(c.home, 'releases'))).sort()).toEqual([old, last].sort())
    expect(await readdir(join(c.home, 'releases'))).not.toContain(middle)
    expect(await c.reads('.claude', 'qb')).toEqual({ text: 'qb, new\n', script: 'qb, new\n' })
    expect(JSON.stringify(c.sees('.claude'))).not.toContain('quarterback')
    expect(await readdir(join(c.home, 'kept'))).toEqual([])
  },
)

async function commitState(site: Site, state: string, name: string): Promise<{ version: string }> {
  await mkdir(join(site.checkout, 'skills', name), { recursive: true })
  await site.commit(stateOf(state, name))
  return site.publish()
}
