/** `skillsctl run` as a process: what the command finds, and how the two end (SPEC.md, "Running a command"). */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { BARE, type Ran, Site, shellCommand } from '../support/cli.ts'
import { isForeign } from '../support/foreign-store.ts'
import { runHere } from '../support/in-process.ts'
import { type StaticServer, startStaticServer } from '../support/static-server.ts'

let site: Site
beforeAll(async () => {
  site = await Site.create({ commits: 1, prepare: runHere })
})
afterAll(() => site.remove())

let count = 0
let home = ''
async function newHome(): Promise<void> {
  count += 1
  home = site.home(`Zoë's home ${count}`)
  expect(await here(['join', site.tokens.canary])).toMatchObject({ exit: 0 })
}

/** What is not of interest itself, without a process of its own. */
function here(args: readonly string[]): Promise<Ran> {
  const own = args.includes('--home') ? [] : ['--home', home]
  return site.run([...own, ...args], {}, runHere)
}

/** Ours come first, as whatever follows belongs to the command. */
function machine(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return site.run(['--home', home, ...args], { env })
}

const COMMAND = (code: string) => [process.execPath, '-e', code]
const SHOW = COMMAND(`
  const { SKILLSCTL_RELEASE: path, SKILLSCTL_VERSION: version } = process.env
  const text = require('fs').readFileSync(path + '/skills/review/SKILL.md', 'utf8')
  console.log(JSON.stringify({ path, version, text, args: process.argv.slice(1) }))`)

async function publish(text: string): Promise<void> {
  await site.commit({ 'skills/review/SKILL.md': `${text}\n` })
  expect(await here(['publish', '--key', site.key('ci')])).toMatchObject({ exit: 0 })
}

const leases = (): string[] => (existsSync(join(home, 'leases')) ? readdirSync(join(home, 'leases')) : [])

interface Running {
  readonly process: ChildProcess
  /** The next line of its output. */
  line(): Promise<string>
  readonly ended: Promise<{ exit: number | null; signal: NodeJS.Signals | null }>
}

/** A command under `skillsctl run` that is still running. */
function start(args: readonly string[]): Running {
  const process = spawn('sh', ['-c', `exec ${shellCommand(['--home', home, 'run', ...args])}`], {
    env: BARE,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void process.kill('SIGKILL'))
  const lines = process.stdout.setEncoding('utf8')[Symbol.asyncIterator]()
  const ended = new Promise<{ exit: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    process.on('exit', (exit, signal) => resolve({ exit, signal })),
  )
  return { process, ended, line: async () => String((await lines.next()).value).trim() }
}

describe('a command', () => {
  beforeAll(newHome)

  it('finds the release that is installed, and nobody asks the store again so soon', async () => {
    await publish('not asked for')
    const { exit, stdout, stderr } = await machine(['run', '--', ...SHOW])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    const { path, version, text } = JSON.parse(stdout)
    expect(path).toBe(join(home, 'releases', version))
    expect(text).not.toBe('not asked for\n')
    expect(leases()).toEqual([])
  })

  it('finds what was published, once it is time to ask', async () => {
    await publish('asked for')
    const ran = await machine(['run', '--if-older-than', '0s', '--timeout', '60s', '--', ...SHOW])
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(JSON.parse(ran.stdout).text).toBe('asked for\n')
  })

  it.each([
    ['behind --', ['-q', '--'], ['--json', '--home', '-h', '--', '--timeout', '1s']],
    ['from its first word on', ['--timeout', '1s', '-q'], ['--version', '--quiet', '--', '--help']],
    ['though it is one of ours', ['--timeout=1s'], ['run', '--if-older-than', '1s']],
  ])('has its options for itself, %s', async (_, ours, args) => {
    const echo = COMMAND('console.log(JSON.stringify(process.argv.slice(1)))')
    // Behind `--`, Node leaves what follows to the program too.
    const { exit, stdout } = await machine(['run', ...ours, ...echo, '--', ...args])
    expect({ exit, given: JSON.parse(stdout) }).toEqual({ exit: 0, given: args })
  })

  it('gets our input, and its exit code is ours', async () => {
    const args = ['--home', home, 'run', '--', 'sh', '-c', 'cat; echo bad >&2; exit 7']
    expect(await site.run(args, { input: 'fed' })).toEqual({ exit: 7, stdout: 'fed', stderr: 'bad\n' })
  })

  it.each(['SIGKILL', 'SIGTERM', 'SIGPIPE'])('that %s ends, ends us likewise', async (signal) => {
    const { ended } = start(['--', 'sh', '-c', `kill -${signal.slice(3)} $$`])
    expect(await ended).toEqual({ exit: null, signal })
    expect(leases()).toEqual([])
  })

  it('gets every signal that we get, once', async () => {
    const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const
    const listener = COMMAND(`
      let left = ${signals.length}
      for (const name of ${JSON.stringify(signals)})
        process.on(name, () => { console.log(name); if (--left === 0) process.exit(42) })
      setInterval(() => {}, 1000)
      console.log('ready')`)
    const running = start(['--', ...listener])
    expect(await running.line()).toBe('ready')
    for (const signal of signals) {
      running.process.kill(signal)
      expect(await running.line()).toBe(signal)
    }
    expect(await running.ended).toEqual({ exit: 42, signal: null })
  })

  it('that is not there ends with 127, one that is no program with 126', async () => {
    const missing = await machine(['run', '--', 'no-such-command'])
    expect(missing).toMatchObject({ exit: 127, stdout: '' })
    expect(missing.stderr).toMatch(/^error: there is no such command: no-such-command/)
    const file = join(home, 'state.json')
    const unfit = await machine(['--json', 'run', '--', file])
    expect(unfit).toMatchObject({ exit: 126, stderr: '' })
    expect(JSON.parse(unfit.stdout)).toMatchObject({ error: { code: 'failed', subject: file } })
    expect(leases()).toEqual([])
  })

  it('is not run where nothing is installed', async () => {
    const args = ['--home', site.home('empty'), 'run', '--quiet', '--', 'echo', 'ran']
    const { exit, stdout, stderr } = await here(args)
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' })
    expect(stderr).toMatch(/^error: nothing is installed here[\s\S]+hint: .*skillsctl join/)
  })
})

describe.skipIf(isForeign)('a store', () => {
  let server: StaticServer
  let answer = (): void => {}
  let isAsked: Promise<void>
  let questions = 0

  /** Answers nothing until it is told to. */
  beforeEach(async () => {
    await newHome()
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    let ask = (): void => {}
    isAsked = new Promise((resolve) => {
      ask = resolve
    })
    const read = async (key: string) => {
      const body = await readFile(join(site.store, key)).catch(() => undefined)
      return body && { body, etag: `"${body.length}-${body.subarray(-80).toString('hex')}"` }
    }
    let isReady = false
    const fault = async () => {
      if (!isReady) return undefined
      questions += 1
      ask()
      await answered
      return undefined
    }
    server = await startStaticServer(read, { fault })
    await move(server.url)
    // It belongs to this store from now on: the first pull after a move asks once more.
    expect(await here(['pull', '--alone'])).toMatchObject({ exit: 0 })
    questions = 0
    isReady = true
  })

  async function move(url: string): Promise<void> {
    const path = join(home, 'config.json')
    const config = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...config, store: url }))
  }

  const NOW = ['--if-older-than', '0s']

  it('that does not answer delays no command, and is asked once for all of them', async () => {
    await publish('late')
    // The server answers nothing before these have ended.
    const first = await machine(['run', ...NOW, '--timeout', '0s', '--', 'echo', 'ran'])
    await isAsked
    const others = [1, 2].map(() => machine(['run', ...NOW, '--timeout', '0s', '--', 'echo', 'ran']))
    expect(first.stderr).toMatch(/^warning: the refresh takes longer .* goes on in the background\n$/)
    // Nobody waits, and is told, for a refresh that is older than the timeout.
    for (const ran of [first, ...(await Promise.all(others))])
      expect(ran).toMatchObject({ exit: 0, stdout: 'ran\n' })
    const quiet = await machine(['run', '-q', ...NOW, '--timeout', '0s', '--', 'echo', 'ran'])
    expect(quiet).toEqual({ exit: 0, stdout: 'ran\n', stderr: '' })
    expect(questions).toBe(1)
    answer()
    const patient = await machine(['run', ...NOW, '--timeout', '1h', '--', ...SHOW])
    expect(JSON.parse(patient.stdout).text).toBe('late\n')
    await server.close()
  })

  it('that is gone is worth a warning, and is left alone for a while', async () => {
    answer()
    await server.close()
    const ran = await machine(['run', '--if-older-than', '0s', '--timeout', '60s', '--', 'echo', 'ran'])
    expect(ran).toMatchObject({ exit: 0, stdout: 'ran\n' })
    expect(ran.stderr).toMatch(/^warning: could not refresh, so the installed release has to do: .+\n$/)
  })

  it('and a home that takes no lease keep no command from running', async () => {
    answer()
    await server.close()
    await rm(join(home, 'leases'), { recursive: true, force: true })
    await writeFile(join(home, 'leases'), '')
    const ran = await machine(['run', '--', 'echo', 'ran'])
    expect(ran).toMatchObject({ exit: 0, stdout: 'ran\n' })
    expect(ran.stderr).toMatch(/^warning: could not lease the release: /)
  })
})

describe('a surface that switches between sessions', () => {
  const shown = async (root: string) => readFile(join(root, 'skills/review/SKILL.md'), 'utf8')

  beforeEach(newHome)

  async function withSurface(): Promise<string> {
    const root = join(site.directory, `root ${count}`)
    await mkdir(root)
    const args = ['surface', 'add', 'custom', '--as', 'notes', '--root', root, '--switch', 'session']
    expect(await here(args)).toMatchObject({ exit: 0 })
    return root
  }

  const WAIT = COMMAND(
    "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000); console.log(process.pid)",
  )

  it('waits for the command, and moves when it ends', async () => {
    const root = await withSurface()
    const before = await shown(root)
    const running = start(['--', ...WAIT])
    await running.line()
    await publish(`seen ${count}`)
    expect((await here(['pull'])).stdout).toContain('notes shows')
    // Neither a pull nor another command moves it meanwhile.
    await machine(['run', '--', 'true'])
    expect(await shown(root)).toBe(before)
    running.process.kill('SIGTERM')
    expect(await running.ended).toEqual({ exit: 0, signal: null })
    expect(await shown(root)).toBe(`seen ${count}\n`)
  })

  it('waits for nobody who was killed', async () => {
    const root = await withSurface()
    const running = start(['--', ...WAIT])
    const command = Number(await running.line())
    onTestFinished(() => void process.kill(command, 'SIGKILL'))
    running.process.kill('SIGKILL')
    await running.ended
    expect(leases()).toHaveLength(1)
    await publish(`seen ${count}`)
    await here(['pull'])
    const { stdout } = await machine(['run', '--', 'cat', join(root, 'skills/review/SKILL.md')])
    expect(stdout).toBe(`seen ${count}\n`)
  })
})
