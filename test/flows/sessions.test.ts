import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { settledLines } from '../../cli/describe.ts'
import { withLock } from '../../src/disk/lock.ts'
import { beginSession, endSession, listSessions } from '../../src/flows/session.ts'
import { status } from '../../src/flows/status.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { requireConfig } from '../../src/home/config.ts'
import { surfacesOf } from '../../src/surfaces/definitions.ts'
import { heldTrees } from '../../src/surfaces/held.ts'
import { agentProcess, createSurfaceHome, pathIn, type SurfaceHome } from '../support/surface-home.ts'
import { HOUR } from '../support/team.ts'

const ONE = { 'skills/quarterback/SKILL.md': 'one' }
const TWO = { 'skills/quarterback/SKILL.md': 'two', 'skills/extra/SKILL.md': 'extra' }
const OTHER = { 'notes.md': 'not a skill', ...ONE }
const SURFACE = 'claude-code'

/** A surface that moves between sessions, at a first release. */
async function between(): Promise<SurfaceHome & { seen(): Promise<string>; first: string }> {
  const home = await createSurfaceHome()
  const { directory } = await home.update(ONE)
  const root = await home.add({ switch: 'session' })
  // What an agent that starts later has seen.
  home.clock.pass(HOUR)
  return { ...home, first: directory, seen: () => readFile(pathIn(root, 'quarterback'), 'utf8') }
}

const begin = (
  { context }: SurfaceHome,
  id: string,
  more: Partial<Parameters<typeof beginSession>[1]> = {},
) => beginSession(context, { surface: SURFACE, id, ...more })
const end = ({ context }: SurfaceHome, id: string) => endSession(context, { surface: SURFACE, id })

describe('a session', () => {
  test('has one release from its start to its end, and the next one has the newest', async () => {
    const home = await between()
    expect(await begin(home, 'a')).toMatchObject({ release: home.first, settled: undefined, hasNews: false })
    const { directory, settled } = await home.update(TWO)
    expect(settled).toMatchObject([{ outcome: 'waits' }])
    expect(await home.seen()).toBe('one')
    expect(await end(home, 'a')).toMatchObject({ settled: { outcome: 'moved', to: directory } })
    expect(await home.seen()).toBe('two')
    expect(await begin(home, 'b')).toMatchObject({ release: directory })
  })

  test('that starts up moves a surface that nobody reads, and leases what it moved to', async () => {
    const home = await between()
    const { directory } = await home.update(TWO)
    expect(await home.seen()).toBe('one')
    expect(await begin(home, 'a')).toMatchObject({
      release: directory,
      hasNews: true,
      settled: { outcome: 'moved' },
    })
    expect(listSessions(home.context)).toMatchObject([{ id: 'a', surface: SURFACE, release: directory }])
    expect(await home.seen()).toBe('two')
  })

  test.each(['resume', 'clear', 'compact', 'fork', 'something new'])(
    'moves nothing on %s, and leases what it has',
    async (source) => {
      const home = await between()
      await home.update(TWO)
      expect(await begin(home, 'a', { source })).toMatchObject({ release: home.first, settled: undefined })
      expect(await home.seen()).toBe('one')
      expect(listSessions(home.context)).toMatchObject([{ id: 'a', release: home.first }])
    },
  )

  test('holds the surface for itself: of two, the last that ends moves it', async () => {
    const home = await between()
    await begin(home, 'a')
    await home.update(TWO)
    expect(await begin(home, 'b')).toMatchObject({ release: home.first, settled: { outcome: 'waits' } })
    expect(await end(home, 'a')).toMatchObject({ settled: { outcome: 'waits' } })
    expect(await home.seen()).toBe('one')
    expect(await end(home, 'b')).toMatchObject({ settled: { outcome: 'moved' } })
    expect(await home.seen()).toBe('two')
  })

  test('ends with its process, though nobody said so', async () => {
    const home = await between()
    const agent = agentProcess()
    await begin(home, 'a', { holder: agent.identity })
    await home.update(TWO)
    expect(await begin(home, 'b')).toMatchObject({ release: home.first })
    await end(home, 'b')
    expect(await home.seen()).toBe('one')
    await agent.kill()
    expect(listSessions(home.context)).toEqual([])
    expect(await begin(home, 'c')).toMatchObject({ settled: { outcome: 'moved' } })
    expect(await home.seen()).toBe('two')
  })

  test('whose process lives is never too old; one without a process is, after a day', async () => {
    const home = await between()
    await begin(home, 'a', { holder: agentProcess().identity })
    await begin(home, 'b')
    home.clock.pass(25 * HOUR)
    expect(listSessions(home.context)).toMatchObject([{ id: 'a' }])
  })

  test('whose process was only guessed ends with that process, or a day after it was last heard of', async () => {
    const home = await between()
    const agent = agentProcess()
    const terminal = { holder: agentProcess().identity, isGuess: true }
    await begin(home, 'a', { holder: agent.identity, isGuess: true })
    await begin(home, 'b', terminal)
    await begin(home, 'c', terminal)
    await agent.kill()
    home.clock.pass(23 * HOUR)
    expect(listSessions(home.context).map(({ id }) => id)).toEqual(['b', 'c'])
    await begin(home, 'c', { ...terminal, source: 'compact' })
    home.clock.pass(2 * HOUR)
    expect(listSessions(home.context)).toMatchObject([{ id: 'c' }])
    await home.update(TWO)
    home.clock.pass(22 * HOUR)
    expect(await begin(home, 'd')).toMatchObject({ settled: { outcome: 'moved' } })
  })

  test('keeps its release on disk, also after the surface could wait no longer', async () => {
    const home = await between()
    await begin(home, 'a', { holder: agentProcess().identity })
    expect((await home.update(TWO)).settled).toMatchObject([{ outcome: 'waits' }])
    home.clock.pass(25 * HOUR)
    expect((await home.update(OTHER)).settled).toMatchObject([{ outcome: 'moved', overdue: true }])
    home.clock.pass(30 * 24 * HOUR)
    const surfaces = surfacesOf(await requireConfig(home.layout))
    expect(await heldTrees(home.layout, surfaces, home.clock.now())).toContain(home.first)
  })

  test('is renewed when it carries on, and hears once that something moved under it', async () => {
    const home = await between()
    const holder = agentProcess().identity
    await begin(home, 'a', { holder })
    const compact = () => begin(home, 'a', { holder, source: 'compact' })
    expect(await compact()).toMatchObject({ hasNews: false })
    await home.update(TWO)
    home.clock.pass(25 * HOUR)
    const { directory } = await home.update(TWO)
    expect(await compact()).toMatchObject({ hasNews: true, release: directory })
    expect(await compact()).toMatchObject({ hasNews: false })
    expect(listSessions(home.context)).toMatchObject([{ id: 'a', since: home.clock.now() }])
  })

  test('that gives way to another of the same process lets nothing move between the two', async () => {
    const home = await between()
    await begin(home, 'a')
    await home.update(TWO)
    await endSession(home.context, { surface: SURFACE, id: 'a' }, { goesOn: true })
    await begin(home, 'b', { source: 'clear' })
    expect(await home.seen()).toBe('one')
    expect(listSessions(home.context)).toMatchObject([{ id: 'b' }])
  })

  test('begins on what is shown while somebody else is at work', async () => {
    const home = await between()
    await home.update(TWO)
    const begun = await withLock(home.layout.lock, () => begin(home, 'a'))
    expect(begun).toMatchObject({ release: home.first, settled: undefined, problem: { code: 'locked' } })
    expect(listSessions(home.context)).toMatchObject([{ id: 'a', release: home.first }])
  })

  test('begins on what is shown when the surface cannot move, and says why it could not', async () => {
    const home = await between()
    await home.update(TWO)
    await writeFile(`${home.layout.ledgers}/${SURFACE}.json`, '{')
    const begun = await begin(home, 'a')
    expect(begun).toMatchObject({
      release: home.first,
      settled: { outcome: 'failed', problem: { code: 'corrupt' } },
    })
    expect(listSessions(home.context)).toMatchObject([{ id: 'a' }])
  })

  test('on a surface that is not there is a mistake; its end is none', async () => {
    const home = await between()
    await expect(begin(home, 'a', { surface: 'elsewhere' })).rejects.toMatchObject({ code: 'absent' })
    await begin(home, 'a')
    await rm(home.layout.config)
    await expect(end(home, 'a')).rejects.toMatchObject({ code: 'usage' })
    expect(listSessions(home.context)).toEqual([])
  })
})

describe('a mistake', () => {
  test.each([[''], ['two\nlines'], ['x'.repeat(201)], ['\u001b[2J'], ['é']])('in the id %j', async (id) => {
    const home = await between()
    for (const work of [begin, end])
      await expect(work(home, id)).rejects.toMatchObject({ code: 'usage', subject: JSON.stringify(id) })
    expect(listSessions(home.context)).toEqual([])
  })

  test('is a session on a surface of which nothing is on this machine', async () => {
    const home = await between()
    const surface = 'claude-desktop'
    await addSurface(home.context, surface, {}, { directory: home.user, variables: {} })
    await expect(begin(home, 'a', { surface })).rejects.toMatchObject({ code: 'usage', subject: surface })
    await expect(endSession(home.context, { surface, id: 'a' })).rejects.toMatchObject({ code: 'usage' })
  })

  test('is none when a session ends that never began, or twice: it is told', async () => {
    const home = await between()
    await begin(home, 'a')
    expect(await end(home, 'b')).toMatchObject({ hadBegun: false })
    expect(await end(home, 'a')).toMatchObject({ hadBegun: true })
    expect(await end(home, 'a')).toMatchObject({ hadBegun: false })
  })
})

describe('news', () => {
  test('are what moved after the agent started, whoever moved it', async () => {
    const home = await createSurfaceHome()
    await home.update(ONE)
    await home.add({ switch: 'now' })
    home.clock.pass(HOUR)
    const before = agentProcess().identity
    expect(await begin(home, 'a', { holder: before })).toMatchObject({ hasNews: false })
    // An hour after that process started, in its own time.
    await home.update(TWO)
    expect(await begin(home, 'b', { holder: before })).toMatchObject({ hasNews: true, settled: undefined })
    home.clock.pass(HOUR)
    expect(await begin(home, 'c', { holder: agentProcess().identity })).toMatchObject({ hasNews: false })
  })

  test('are none when the surface shows the same entries of another release', async () => {
    const home = await between()
    await home.update(OTHER)
    expect(await begin(home, 'a')).toMatchObject({ hasNews: false, settled: { outcome: 'moved' } })
  })
})

describe('a pull', () => {
  test('says what a surface waits for', async () => {
    const home = await between()
    const lines = async (files: Parameters<SurfaceHome['update']>[0]) =>
      settledLines((await home.update(files)).settled)
    const waits = (what: string) => [`  ${SURFACE} shows ${home.first} until ${what}`]
    expect(await lines(TWO)).toEqual(waits('the next session begins'))
    await begin(home, 'a', { source: 'resume' })
    expect(await lines(OTHER)).toEqual(waits('a session ends'))
  })
})

describe('status', () => {
  const reasons = async ({ context }: SurfaceHome) =>
    (await status(context)).reasons.filter((reason) => reason.startsWith(SURFACE))

  test('says of a surface what it waits for, and of one that is behind what to do', async () => {
    const home = await between()
    expect(await reasons(home)).toEqual([])
    await home.update(TWO)
    home.clock.pass(2 * HOUR)
    const waits = (what: string) => [`${SURFACE} shows ${home.first} until ${what} (waits since 2 h)`]
    expect(await reasons(home)).toEqual(waits('the next session begins'))
    await begin(home, 'a', { source: 'resume' })
    expect(await reasons(home)).toEqual(waits('a session ends'))
    await begin(home, 'b', { source: 'resume' })
    expect(await reasons(home)).toEqual(waits('2 sessions end'))
    await writeFile(`${home.layout.ledgers}/${SURFACE}.json`, '{')
    expect(await reasons(home)).toEqual([
      expect.stringContaining('cannot be looked at: the ledger of this surface is damaged'),
    ])
    await rm(`${home.layout.ledgers}/${SURFACE}.json`)
    expect(await reasons(home)).toEqual([
      expect.stringContaining('cannot be looked at: the ledger of this surface is lost'),
    ])
    await rm(join(home.user, '.claude'), { recursive: true })
    expect(await reasons(home)).toEqual([`${SURFACE} shows nothing, its root is gone: see skillsctl doctor`])
  })
})
