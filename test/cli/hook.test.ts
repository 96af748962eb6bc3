/** The hook of an agent, as the program that an agent runs. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { formatInstant } from '../../src/core/parse.ts'
import { withLock } from '../../src/disk/lock.ts'
import { setAfterSwitch } from '../../src/flows/after-switch.ts'
import { listSessions } from '../../src/flows/session.ts'
import { type MachineState, updateState } from '../../src/home/state.ts'
import { hookCommand } from '../../src/surfaces/hook-command.ts'
import { BARE, execute, type Ran, run } from '../support/cli.ts'
import { createSurfaceHome, pathIn, type SurfaceHome } from '../support/surface-home.ts'
import { Clock, DAY, HOUR, temporaryDirectory } from '../support/team.ts'

const HOOK = fileURLToPath(new URL('../../dist/hook/main.cjs', import.meta.url))
const SURFACE = 'claude-code'
const ONE = { 'skills/quarterback/SKILL.md': 'one' }
const TWO = { 'skills/quarterback/SKILL.md': 'two' }
const SILENT: Ran = { exit: 0, stdout: '', stderr: '' }
const RELOAD = { hookSpecificOutput: { hookEventName: 'SessionStart', reloadSkills: true } }

const said = (event: string, more: object = {}): string =>
  JSON.stringify({ session_id: 'one', hook_event_name: event, cwd: '/', ...more })

interface Agent extends SurfaceHome {
  readonly first: string
  seen(): Promise<string>
  hook(input?: string): Promise<Ran>
  log(): Promise<string>
}

/** Everything happened hours ago, so that whoever runs now has seen it. */
async function agent(state: Partial<MachineState> = {}): Promise<Agent> {
  const home = await createSurfaceHome(new Clock(Date.now() - 5 * HOUR))
  const { layout } = home
  const { directory } = await home.update(ONE)
  const root = await home.add({ switch: 'session' })
  await updateState(layout, { checkedAt: formatInstant(Date.now()), ...state })
  return {
    ...home,
    first: directory,
    seen: () => readFile(pathIn(root, 'quarterback'), 'utf8'),
    hook: (input = said('SessionStart', { source: 'startup' })) =>
      execute(process.execPath, [HOOK, SURFACE, '--home', layout.root], { input }),
    log: () => readFile(layout.log, 'utf8').catch(() => ''),
  }
}

const sessions = ({ context }: Agent) => listSessions({ ...context, now: Date.now })

describe('the hook', () => {
  test('says nothing when nothing is due, and leases what the surface shows to its caller', async () => {
    const home = await agent()
    expect(await home.hook()).toEqual(SILENT)
    expect(sessions(home)).toMatchObject([{ id: 'one', release: home.first, holder: { pid: process.pid } }])
    expect(await home.log()).toBe('')
  })

  test('moves what is due when a session starts up, and has the agent look again', async () => {
    const home = await agent()
    const { directory } = await home.update(TWO)
    for (const source of ['compact', 'resume', 'clear'])
      expect(await home.hook(said('SessionStart', { source, session_id: source }))).toEqual(SILENT)
    expect(await home.seen()).toBe('one')
    for (const id of ['compact', 'resume', 'clear'])
      expect(await home.hook(said('SessionEnd', { session_id: id, reason: 'clear' }))).toEqual(SILENT)
    expect(await home.seen()).toBe('one')
    const { stdout, ...ran } = await home.hook()
    expect({ ...ran, answer: JSON.parse(stdout) }).toEqual({ exit: 0, stderr: '', answer: RELOAD })
    expect(await home.seen()).toBe('two')
    expect(sessions(home)).toMatchObject([{ id: 'one', release: directory }])
    expect(await home.hook(said('SessionStart', { source: 'compact' }))).toEqual(SILENT)
  })

  test('moves it when the last session ends', async () => {
    const home = await agent()
    await home.hook()
    await home.update(TWO)
    expect(await home.hook(said('SessionStart', { session_id: 'two' }))).toEqual(SILENT)
    expect(await home.hook(said('SessionEnd', { reason: 'other' }))).toEqual(SILENT)
    expect(await home.seen()).toBe('one')
    expect(await home.hook(said('SessionEnd', { session_id: 'two' }))).toEqual(SILENT)
    expect(await home.seen()).toBe('two')
    expect(await home.log()).toBe('')
  })

  test('watches the agent behind its shells: killed, it holds nothing any more', async () => {
    const home = await agent()
    const line = hookCommand({ node: process.execPath, program: HOOK, home: home.layout.root }, SURFACE)
    const program = `
      require('node:child_process').spawnSync('sh', ['-c', process.argv[1]], { input: process.argv[2] })
      console.log('begun')
      setInterval(() => {}, 1000)`
    const child = spawn(
      process.execPath,
      ['-e', program, `sh -c ${quoted(line)}; true`, said('SessionStart')],
      {
        env: BARE,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    await once(child.stdout, 'data')
    await home.update(TWO)
    expect(sessions(home)).toMatchObject([{ holder: { pid: child.pid } }])
    expect(await home.hook(said('SessionStart', { session_id: 'two' }))).toEqual(SILENT)
    await home.hook(said('SessionEnd', { session_id: 'two' }))
    expect(await home.seen()).toBe('one')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(JSON.parse((await home.hook()).stdout)).toEqual(RELOAD)
    expect(await home.seen()).toBe('two')
  })

  test('guesses who calls it, so that a terminal that never ends holds nothing for longer than a day', async () => {
    const home = await agent()
    await home.hook()
    const named = ['--surface', SURFACE, '--home', home.layout.root]
    await run(['session', 'begin', '--id', 'guessed', ...named])
    await run(['session', 'begin', '--id', 'given', ...named, '--pid', String(process.pid)])
    expect(sessions(home)).toHaveLength(3)
    const later = listSessions({ ...home.context, now: () => Date.now() + 25 * HOUR })
    expect(later).toMatchObject([{ id: 'given' }])
  })

  test('has what the person chose to run after a switch run, and waits for none of it', async () => {
    const home = await agent()
    const told = join(home.user, 'told')
    await setAfterSwitch(home.context, { command: `echo "$SKILLSCTL_TO" > ${quoted(told)}`, timeout: 60 })
    await home.update(TWO)
    expect(JSON.parse((await home.hook()).stdout)).toEqual(RELOAD)
    expect(await home.log()).toBe('')
    await vi.waitFor(async () => expect(await readFile(told, 'utf8')).toMatch(/\S\n/), { timeout: 30_000 })
    // Then it is noted as told, in a home that must still be there.
    await vi.waitFor(() => expect(existsSync(home.layout.announcing)).toBe(false), { timeout: 30_000 })
  })

  test('tells in one line that a machine is stale, and nothing of one that is not', async () => {
    const version = '2026.11.20-3f2a9c1'
    const old = { checkedAt: formatInstant(Date.now() - 3 * DAY) }
    const pinned = { pin: { version, manifest: 'a'.repeat(64) } }
    const failing = { problem: { code: 'denied', message: 'no', at: formatInstant(Date.now() - HOUR) } }
    const cases: [state: Partial<MachineState>, line: RegExp][] = [
      [old, /; updates were last looked for 3 days ago$/],
      [pinned, /; this machine is pinned to 2026\.11\.20-3f2a9c1$/],
      [failing, /; the last look failed 60 min ago \(denied\)$/],
    ]
    for (const [state, line] of cases) {
      const home = await agent(state)
      const { additionalContext, ...rest } = JSON.parse((await home.hook()).stdout).hookSpecificOutput
      expect(additionalContext).toMatch(line)
      expect(additionalContext).toContain(`skills are of release ${home.first}`)
      expect(additionalContext).not.toContain('\n')
      expect(rest).toEqual({ hookEventName: 'SessionStart' })
    }
  })
})

describe('the hook of a stale machine', () => {
  test('tells so also when the session cannot be leased, or nobody can tell what was chosen here', async () => {
    const home = await agent({ checkedAt: formatInstant(Date.now() - 3 * DAY) })
    const told = async () => JSON.parse((await home.hook()).stdout).hookSpecificOutput.additionalContext
    await rm(home.layout.leases, { recursive: true, force: true })
    await writeFile(home.layout.leases, '')
    expect(await told()).toMatch(/updates were last looked for 3 days ago$/)
    await writeFile(home.layout.config, '{')
    expect(await told()).toMatch(/updates were last looked for 3 days ago$/)
    expect((await home.log()).split('\n')).toHaveLength(3)
  })
})

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

describe('the hook, whatever goes wrong, ends with 0, is silent and leaves a line:', () => {
  const TROUBLE: [name: string, line: RegExp, prepare: (home: Agent) => Promise<unknown>][] = [
    ['damaged settings', /corrupt: this is not JSON/, ({ layout }) => writeFile(layout.config, '{')],
    ['damaged settings', /corrupt: this is not JSON/, ({ layout }) => writeFile(layout.config, '{')],
    [
      'a surface that has gone',
      /absent: this machine has no such surface/,
      async ({ layout }) => {
        const config = JSON.parse(await readFile(layout.config, 'utf8'))
        await writeFile(layout.config, JSON.stringify({ ...config, surfaces: [] }))
      },
    ],
    ['nothing on stdin', /usage: the agent said nothing/, async () => ''],
    ['another event', /usage: this hook knows no such event: Stop/, async () => said('Stop')],
    ['no end of stdin', /corrupt: the agent said more/, async () => 'x'.repeat(300_000)],
    [
      'a file in the place of the leases',
      /failed: .*leases/,
      async ({ layout }) => {
        await rm(layout.leases, { recursive: true, force: true })
        await writeFile(layout.leases, '')
      },
    ],
    [
      'a directory in the place of the lock',
      /failed: /,
      async ({ layout }) => {
        await mkdir(join(layout.lock, 'full'), { recursive: true })
      },
    ],
    ['staging that has gone', /absent: /, ({ layout }) => rm(layout.staging, { recursive: true })],
  ]

  test.each(TROUBLE)('%s', async (_name, line, prepare) => {
    const home = await agent()
    const input = await prepare(home)
    expect(await home.hook(typeof input === 'string' ? input : undefined)).toEqual(SILENT)
    const lines = (await home.log()).split('\n')
    expect(lines).toEqual([expect.stringMatching(line), ''])
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ hook claude-code: /)
  })

  test('a damaged ledger, a root that has gone, a busy home: the session begins on what is shown', async () => {
    const home = await agent()
    await home.update(TWO)
    const busy = await withLock(home.layout.lock, () => home.hook())
    expect(busy).toEqual(SILENT)
    expect(sessions(home)).toMatchObject([{ id: 'one', release: home.first }])
    await home.hook(said('SessionEnd', { reason: 'clear' }))
    await rm(join(home.user, '.claude'), { recursive: true })
    expect(await home.hook()).toEqual(SILENT)
    await writeFile(join(home.layout.ledgers, `${SURFACE}.json`), '{')
    expect(await home.hook(said('SessionStart', { session_id: 'two' }))).toEqual(SILENT)
    expect(sessions(home)).toHaveLength(2)
    expect((await home.log()).split('\n')).toEqual([
      expect.stringContaining('locked: another process is at work here'),
      expect.stringContaining('absent: the root of this surface is not there'),
      expect.stringContaining('corrupt: the ledger of this surface is damaged'),
      '',
    ])
  })

  test('no home, or a file in its place: then there is no log either, and none is made', async () => {
    const place = join(await temporaryDirectory(), 'home')
    const input = said('SessionStart')
    const hook = () => execute(process.execPath, [HOOK, SURFACE, '--home', place], { input })
    expect(await hook()).toEqual(SILENT)
    await expect(stat(place)).rejects.toMatchObject({ code: 'ENOENT' })
    await writeFile(place, '')
    expect(await hook()).toEqual(SILENT)
    // Neither HOME nor arguments.
    expect(await execute(process.execPath, [HOOK], { input, env: { HOME: place } })).toEqual(SILENT)
  })

  test('a full disk: nothing can be written, not even the log', async () => {
    const home = await agent()
    await symlink('/dev/full', home.layout.log)
    await writeFile(home.layout.config, '{')
    expect(await home.hook()).toEqual(SILENT)
  })

  test('stdin that stays open: what was said is enough, and nothing said is waited for in vain', async () => {
    const home = await agent()
    const children = [said('SessionStart'), '{"half":'].map((input) => {
      const child = spawn(process.execPath, [HOOK, SURFACE, '--home', home.layout.root], { env: BARE })
      child.stdin.on('error', () => {})
      child.stdin.write(input)
      return once(child, 'exit')
    })
    expect(await Promise.all(children)).toEqual([
      [0, null],
      [0, null],
    ])
    expect(sessions(home)).toMatchObject([{ id: 'one' }])
    expect(await home.log()).toContain('corrupt: this is not JSON')
  })

  test('an agent that does not listen', async () => {
    const home = await agent()
    await home.update(TWO)
    const line = `${quoted(process.execPath)} ${quoted(HOOK)} ${SURFACE} --home ${quoted(home.layout.root)} >&-`
    expect(await execute('sh', ['-c', line], { input: said('SessionStart'), env: { HOME: '/' } })).toEqual(
      SILENT,
    )
    expect(await home.seen()).toBe('two')
  })
})

describe('skillsctl session', () => {
  test('begins, lists and ends by hand what a hook does by itself', async () => {
    const home = await agent()
    const session = async (...args: string[]) => {
      const ran = await run(['session', ...args, '--home', home.layout.root, '--json'])
      return { ...ran, stdout: JSON.parse(ran.stdout) }
    }
    const one = ['--surface', SURFACE, '--id', 'by hand']
    expect(await session('begin', ...one, '--pid', String(process.pid))).toMatchObject({
      exit: 0,
      stdout: { release: home.first, pid: process.pid },
    })
    const { directory } = await home.update(TWO)
    expect(await session('list')).toMatchObject({
      exit: 0,
      stdout: { sessions: [{ id: 'by hand', surface: SURFACE, release: home.first, pid: process.pid }] },
    })
    expect(await session('end', ...one)).toMatchObject({
      exit: 0,
      stdout: { settled: { outcome: 'moved', to: directory } },
    })
    expect(await session('list')).toMatchObject({ exit: 0, stdout: { sessions: [] } })
    const again = await run(['session', 'end', ...one, '--home', home.layout.root])
    expect(again).toEqual({
      exit: 0,
      stdout: 'no session by hand has begun on claude-code, or it has ended already\n',
      stderr: '',
    })
    expect(await session('begin', ...one, '--pid', '999999999')).toMatchObject({
      exit: 2,
      stdout: { error: { code: 'usage', subject: '--pid 999999999' } },
    })
  })
})
