/** What a machine asks for, and what it gets, where bundles are (SPEC.md, "Catch-up"). */
import { chmod, lstat, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { fetchCatchup } from '../../src/flows/catch-up.ts'
import { pin, revert, verify } from '../../src/index.ts'
import {
  createTeam,
  DAY,
  HOUR,
  hideCatchups,
  listing,
  STABLE,
  type Team,
  type TestMachine,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const TEXT = 'a line that stays\n'.repeat(50)
const yes = async () => true

/** A team with one release on stable, and a machine that runs it. */
async function running(): Promise<{ team: Team; machine: TestMachine }> {
  const team = await createTeam()
  await team.ship({ [SKILL]: `one\n${TEXT}`, 'skills/b/SKILL.md': 'b\n' })
  return { team, machine: await team.joined() }
}

/** What a pull asked for, without the digests. */
async function requests(machine: TestMachine, outcome = 'updated'): Promise<string[]> {
  machine.store.forget()
  expect(await machine.pull()).toMatchObject({ outcome })
  return spelled(machine)
}

const spelled = ({ store }: TestMachine): string[] =>
  store.log.map((call) =>
    call
      .replace(/[0-9a-f]{64}/, '…')
      .replace(/[0-9a-f]{16}$/, '…')
      .replace(/blobs\/../, 'blobs/..'),
  )

const BY_NAME = ['get targets/stable/….release.json', 'stream blobs/../….tar.gz']

describe('an update asks', () => {
  test('three times: the timestamp, then the bundle and the next root at once', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: `two\n${TEXT}` })
    let together = 0
    let most = 0
    machine.store.lies = {
      before: async () => {
        most = Math.max(most, ++together)
        await new Promise(setImmediate)
        together--
      },
    }
    expect(await requests(machine)).toEqual([
      'get metadata/timestamp.json',
      'get catchup/stable/3/…',
      'get metadata/2.root.json',
    ])
    expect(most).toBe(2)
  })

  test('for the manifest and what follows from it only once, at the first install', async () => {
    const team = await createTeam()
    await team.ship({ [SKILL]: 'one' })
    const machine = await team.machine()
    await machine.join()
    expect(spelled(machine)).toEqual([
      'get metadata/timestamp.json',
      'get metadata/1.root.json',
      'get catchup/stable/2/none',
      'get metadata/2.root.json',
      'stream blobs/../….tar.gz',
    ])
  })

  test('for every object by its name when there is no bundle', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: 'two' })
    await hideCatchups(team.store)
    expect(await requests(machine)).toEqual([
      'get metadata/timestamp.json',
      'get catchup/stable/3/…',
      'get metadata/2.root.json',
      'get metadata/3.snapshot.json',
      'get metadata/3.stable.json',
      ...BY_NAME,
    ])
  })

  test('for the snapshot as well when another channel has moved since', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: `two\n${TEXT}` })
    await team.commit({ [SKILL]: 'canary' })
    await team.publish()
    expect(await requests(machine)).toEqual([
      'get metadata/timestamp.json',
      'get catchup/stable/3/…',
      'get metadata/2.root.json',
      'get metadata/4.snapshot.json',
    ])
    expect((await machine.files())?.[SKILL]).toBe(`two\n${TEXT}`)
  })

  test('once when something is new on another channel only', async () => {
    const { team, machine } = await running()
    await team.commit({ [SKILL]: 'canary' })
    await team.publish()
    expect(await requests(machine, 'current')).toEqual(['get metadata/timestamp.json'])
  })

  test('for no bundle when only a newer root is due, or the release lies on disk', async () => {
    const { team, machine } = await running()
    team.clock.pass(DAY + HOUR)
    await team.commit({ [SKILL]: 'canary' })
    await team.publish()
    expect((await requests(machine, 'current')).join()).not.toContain('catchup/')
    await team.ship({ [SKILL]: `two\n${TEXT}` })
    await machine.pull()
    await revert(team.release, STABLE, undefined, yes)
    expect(await requests(machine)).toEqual([
      'get metadata/timestamp.json',
      'get metadata/2.root.json',
      'get metadata/5.snapshot.json',
      'get metadata/4.stable.json',
    ])
  })
})

test('a pinned machine asks for no bundle of a head that it does not follow', async () => {
  const { team, machine } = await running()
  await pin(machine.context)
  await team.ship({ [SKILL]: `two\n${TEXT}` })
  expect((await requests(machine, 'pinned')).join()).not.toContain('catchup/')
})

test('there are bundles for the eight releases before the head, and for no other', async () => {
  const { team, machine } = await running()
  const behind = await team.joined()
  const first = (await machine.pull()).current?.version
  for (let count = 2; count < 10; count++) await team.ship({ [SKILL]: `${count}\n${TEXT}` })
  expect(await requests(machine)).toHaveLength(3)
  await team.ship({ [SKILL]: `10\n${TEXT}` })
  expect(await requests(behind)).toEqual(expect.arrayContaining(BY_NAME))
  expect((await behind.files())?.[SKILL]).toBe(`10\n${TEXT}`)
  expect(await bundles(team, 11)).toHaveLength(9)

  // The first release is the head again, and so both the newest and the oldest in the history of what follows.
  await revert(team.release, STABLE, first, yes)
  const returned = await team.joined()
  await team.ship({ [SKILL]: `11\n${TEXT}` })
  expect(await requests(returned)).toHaveLength(3)
  expect(await bundles(team, 13)).toHaveLength(9)
}, 120_000)

async function bundles({ store }: Team, role: number): Promise<string[]> {
  return [...(await listing(store)).keys()].filter((key) => key.startsWith(`catchup/stable/${role}/`))
}

test('the tree is the one from the archive, and every file is a copy of its own', async () => {
  const team = await createTeam()
  await team.git.write('bin/run', '#!/bin/sh\n', { executable: true })
  await team.git.write('bin/kept', '#!/bin/sh\n', { executable: true })
  await team.git.link('run', 'bin/run')
  await team.ship({ [SKILL]: `one\n${TEXT}`, 'skills/old/SKILL.md': TEXT, 'a/b/c/empty': '' })
  const machine = await team.joined()
  const old = await machine.current()
  await team.git.write('bin/run', '#!/bin/sh\n', { executable: false })
  await team.git.link('run', 'bin/kept')
  await team.git.move('skills/old', 'skills/new')
  await team.ship({ [SKILL]: `two\n${TEXT}`, 'a/b/other': 'new\n' })
  expect(await requests(machine)).toHaveLength(3)
  await hideCatchups(team.store)
  const other = await team.joined()
  expect(await machine.files()).toEqual(await other.files())
  expect(await shape(machine)).toEqual(await shape(other))
  const [before, after] = await Promise.all(
    [join(machine.layout.root, old ?? ''), machine.layout.current].map((tree) =>
      lstat(join(tree, 'bin/kept')),
    ),
  )
  expect(after?.ino).not.toBe(before?.ino)
  expect(after?.nlink).toBe(1)
  expect((await verify(machine.context)).drift).toEqual([])
})

/** Path and mode of everything in the tree. */
async function shape({ layout }: TestMachine): Promise<string[]> {
  const entries = await readdir(layout.current, { recursive: true })
  const described = entries.map(
    async (path) => `${(await lstat(join(layout.current, path))).mode.toString(8)} ${path}`,
  )
  return (await Promise.all(described)).sort()
}

describe('local edits', () => {
  const MINE = 'skills/b/SKILL.md'

  test.each([
    ['of a file that stays', MINE],
    ['of a file that changes', SKILL],
  ])('%s are kept, and the release comes from the archive', async (_what, path) => {
    const { team, machine } = await running()
    const edited = join(machine.layout.current, path)
    await chmod(edited, 0o644)
    await writeFile(edited, 'my words')
    await team.ship({ [SKILL]: `two\n${TEXT}` })
    machine.store.forget()
    const { outcome, kept } = await machine.pull()
    expect(outcome).toBe('updated')
    expect(await readFile(join(kept[0] ?? '', 'files', path), 'utf8')).toBe('my words')
    expect(await machine.files()).toEqual({ [SKILL]: `two\n${TEXT}`, [MINE]: 'b\n' })
    // The manifest came with the bundle.
    expect(spelled(machine).slice(3)).toEqual(['stream blobs/../….tar.gz'])
  })

  test('made while the bundle travels are kept as well', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: `two\n${TEXT}` })
    const edited = join(machine.layout.current, MINE)
    machine.store.lies = {
      before: async ({ key }) => {
        if (!key.startsWith('catchup/')) return
        await chmod(edited, 0o644)
        await writeFile(edited, 'my words')
      },
    }
    const { kept } = await machine.pull()
    expect(await readFile(join(kept[0] ?? '', 'files', MINE), 'utf8')).toBe('my words')
    expect((await machine.files())?.[MINE]).toBe('b\n')
  })

  test('of notes beside the skills cost nothing', async () => {
    const { team, machine } = await running()
    await writeFile(join(machine.layout.current, 'skills/b/notes.md'), 'my notes')
    await team.ship({ [SKILL]: `two\n${TEXT}` })
    expect(await requests(machine)).toHaveLength(3)
    const everything = Object.entries((await machine.everything()) ?? {})
    expect(
      everything.filter(([path, content]) => path.startsWith('kept/') && content === 'my notes'),
    ).toHaveLength(1)
  })
})

test('a bundle that does not come in ten seconds is none', async () => {
  vi.useFakeTimers()
  try {
    const silent = { url: 'test:', get: () => new Promise<never>(() => {}), stream: never, close: () => {} }
    const hint = { release: '0'.repeat(64), role: 3 }
    let answered: unknown = 'nothing yet'
    void fetchCatchup(silent, STABLE, hint, undefined).then((answer) => {
      answered = answer
    })
    await vi.advanceTimersByTimeAsync(9_999)
    expect(answered).toBe('nothing yet')
    await vi.advanceTimersByTimeAsync(2)
    expect(answered).toBeUndefined()
  } finally {
    vi.useRealTimers()
  }
})

const never = (): never => {
  throw new Error('nobody asks for this')
}
