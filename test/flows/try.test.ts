/** Trials of drafts: shown at once, followed, and gone back from by themselves, offline and after any kill. */
import { appendFile, chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { staleness } from '../../src/core/staleness.ts'
import { currentDirectory } from '../../src/home/releases.ts'
import { readState, updateState } from '../../src/home/state.ts'
import {
  addSurface,
  beginReading,
  beginSession,
  followChannel,
  history,
  listSurfaces,
  pin,
  rollback,
  type SkillsctlError,
  status,
  stopTrial,
  type TryOptions,
  tryDraft,
  unpin,
  verify,
} from '../../src/index.ts'
import { endLease } from '../../src/surfaces/lease.ts'
import { pointerOf } from '../../src/surfaces/pointer.ts'
import { fault } from '../support/lying-store.ts'
import { agentProcess, pathIn } from '../support/surface-home.ts'
import {
  channelNamed,
  createTeam,
  DAY,
  DRAFT,
  HOUR,
  type Team,
  type TestMachine,
  temporaryDirectory,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

interface Bench {
  readonly team: Team
  readonly machine: TestMachine
  /** Of the machine's channel. */
  readonly stable: string
  /** Publishes what the author has in the checkout, uncommitted. @returns its version */
  draft(text: string, name?: string): Promise<string>
  tryIt(options?: Partial<TryOptions>, name?: string): ReturnType<typeof tryDraft>
  offline(): void
  online(): void
  content(): Promise<string | undefined>
}

async function createBench(): Promise<Bench> {
  const team = await createTeam()
  const { version: stable } = await team.ship({ [SKILL]: 'stable' })
  const machine = await team.joined()
  return {
    team,
    machine,
    stable,
    async draft(text, name = DRAFT.name) {
      await team.git.write(SKILL, text)
      const { version } = await team.publish({ workingTree: true, channel: channelNamed(name) })
      await team.git.run('checkout', '--quiet', '.')
      return version
    },
    tryIt: (options = {}, name = DRAFT.name) =>
      tryDraft(machine.context, name, { for: 2 * HOUR, surfaces: [], ...options }),
    offline() {
      machine.store.lies = {
        before: () => {
          throw fault('unreachable')
        },
      }
    },
    online() {
      machine.store.lies = {}
    },
    content: async () => (await machine.files())?.[SKILL],
  }
}

const problemOf = (promise: Promise<unknown>): Promise<SkillsctlError> =>
  promise.then(
    () => expect.fail('it worked'),
    (error: SkillsctlError) => error,
  )

describe('a draft on the whole machine', () => {
  test('runs at once, is followed, told of everywhere, and ends by itself at the next pull', async () => {
    const { team, machine, stable, draft, tryIt, content } = await createBench()
    const version = await draft('idea')
    const report = await tryIt()
    expect(report).toMatchObject({
      after: 'stable',
      release: { version },
      current: { version },
      trial: { channel: DRAFT.name, before: { version: stable } },
      changes: { modified: [] },
    })
    const { until } = report.trial
    expect(Date.parse(until) - team.clock.now()).toBe(2 * HOUR)
    expect(await content()).toBe('idea')
    expect(await machine.pull()).toMatchObject({
      outcome: 'current',
      channel: DRAFT.name,
      trial: { channel: DRAFT.name, until, after: 'stable' },
    })
    const next = await draft('second idea')
    expect(await machine.pull()).toMatchObject({ outcome: 'updated', current: { version: next } })
    const told = await status(machine.context)
    expect(told).toMatchObject({ channel: DRAFT.name, trial: { until, after: 'stable' } })
    expect(told.reasons).toEqual([
      `trying ${DRAFT.name} until ${until}, then stable again: skillsctl try --stop ends it`,
    ])
    const line = (now: number) => readState(machine.layout).then((state) => staleness(state, next, now))
    expect(await line(team.clock.now())).toContain(`trying ${DRAFT.name} until ${until}`)

    await team.ship({ [SKILL]: 'newer stable' })
    team.clock.pass(2 * HOUR)
    expect(await line(team.clock.now())).toBeUndefined()
    expect((await status(machine.context)).reasons.join()).toContain('trial of drafts/idea is over')
    const back = await machine.pull()
    expect(back).toMatchObject({ outcome: 'updated', channel: 'stable' })
    expect(back.trial).toBeUndefined()
    expect(await content()).toBe('newer stable')
    expect(team.events.findLast(({ status: is }) => is === 'warning')?.message).toBe(
      `drafts/idea is no longer tried, its time is over: back to ${stable}`,
    )
    expect((await history(machine.context)).map(({ why }) => why)).toEqual([
      'update',
      'try-end',
      'update',
      'try',
      'join',
    ])
    // What was tried is not what one goes back to.
    expect((await rollback(machine.context)).current.version).toBe(stable)
  })

  test('ends offline, also when the machine was off at that moment, by whatever runs next', async () => {
    const { team, machine, stable, draft, tryIt, offline, online, content } = await createBench()
    const { context } = machine
    await draft('idea')
    const runs = [
      () => machine.pull(),
      async () => (await beginReading(context)).end(),
      () => verify(context),
      () => problemOf(rollback(context)),
    ]
    for (const run of runs) {
      online()
      await tryIt()
      expect(await content()).toBe('idea')
      offline()
      team.clock.pass(DAY)
      await run()
      expect(await content()).toBe('stable')
      expect(currentDirectory(machine.layout)).toBe(stable)
      expect((await readState(machine.layout)).trial).toBeUndefined()
    }
  })

  test('ends when a session begins, which then reads what is not on trial', async () => {
    const { team, machine, stable, draft, tryIt, offline } = await createBench()
    const person = await temporaryDirectory()
    await addSurface(
      machine.context,
      'claude-code',
      { switch: 'session' },
      { directory: person, variables: {} },
    )
    const version = await draft('idea')
    await tryIt()
    expect(pointerOf(machine.layout, 'claude-code')).toBe(version)
    offline()
    team.clock.pass(3 * HOUR)
    const begun = await beginSession(machine.context, { surface: 'claude-code', id: 'one' })
    expect(begun).toMatchObject({ release: stable })
    expect(await readFile(pathIn(join(person, '.claude'), 'a'), 'utf8')).toBe('stable')
  })

  test('is stopped by a person: back at once and offline, then to what the channel says', async () => {
    const { team, machine, stable, draft, tryIt, offline, online, content } = await createBench()
    expect(await stopTrial(machine.context)).toEqual({ ended: undefined, pull: undefined })
    await draft('idea')
    await tryIt()
    offline()
    expect(await stopTrial(machine.context)).toMatchObject({
      ended: { current: { version: stable }, trial: { channel: DRAFT.name } },
      pull: { outcome: 'failed' },
    })
    expect(await content()).toBe('stable')
    online()
    await tryIt()
    await team.ship({ [SKILL]: 'newer stable' })
    expect(await stopTrial(machine.context)).toMatchObject({
      pull: { outcome: 'updated', channel: 'stable' },
    })
    expect(await content()).toBe('newer stable')
  })

  test('ends when the draft is no longer there, and says so', async () => {
    const { team, machine, draft, tryIt, content } = await createBench()
    await draft('idea')
    // Drafts live for thirty days.
    team.clock.pass(29 * DAY)
    await tryIt({ for: 14 * DAY })
    team.clock.pass(2 * DAY)
    await draft('other', 'drafts/other')
    expect(await machine.pull({ check: true })).toMatchObject({ outcome: 'empty', channel: DRAFT.name })
    expect(await content()).toBe('idea')
    expect(await machine.pull()).toMatchObject({ outcome: 'current', channel: 'stable' })
    expect(await content()).toBe('stable')
    expect(team.events.findLast(({ status: is }) => is === 'warning')?.message).toContain(
      'drafts/idea is no longer tried, the draft is no longer there',
    )
  })

  test('may be exchanged and prolonged: what is gone back to stays the same, and on disk', async () => {
    const { machine, team, stable, draft, tryIt, offline } = await createBench()
    await draft('idea')
    const other = await draft('other', 'drafts/other')
    await tryIt()
    const second = await tryIt({ for: 14 * DAY }, 'drafts/other')
    expect(second).toMatchObject({ current: { version: other }, trial: { before: { version: stable } } })
    team.clock.pass(13 * DAY)
    const third = await tryIt({ for: 14 * DAY }, 'drafts/other')
    expect(third.trial).toMatchObject({ before: { version: stable } })
    expect(Date.parse(third.trial.until) - team.clock.now()).toBe(14 * DAY)
    // Longer ago, and more releases ago, than any stays on disk for its own sake.
    team.clock.pass(10 * DAY)
    await draft('more', 'drafts/other')
    expect(await machine.pull()).toMatchObject({ outcome: 'updated', channel: 'drafts/other' })
    offline()
    team.clock.pass(5 * DAY)
    expect(await machine.pull()).toMatchObject({ channel: 'stable', current: { version: stable } })
  })

  test('edits made in the draft are kept when it ends', async () => {
    const { team, machine, draft, tryIt } = await createBench()
    await draft('idea')
    await tryIt()
    const path = join(machine.layout.current, SKILL)
    await chmod(path, 0o644)
    await appendFile(path, ' and words of mine')
    team.clock.pass(DAY)
    await machine.pull()
    const kept = await readdir(machine.layout.kept, { recursive: true })
    const found = kept.find((name) => name.endsWith(SKILL)) ?? ''
    expect(await readFile(join(machine.layout.kept, found), 'utf8')).toBe('idea and words of mine')
  })

  test('where what ran before was damaged on disk, the next pull with a network leaves the draft', async () => {
    const { team, machine, stable, draft, tryIt, offline, online, content } = await createBench()
    await draft('idea')
    await tryIt()
    const path = join(machine.layout.releases, stable, SKILL)
    await chmod(path, 0o644)
    await writeFile(path, 'damaged')
    offline()
    team.clock.pass(DAY)
    expect(await machine.pull()).toMatchObject({ outcome: 'failed' })
    expect(await content()).toBe('idea')
    expect(team.events.findLast(({ status: is }) => is === 'warning')?.message).toContain(
      'not on disk as it was',
    )
    online()
    expect(await machine.pull()).toMatchObject({ outcome: 'updated', channel: 'stable' })
    expect(await content()).toBe('stable')
  })
})

describe('the clock', () => {
  test('that was wrong, or set back, holds no machine for ever', async () => {
    const { team, machine, draft, tryIt, content } = await createBench()
    await draft('idea')
    await tryIt()
    // As of a clock that was years ahead.
    const { trial } = await readState(machine.layout)
    if (trial === undefined) throw new Error('nothing is tried')
    await updateState(machine.layout, { trial: { ...trial, until: '2036-01-01T00:00:00Z' } })
    expect(await machine.pull()).toMatchObject({ channel: 'stable' })
    expect(await content()).toBe('stable')
    await tryIt({ for: 14 * DAY })
    team.clock.pass(-60_000)
    expect(await machine.pull()).toMatchObject({ channel: DRAFT.name })
    team.clock.pass(-365 * DAY)
    await machine.pull()
    expect(await content()).toBe('stable')
  })

  test('allows no trial that is no time, or too long', async () => {
    const { tryIt } = await createBench()
    for (const length of [0, 14 * DAY + 1000])
      await expect(tryIt({ for: length })).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('refused, with what to do next', () => {
  test('a machine that is pinned; and on trial, whatever else would lead elsewhere', async () => {
    const { machine, draft, tryIt } = await createBench()
    await draft('idea')
    await pin(machine.context)
    expect(await problemOf(tryIt())).toMatchObject({
      code: 'refused',
      hint: expect.stringContaining('unpin'),
    })
    await unpin(machine.context)
    await tryIt()
    for (const other of [
      () => pin(machine.context),
      () => rollback(machine.context),
      () => followChannel(machine.context, 'canary', yes),
    ])
      expect(await problemOf(other())).toMatchObject({
        code: 'refused',
        hint: expect.stringContaining('skillsctl try --stop'),
      })
  })

  test('what is no draft, or none that is there, with those that are', async () => {
    const { machine, draft, tryIt } = await createBench()
    await draft('idea', 'drafts/idea-of-ada')
    const before = await machine.everything()
    expect(await problemOf(tryIt({}, 'canary'))).toMatchObject({ code: 'usage' })
    expect(await problemOf(tryIt({}, 'drafts/idea-of-adda'))).toMatchObject({
      code: 'absent',
      found: 'drafts/idea-of-ada',
      hint: 'did you mean drafts/idea-of-ada?',
    })
    expect(await problemOf(tryIt({}, 'drafts/zzz'))).toMatchObject({
      hint: expect.stringContaining('publish'),
    })
    expect(await problemOf(tryIt({ surfaces: ['claude'] }))).toMatchObject({ code: 'absent' })
    expect((await machine.everything())?.['state.json']).toBe(before?.['state.json'])
  })
})

describe('a draft on some surfaces', () => {
  async function withSurfaces() {
    const bench = await createBench()
    const person = await temporaryDirectory()
    const roots = { one: join(person, 'one'), two: join(person, 'two') }
    for (const [name, root] of Object.entries(roots))
      await addSurface(
        bench.machine.context,
        'custom',
        { name, root, folders: ['skills'], switch: 'session' },
        { directory: person, variables: {} },
      )
    const seen = async () => ({
      one: await readFile(pathIn(roots.one, 'a'), 'utf8'),
      two: await readFile(pathIn(roots.two, 'a'), 'utf8'),
    })
    return { ...bench, seen }
  }

  test('is shown there alone, follows the draft, and goes back by itself; `current` never moves', async () => {
    const { team, machine, stable, draft, tryIt, seen, content, offline } = await withSurfaces()
    await draft('idea')
    expect(await tryIt({ surfaces: ['one'] })).toMatchObject({
      current: { version: stable },
      surfaces: [{ surface: 'one', outcome: 'moved' }],
    })
    expect(await seen()).toEqual({ one: 'idea', two: 'stable' })
    expect(await listSurfaces(machine.context)).toMatchObject([{ isCurrent: true }, { isCurrent: true }])
    machine.store.forget()
    await machine.pull()
    await machine.pull()
    expect(machine.store.log.filter((call) => !call.endsWith('timestamp.json'))).toEqual([])

    await draft('second idea')
    await machine.pull()
    expect(await seen()).toEqual({ one: 'second idea', two: 'stable' })
    expect(await content()).toBe('stable')
    await team.ship({ [SKILL]: 'newer stable' })
    expect(await machine.pull()).toMatchObject({
      outcome: 'updated',
      channel: 'stable',
      trial: { surfaces: ['one'] },
    })
    await beginSession(machine.context, { surface: 'two', id: 's' })
    expect(await seen()).toEqual({ one: 'second idea', two: 'newer stable' })
    expect((await status(machine.context)).reasons).toEqual([expect.stringContaining('on one, then stable')])
    // In an emergency `current` can be moved all the same.
    expect((await rollback(machine.context)).current.version).toBe(stable)

    offline()
    team.clock.pass(3 * HOUR)
    endLease(machine.layout, { surface: 'two', id: 's' })
    await beginSession(machine.context, { surface: 'one', id: 't' })
    expect((await seen()).one).toBe('stable')
    await machine.pull()
    expect((await readState(machine.layout)).trial).toBeUndefined()
  })

  test('waits for the sessions that read there, and is held on disk until then', async () => {
    const { machine, team, draft, tryIt, seen } = await withSurfaces()
    const version = await draft('idea')
    const { identity, kill } = agentProcess()
    await beginSession(machine.context, { surface: 'one', id: 's', holder: identity })
    expect(await tryIt({ surfaces: ['one'], for: 14 * DAY })).toMatchObject({
      surfaces: [{ surface: 'one', outcome: 'waits' }],
    })
    await team.ship({ [SKILL]: 'newer stable' })
    await machine.pull()
    expect(await readdir(machine.layout.releases)).toContain(version)
    await kill()
    await beginSession(machine.context, { surface: 'one', id: 't' })
    expect((await seen()).one).toBe('idea')
  })

  test('ends with the draft, and when it is stopped; the other way round is refused meanwhile', async () => {
    const { machine, team, draft, tryIt, seen } = await withSurfaces()
    await draft('idea')
    await tryIt({ surfaces: ['one', 'two'] })
    expect(await problemOf(tryIt())).toMatchObject({ code: 'refused', hint: 'first: skillsctl try --stop' })
    await tryIt({ surfaces: ['two'] })
    expect(await seen()).toEqual({ one: 'stable', two: 'idea' })
    await stopTrial(machine.context)
    expect(await seen()).toEqual({ one: 'stable', two: 'stable' })
    team.clock.pass(29 * DAY)
    await tryIt({ surfaces: ['one'], for: 14 * DAY })
    team.clock.pass(2 * DAY)
    await draft('other', 'drafts/other')
    await machine.pull()
    expect(await seen()).toEqual({ one: 'stable', two: 'stable' })
    expect((await readState(machine.layout)).trial).toBeUndefined()
  })
})

test('fields of a newer skillsctl in the trial survive, and one that is damaged counts as none', async () => {
  const { machine, draft, tryIt } = await createBench()
  await draft('idea')
  await tryIt()
  const read = async () => JSON.parse(await readFile(machine.layout.state, 'utf8'))
  const write = (trial: object) =>
    read().then((state) => writeFile(machine.layout.state, JSON.stringify({ ...state, trial })))
  await write({ ...(await read()).trial, newer: 1 })
  await draft('again')
  await machine.pull()
  expect((await read()).trial).toMatchObject({ newer: 1 })
  for (const damage of [{ channel: 'canary' }, { until: 'soon' }, { before: {} }, { surfaces: 1 }]) {
    await write({ ...(await read()).trial, ...damage })
    expect((await readState(machine.layout)).trial).toBeUndefined()
  }
  expect(await machine.pull()).toMatchObject({ channel: 'stable', outcome: 'updated' })
})
