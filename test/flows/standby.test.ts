/** An update that changes the copy which an idle pull had made (SPEC.md, "Standby"). */
import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import { access, chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { prepareStandby } from '../../src/flows/standby.ts'
import { stampOf } from '../../src/home/stat-record.ts'
import { followChannel, pin, rollback, unpin, verify } from '../../src/index.ts'
import { DAMAGES } from '../support/standby-damage.ts'
import { createTeam, hideCatchups, type Team, type TestMachine } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const STAYS = 'README.md'
const TEXT = 'a line that stays\n'.repeat(50)
const yes = async (): Promise<boolean> => true

/** A team with one release on stable, and a machine that runs it. */
async function running(): Promise<{ team: Team; machine: TestMachine }> {
  const team = await createTeam()
  await team.git.write('skills/a/run.sh', '#!/bin/sh\n', { executable: true })
  await team.git.link('skills/latest', 'a')
  await team.ship({ [SKILL]: `one\n${TEXT}`, [STAYS]: 'stays\n', 'skills/gone/SKILL.md': 'gone\n' })
  return { team, machine: await team.joined() }
}

const shipTwo = (team: Team) =>
  team.ship({ [SKILL]: `two\n${TEXT}`, 'skills/gone/SKILL.md': null, 'skills/new/SKILL.md': 'new\n' })

/** @returns whether the archive was needed */
async function update(machine: TestMachine): Promise<boolean> {
  machine.store.forget()
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  return machine.store.log.some((call) => call.includes('blobs/'))
}

/** A machine that installs the head of stable with nothing to start from. */
async function fresh(team: Team): Promise<TestMachine> {
  await hideCatchups(team.store)
  return team.joined()
}

/** Names, modes and contents of what runs. */
async function shape(machine: TestMachine): Promise<readonly unknown[]> {
  const root = realpathSync(machine.layout.current)
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  const modes = ['', ...paths].map((path) => `${lstatSync(join(root, path)).mode.toString(8)} ${path}`)
  return [modes, await machine.files()]
}

/** Inode by path, of everything but directories. */
function inodes(root: string): Map<string, number> {
  // Not `recursive`: some versions of Node also list what links lead to.
  const below = (directory: string): string[] =>
    readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name)
      return entry.isDirectory() ? below(path) : [path]
    })
  const paths = below(root)
  return new Map(paths.map((path) => [path.slice(root.length + 1), lstatSync(path).ino]))
}

const treeOf = ({ layout }: TestMachine): string => join(layout.standby, 'tree')

const hasStandby = ({ layout }: TestMachine): Promise<boolean> =>
  access(layout.standby).then(
    () => true,
    () => false,
  )

/** @returns the version that the standby is a copy of */
async function standbyOf({ layout }: TestMachine): Promise<string | undefined> {
  const base = await readFile(join(layout.standby, 'base'), 'utf8')
  const { listNames } = await import('../../src/home/releases.ts')
  return listNames(layout).find(({ manifest }) => manifest === base)?.version
}

const restOf = async (machine: TestMachine): Promise<readonly unknown[]> => {
  const paths = readdirSync(machine.layout.root, { recursive: true, encoding: 'utf8' })
  const own = paths.filter((path) => !/^(?:standby|staging)(?:\/|$)/.test(path)).sort()
  return own.map((path) => {
    const { ino, mode, mtimeMs, ctimeMs } = lstatSync(join(machine.layout.root, path))
    return [path, ino, mode, mtimeMs, ctimeMs]
  })
}

describe('a standby', () => {
  test('is a complete copy of what runs, and making it touches nothing else in the home', async () => {
    const { machine } = await running()
    const before = await restOf(machine)
    expect(await prepareStandby(machine.context)).toBe(true)
    const after = await restOf(machine)
    // The home itself has one name more, and the lock came and went.
    expect(after).toEqual(before)
    expect(await readdir(machine.layout.staging)).toEqual([])
    expect((await verify(machine.context)).drift).toEqual([])
    const made = inodes(treeOf(machine))
    expect(await prepareStandby(machine.context)).toBe(true)
    expect(inodes(treeOf(machine))).toEqual(made)
  })

  test('is what the next update changes: no file that stays is written again', async () => {
    const { team, machine } = await running()
    await prepareStandby(machine.context)
    const made = inodes(treeOf(machine))
    await shipTwo(team)
    expect(await update(machine)).toBe(false)
    const installed = inodes(realpathSync(machine.layout.current))
    for (const path of [STAYS, 'skills/a/run.sh', 'skills/latest'])
      expect(installed.get(path), path).toBe(made.get(path))
    expect(installed.get(SKILL)).not.toBe(made.get(SKILL))
    expect(await hasStandby(machine)).toBe(false)
    expect(await readdir(machine.layout.staging)).toEqual([])
    expect((await verify(machine.context)).drift).toEqual([])
    expect(await shape(machine)).toEqual(await shape(await fresh(team)))
  })

  test('shares no file with any release, however often one follows another', async () => {
    const { team, machine } = await running()
    for (const round of ['two', 'three', 'four']) {
      await prepareStandby(machine.context)
      await team.ship({ [SKILL]: `${round}\n${TEXT}` })
      expect(await update(machine)).toBe(false)
    }
    await prepareStandby(machine.context)
    const { releases } = machine.layout
    const trees = [...readdirSync(releases).map((name) => join(releases, name)), treeOf(machine)]
    const all = trees.flatMap((tree) => [...inodes(tree).values()])
    expect(trees.length).toBeGreaterThan(3)
    expect(new Set(all).size).toBe(all.length)
    for (const path of [STAYS, SKILL])
      expect(lstatSync(join(machine.layout.current, path)).nlink, path).toBe(1)
  })

  test.each(['with', 'without'])(
    '%s one, every kind of change comes out as in a new install',
    async (how) => {
      const { team, machine } = await running()
      const { git } = team
      await git.write('mode/on', 'on\n')
      await git.write('mode/off', 'off\n', { executable: true })
      await git.link('links/turns', '../README.md')
      await git.link('links/becomes-file', '../README.md')
      await git.link('links/becomes-directory', '../skills')
      await git.link('links/goes/deep/link', '../../../README.md')
      await git.link('other', 'skills')
      await team.ship({
        'moves/from/here.md': `moves\n${TEXT}`,
        'becomes/directory': 'file\n',
        'becomes/file/inside/deep.md': 'directory\n',
        'becomes/link': 'file\n',
        'becomes/link-too/inside.md': 'directory\n',
        'removed/all/of/it.md': 'gone\n',
        'removed/part/gone.md': 'gone\n',
        'removed/part/stays.md': 'stays\n',
        'same/one.md': 'same\n',
      })
      await update(machine)
      if (how === 'with') await prepareStandby(machine.context)

      await git.write('mode/on', 'on\n', { executable: true })
      await git.write('mode/off', 'off\n', { executable: false })
      await git.link('links/turns', '../skills')
      await git.move('moves/from', 'moves/to')
      for (const path of [
        'links/becomes-file',
        'links/becomes-directory',
        'becomes/directory',
        'becomes/file',
        'becomes/link',
        'becomes/link-too',
        'links/goes',
      ])
        await git.remove(path)
      await git.link('becomes/link', '../README.md')
      await git.link('becomes/link-too', '../skills')
      await team.ship({
        'links/becomes-file': 'file\n',
        'links/becomes-directory/inside.md': 'inside\n',
        'becomes/directory/inside.md': 'inside\n',
        'becomes/file': 'file\n',
        'removed/all/of/it.md': null,
        'removed/part/gone.md': null,
        'same/two.md': 'same\n',
      })
      expect(await update(machine)).toBe(false)
      expect((await verify(machine.context)).drift).toEqual([])
      expect(await shape(machine)).toEqual(await shape(await fresh(team)))
    },
  )

  test.each(['umask 077', 'umask 000'])('and what it becomes have the same modes under %s', async (name) => {
    const { team, machine } = await running()
    const before = process.umask(Number.parseInt(name.slice(-3), 8))
    try {
      await prepareStandby(machine.context)
      await shipTwo(team)
      expect(await update(machine)).toBe(false)
    } finally {
      process.umask(before)
    }
    expect(await shape(machine)).toEqual(await shape(await fresh(team)))
  })
})

describe('local edits of the release that runs', () => {
  async function edit({ layout }: TestMachine, path: string): Promise<void> {
    const edited = join(layout.current, path)
    await chmod(edited, 0o644).catch(() => {})
    await writeFile(edited, 'my words')
  }

  test.each([
    ['of a file that stays', STAYS],
    ['of a file that changes', SKILL],
    ['of a file that goes', 'skills/gone/SKILL.md'],
    ['in a file of their own', 'skills/a/notes.md'],
  ])('%s are kept, and the release is as published', async (_what, path) => {
    const { team, machine } = await running()
    await prepareStandby(machine.context)
    await edit(machine, path)
    await shipTwo(team)
    const { outcome, kept } = await machine.pull()
    expect(outcome).toBe('updated')
    expect(await readFile(join(kept[0] ?? '', 'files', path), 'utf8')).toBe('my words')
    expect(await shape(machine)).toEqual(await shape(await fresh(team)))
  })

  test.each([
    ['edited', (path: string) => chmod(path, 0o644).then(() => writeFile(path, 'mine'))],
    ['deleted', (path: string) => rm(path)],
    [
      'in a directory that is a link to itself',
      async (path: string) => {
        await rm(join(path, '..'), { recursive: true })
        await symlink('a', join(path, '..'))
      },
    ],
  ])('keep a standby from being made when a file is %s', async (_, damage) => {
    const { machine } = await running()
    await damage(join(realpathSync(machine.layout.current), SKILL))
    expect(await prepareStandby(machine.context)).toBe(false)
    expect(await hasStandby(machine)).toBe(false)
    expect(await readdir(machine.layout.staging)).toEqual([])
  })
})

/** The rest of them in test/home. */
const WORST = [
  'an edited file',
  'an added pipe',
  'a tree that is a link to the release',
  'a torn stat',
  'a link in its place, to where it is now',
]

test('whatever has become of a standby, the update installs what was published', async () => {
  const { team } = await running()
  const machines = new Map<string, TestMachine>()
  for (const what of WORST) {
    const machine = await team.joined()
    await prepareStandby(machine.context)
    const damage = DAMAGES[what]
    if (damage === undefined) throw new Error(`nobody knows ${what}`)
    damage(machine.layout.standby, realpathSync(machine.layout.current))
    machines.set(what, machine)
  }
  await shipTwo(team)
  const archived: string[] = []
  for (const [what, machine] of machines) if (await update(machine)) archived.push(what)
  // Each made a copy of its own instead.
  expect(archived).toEqual([])
  const expected = await shape(await fresh(team))
  for (const [what, machine] of machines) {
    expect(await shape(machine), what).toEqual(expected)
    expect((await verify(machine.context)).drift, what).toEqual([])
    expect(await prepareStandby(machine.context), what).toBe(true)
    expect(await standbyOf(machine), what).toBe((await machine.pull()).current?.version)
    const former = await rollback(machine.context)
    expect((await verify(machine.context)).drift, `${what}, ${former.current.version}`).toEqual([])
  }
})

describe('a standby of another release is replaced, and never used', () => {
  /** Runs the second release, and has a standby of it. */
  async function ahead(): Promise<{ team: Team; machine: TestMachine }> {
    const { team, machine } = await running()
    await shipTwo(team)
    await update(machine)
    await prepareStandby(machine.context)
    return { team, machine }
  }

  const MOVES: Readonly<Record<string, (machine: TestMachine, team: Team) => Promise<unknown>>> = {
    'a rollback': ({ context }) => rollback(context),
    'a rollback and an unpin': async ({ context }) => {
      await rollback(context)
      await unpin(context)
    },
    'a pin to another release': async (machine) => {
      const running = (await machine.current())?.slice('releases/'.length)
      await pin(
        machine.context,
        readdirSync(machine.layout.releases).find((version) => version !== running),
      )
    },
    'a change of channel': async ({ context }, team) => {
      await team.commit({ [SKILL]: `canary\n${TEXT}` })
      await team.publish()
      await followChannel(context, 'canary', yes)
    },
  }

  test.each(Object.keys(MOVES))('after %s', async (name) => {
    const { team, machine } = await ahead()
    const stale = await standbyOf(machine)
    await MOVES[name]?.(machine, team)
    await prepareStandby(machine.context)
    const now = realpathSync(machine.layout.current)
    expect(await standbyOf(machine)).toBe(now.slice(now.lastIndexOf('/') + 1))
    expect(await standbyOf(machine)).not.toBe(stale)
    await unpin(machine.context)
    await followChannel(machine.context, 'stable', yes)
    await team.ship({ [SKILL]: `three\n${TEXT}` })
    await update(machine)
    expect(await shape(machine)).toEqual(await shape(await fresh(team)))
  })

  test('nor when the update comes before the next idle pull', async () => {
    const { team, machine } = await ahead()
    await rollback(machine.context)
    await unpin(machine.context)
    await team.ship({ [SKILL]: `three\n${TEXT}` })
    expect(await update(machine)).toBe(false)
    expect(await hasStandby(machine)).toBe(false)
    expect(await shape(machine)).toEqual(await shape(await fresh(team)))
  })
})

test('of two pulls at once, each ends well, and one release is installed', async () => {
  const { team, machine } = await running()
  for (const round of ['two', 'three', 'four']) {
    await prepareStandby(machine.context)
    await team.ship({ [SKILL]: `${round}\n${TEXT}` })
    const reports = await Promise.all([machine.pull(), machine.pull(), prepareStandby(machine.context)])
    expect(reports.slice(0, 2)).not.toContainEqual(expect.objectContaining({ outcome: 'failed' }))
    expect((await machine.files())?.[SKILL]).toBe(`${round}\n${TEXT}`)
    expect((await verify(machine.context)).drift).toEqual([])
    expect(await readdir(machine.layout.staging)).toEqual([])
  }
  expect(await shape(machine)).toEqual(await shape(await fresh(team)))
})

test('many that prepare at once leave one standby', async () => {
  const { team, machine } = await running()
  // Whoever is first makes it; the others leave it to that one.
  const made = await Promise.all(Array.from({ length: 6 }, () => prepareStandby(machine.context)))
  expect(made.filter((isThere) => isThere)).toHaveLength(1)
  expect(await prepareStandby(machine.context)).toBe(true)
  expect(await readdir(machine.layout.staging)).toEqual([])
  await shipTwo(team)
  const inStandby = inodes(treeOf(machine))
  await update(machine)
  expect(inodes(realpathSync(machine.layout.current)).get(STAYS)).toBe(inStandby.get(STAYS))
})

test('a release that was edited is not looked at again and again; the next one is', async () => {
  const { team, machine } = await running()
  const edited = join(realpathSync(machine.layout.current), STAYS)
  await chmod(edited, 0o644)
  await writeFile(edited, 'mine\n')
  expect(await prepareStandby(machine.context)).toBe(false)
  await writeFile(edited, 'stays\n')
  expect(await prepareStandby(machine.context)).toBe(false)
  await shipTwo(team)
  await update(machine)
  expect(await prepareStandby(machine.context)).toBe(true)
})

test('a file that nobody edited and that has other bytes is told of, once', async () => {
  const { machine } = await running()
  const { layout } = machine
  const directory = realpathSync(layout.current)
  const rotten = join(directory, STAYS)
  await chmod(rotten, 0o644)
  await writeFile(rotten, 'strys\n')
  await chmod(rotten, 0o444)
  const record = join(layout.manifests, `${basename(directory)}.stat`)
  const lines = (await readFile(record, 'utf8')).split('\n')
  const stamped = lines.map((line) => (line.endsWith(` ${STAYS}`) ? `${stampOf(rotten)} ${STAYS}` : line))
  await writeFile(record, stamped.join('\n'))
  await expect(prepareStandby(machine.context)).rejects.toMatchObject({ code: 'corrupt' })
  expect(await prepareStandby(machine.context)).toBe(false)
  expect(await hasStandby(machine)).toBe(false)
})

test('where little room is left, or nothing is installed, none is made', async () => {
  const { team, machine } = await running()
  expect(await prepareStandby(machine.context, Number.MAX_SAFE_INTEGER)).toBe(false)
  expect(await hasStandby(machine)).toBe(false)
  expect(await prepareStandby((await team.machine()).context)).toBe(false)
})

test('an update without a bundle needs no standby, and leaves none that is of no use', async () => {
  const { team, machine } = await running()
  await prepareStandby(machine.context)
  await shipTwo(team)
  await hideCatchups(team.store)
  expect(await update(machine)).toBe(true)
  expect(await hasStandby(machine)).toBe(false)
})

test('a check or a dry run leaves the standby where it is', async () => {
  const { team, machine } = await running()
  await prepareStandby(machine.context)
  const made = inodes(treeOf(machine))
  await shipTwo(team)
  expect((await machine.pull({ check: true })).outcome).toBe('pending')
  expect((await machine.pull({ dryRun: true })).outcome).toBe('pending')
  expect(inodes(treeOf(machine))).toEqual(made)
})

test('an update that fails after it took the standby leaves what runs alone, and the next one ends well', async () => {
  const { team, machine } = await running()
  await prepareStandby(machine.context)
  const before = await shape(machine)
  await shipTwo(team)
  machine.store.lies = { body: (key, truth) => (/catchup|blobs/.test(key) ? truth?.subarray(0, -9) : truth) }
  expect((await machine.pull()).outcome).toBe('failed')
  expect(await shape(machine)).toEqual(before)
  expect((await verify(machine.context)).drift).toEqual([])
  expect(await readdir(machine.layout.staging)).toEqual([])
  machine.store.lies = {}
  expect(await update(machine)).toBe(false)
  expect(await shape(machine)).toEqual(await shape(await fresh(team)))
})

test('a home in which something of ours cannot be placed fails with a code, and keeps nothing unfinished', async () => {
  const { machine } = await running()
  // A lock that nobody can take: somebody's directory.
  await mkdir(join(machine.layout.lock, 'somebody'), { recursive: true })
  await expect(prepareStandby(machine.context)).rejects.toMatchObject({ code: expect.any(String) })
  expect(await readdir(machine.layout.staging)).toEqual([])
  expect(await hasStandby(machine)).toBe(false)
}, 60_000)
