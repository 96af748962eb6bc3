/**
 * The main job on a real history: publishes the last commits of any git repository with the real command line,
 * follows with two machines, and compares every installed tree with git. See README.md.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CommandLine, insist, type Run } from './replay-command.ts'
import { expectTree, lastCommits } from './replay-git.ts'
import { type Figures, lines, machine, operations, type Refusal, requestLines } from './replay-report.ts'
import { openDirectory, openForeignS3, openOwnS3, type ReplayStore } from './replay-store.ts'

const USAGE = `usage: npm run bench:replay -- <git repository> [options]
  --commits <count>     how many first-parent commits, newest last (default: 30)
  --store s3|file       an S3 server in this process, or a directory (default: s3)
  --rgw <endpoint>      a real S3 endpoint instead; credentials in S3_KEY and S3_SECRET
  --exclude <pattern>   leave this out of every release (repeatable)
  --allow-removals      publish although many skills disappear
  --requests            list the requests of one run of each kind
  --json                print one JSON object`

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.cjs', import.meta.url))

interface Options {
  readonly repository: string
  readonly commits: number
  readonly store: string
  readonly rgw: string | undefined
  readonly exclude: readonly string[]
  readonly allowRemovals: boolean
  readonly requests: boolean
  readonly json: boolean
}

function optionsFrom(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      commits: { type: 'string', default: '30' },
      store: { type: 'string', default: 's3' },
      rgw: { type: 'string' },
      exclude: { type: 'string', multiple: true, default: [] },
      'allow-removals': { type: 'boolean', default: false },
      requests: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { rgw, exclude, requests, json, store } = values
  const [repository] = positionals
  const commits = Number(values.commits)
  if (repository === undefined || positionals.length > 1) throw new Error('name one git repository')
  if (!Number.isInteger(commits) || commits < 3) throw new Error('--commits must be at least 3')
  if (store !== 's3' && store !== 'file') throw new Error(`no such store: ${store}`)
  const allowRemovals = values['allow-removals']
  return { repository: resolve(repository), commits, store, rgw, exclude, allowRemovals, requests, json }
}

function openStore({ store, rgw }: Options, work: string): Promise<ReplayStore> {
  const { S3_KEY: accessKeyId = '', S3_SECRET: secretAccessKey = '' } = process.env
  if (rgw !== undefined) return openForeignS3(rgw, { accessKeyId, secretAccessKey })
  return store === 's3' ? openOwnS3() : openDirectory(work)
}

/** One machine: its home, and what it should run. */
interface Machine {
  readonly name: string
  readonly home: string
  readonly token: string
  joined: boolean
}

class Replay {
  readonly checks: string[] = []
  readonly refused: Refusal[] = []
  readonly published: string[] = []
  readonly compared = { trees: 0, files: 0, bytes: 0 }
  private readonly options: Options
  private readonly store: ReplayStore
  private readonly cli: CommandLine
  private readonly work: string

  constructor(options: Options, store: ReplayStore, cli: CommandLine, work: string) {
    this.options = options
    this.store = store
    this.cli = cli
    this.work = work
  }

  async run(commits: readonly string[]): Promise<void> {
    const passphrase = join(this.work, 'passphrase')
    await writeFile(passphrase, 'only for this replay\n', { mode: 0o600 })
    const init = ['init', this.store.url, '--keys', join(this.work, 'keys'), '--passphrase-file', passphrase]
    const { report } = insist(await this.cli.run('init', this.work, init), 0)
    const { tokens, files, root } = report
    if (tokens === undefined || files === undefined || root === undefined)
      throw new Error('init said too little')
    const where = ['--store', this.store.url, '--root', `${root.version}:sha256:${root.sha256}`]
    const ci = [...where, '--key', files.ci]
    const release = [...where, '--key', files.release]
    const canary = this.machine('canary', tokens.canary)
    const stable = this.machine('stable', tokens.stable)

    for (const [index, commit] of commits.entries()) {
      progress(`${index + 1} of ${commits.length}: ${commit.slice(0, 12)}`)
      if (!(await this.publish(commit, ci))) continue
      await this.follow(canary, commit)
      insist(await this.pull(canary, 'pull: nothing new'), 0, 'current')
      await this.cli.start(this.work)
      insist(await this.promote(release), 0, 'moved')
      insist(await this.pull(canary, 'pull: news elsewhere'), 0, 'current')
      await this.follow(stable, commit)
    }
    if (this.published.length < 3) throw new Error('fewer than 3 commits could be published')
    await this.backAndForth(canary)
    await this.revert(stable, release)
    await this.offline(canary, stable)
    for (const machine of [canary, stable]) insist(await this.on(machine, 'verify', ['verify']), 0)
    this.checks.push('verify finds every file of both machines as it was signed')
  }

  private machine(name: string, token: string): Machine {
    return { name, token, home: join(this.work, `machine-${name}`), joined: false }
  }

  /** The newest published commit, or the one `back` steps before it. */
  private head(back = 0): string {
    return this.published.at(-1 - back) ?? ''
  }

  private on({ home }: Machine, what: string, args: readonly string[]): Promise<Run> {
    return this.cli.run(what, this.work, ['--home', home, ...args])
  }

  private pull(machine: Machine, what: string): Promise<Run> {
    return this.on(machine, what, ['pull'])
  }

  private promote(signing: readonly string[]): Promise<Run> {
    return this.cli.run('promote', this.work, ['promote', 'canary', 'stable', ...signing])
  }

  private async publish(commit: string, signing: readonly string[]): Promise<boolean> {
    const { repository, exclude, allowRemovals } = this.options
    const args = ['publish', '--commit', commit, '--channel', 'canary', '--include', '**', ...signing]
    for (const pattern of exclude) args.push('--exclude', pattern)
    if (allowRemovals) args.push('--allow-removals')
    const run = await this.cli.run('publish', repository, args)
    const { error } = run.report
    if (run.exit === 1 && error?.code === 'refused') {
      this.cli.runs.pop()
      this.refused.push({ commit, code: error.code, message: error.message, subject: error.subject })
      return false
    }
    insist(run, 0, 'published')
    this.published.push(commit)
    return true
  }

  /** Joins or pulls, and is at this commit then. */
  private async follow(machine: Machine, commit: string): Promise<void> {
    if (machine.joined) insist(await this.pull(machine, 'pull: update'), 0, 'updated')
    else insist(await this.on(machine, 'join (first pull)', ['join', machine.token]), 0, 'updated')
    machine.joined = true
    await this.expect(machine, commit)
  }

  private async expect({ home }: Machine, commit: string): Promise<void> {
    const { repository, exclude } = this.options
    const { files, bytes } = await expectTree(join(home, 'current'), repository, commit, exclude)
    this.compared.trees += 1
    this.compared.files += files
    this.compared.bytes += bytes
  }

  /** Rolls back twice without a store, stays there, and follows the channel again. */
  private async backAndForth(machine: Machine): Promise<void> {
    for (let round = 0; round < 5; round++) {
      await this.store.goOffline()
      for (const back of [1, 2]) {
        // The first time to whatever ran before; then by name, because that has become what it rolled back to.
        const version = round === 0 ? [] : [this.head(back)]
        insist(await this.on(machine, 'rollback', ['rollback', ...version]), 0)
        await this.expect(machine, this.head(back))
      }
      await this.store.comeBack()
      insist(await this.pull(machine, 'pull: pinned'), 0, 'pinned')
      await this.expect(machine, this.head(2))
      insist(await this.on(machine, 'unpin', ['unpin']), 0)
      insist(await this.pull(machine, 'pull: back to the head, on disk'), 0, 'updated')
      await this.expect(machine, this.head())
    }
    this.checks.push(
      'rollback (store unreachable): one step, then one further; pinned; unpin and pull follow again',
    )
  }

  /** The channel steps back and the machine with it; then the head is promoted again. */
  private async revert(machine: Machine, signing: readonly string[]): Promise<void> {
    insist(await this.cli.run('revert', this.work, ['revert', 'stable', ...signing]), 0, 'moved')
    insist(await this.pull(machine, 'pull: after a revert'), 0, 'updated')
    await this.expect(machine, this.head(1))
    insist(await this.promote(signing), 0, 'moved')
    insist(await this.pull(machine, 'pull: promoted again'), 0, 'updated')
    await this.expect(machine, this.head())
    this.checks.push('revert stable and pull: one step back; promote and pull: at the head again')
  }

  /** Without a store every machine keeps what it runs, and says so. */
  private async offline(canary: Machine, stable: Machine): Promise<void> {
    await this.store.goOffline()
    for (const machine of [canary, stable]) {
      insist(await this.pull(machine, 'pull: offline'), 7, 'failed')
      insist(await this.on(machine, 'pull: offline', ['pull', '--best-effort']), 0, 'failed')
      await this.expect(machine, this.head())
      insist(await this.on(machine, 'status', ['status']), 0)
    }
    await this.store.comeBack()
    for (const machine of [canary, stable]) {
      insist(await this.pull(machine, 'pull: back online'), 0, 'current')
      await this.expect(machine, this.head())
    }
    this.checks.push(
      'offline: pull exits 7 (0 with --best-effort) and the release stays; back online: pull exits 0',
    )
  }
}

function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
}

async function replay(options: Options): Promise<Figures> {
  const start = performance.now()
  const commits = await lastCommits(options.repository, options.commits)
  const work = await mkdtemp(join(tmpdir(), 'skillsctl-replay-'))
  try {
    await mkdir(join(work, 'aws'))
    const store = await openStore(options, work)
    const aws = {
      AWS_CONFIG_FILE: join(work, 'aws', 'config'),
      AWS_SHARED_CREDENTIALS_FILE: join(work, 'aws', 'none'),
    }
    const environment = { ...aws, ...store.environment }
    const cli = new CommandLine({ program: PROGRAM, environment, passed: store.passed })
    const replaying = new Replay(options, store, cli, work)
    try {
      await replaying.run(commits)
    } finally {
      await store.close()
    }
    return {
      machine: machine(),
      repository: basename(options.repository),
      store: store.kind,
      head: commits.at(-1) ?? '',
      commits: { asked: commits.length, published: replaying.published.length, refused: replaying.refused },
      compared: replaying.compared,
      checks: replaying.checks,
      seconds: Math.round((performance.now() - start) / 1000),
      operations: operations(cli.runs, store.passed !== undefined),
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = optionsFrom(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    return 2
  }
  try {
    const figures = await replay(options)
    if (process.stderr.isTTY) progress('')
    const text = [...lines(figures), ...(options.requests ? requestLines(figures) : [])]
    console.log(options.json ? JSON.stringify(figures, null, 2) : text.join('\n'))
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  }
}

process.exitCode = await main()
