/** Bundles for places that no file reaches: made of the current release, all or none, and noted. */
import { chmod, lstat, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { describe, expect, it, onTestFinished } from 'vitest'
import { withLock } from '../../src/disk/lock.ts'
import { type ExportOptions, exportSkills } from '../../src/flows/export.ts'
import { listSurfaces } from '../../src/flows/list-surfaces.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { switchCurrent } from '../../src/home/activation.ts'
import { writeConfig } from '../../src/home/config.ts'
import { createTestHome, type TestHome } from '../home/home-fixture.ts'
import { contents } from '../support/cli.ts'
import { Clock, DAY, temporaryDirectory } from '../support/team.ts'

const skill = (name: string, more = ''): string =>
  `---\nname: ${name}\ndescription: For plays.\n${more}---\n\n# ${name}\n`

type Files = Parameters<TestHome['install']>[0]

const FILES: Files = {
  'skills/quarterback/SKILL.md': skill('quarterback', 'model: opus\nlicense: MIT\n'),
  'skills/quarterback/doc/plays.md': 'run\n',
  'skills/review/SKILL.md': skill('review'),
  'skills/shared/words.txt': 'no skill\n',
  'commands/go.md': 'go\n',
}

/** A machine that has joined; nothing here asks the store. */
async function joinedHome(clock = new Clock()) {
  const home = await createTestHome()
  onTestFinished(() => home.remove())
  const { layout } = home
  await writeConfig(layout, {
    store: 'file:///nowhere',
    root: { sha256: 'a'.repeat(64) },
    channel: 'stable',
    machine: 'test',
    raw: {},
  })
  const context: MachineContext = {
    layout,
    openStore: () => Promise.reject(new Error('an export asks no store')),
    now: clock.now,
    clock: clock.now,
    emit: () => {},
    by: 'test',
  }
  let releases = 0
  const run = async (files: Files): Promise<string> => {
    const commit = String(++releases).padStart(40, '0')
    const { directory } = await home.install(files, { commit })
    await withLock(layout.lock, () => switchCurrent(layout, directory, 'update', 'test', clock.now()))
    return join(layout.releases, directory)
  }
  return { layout, context, run }
}

async function scene(files = FILES, clock?: Clock) {
  const { layout, context, run } = await joinedHome(clock)
  const release = await run(files)
  const output = join(await temporaryDirectory(), 'out')
  return {
    layout,
    context,
    release,
    output,
    /** Runs a release of these files from now on. */
    update: run,
    export: (skills: ExportOptions['skills'], place = output) =>
      exportSkills(context, { skills, output: place }),
  }
}

/** Path → text of everything in a bundle. */
async function unzipped(path: string): Promise<Record<string, string>> {
  const files = Object.entries(unzipSync(await readFile(path)))
  return Object.fromEntries(files.map(([name, bytes]) => [name, Buffer.from(bytes).toString('utf8')]))
}

describe('an export', () => {
  it('makes a bundle of each skill, of the specified fields only, and says what it left out', async () => {
    const { output, export: run } = await scene()
    const report = await run(['quarterback', 'skills/review/', 'review'])
    expect(report.exported).toMatchObject([
      { skill: 'quarterback', outcome: 'written', dropped: ['model'] },
      { skill: 'review', outcome: 'written', dropped: [] },
    ])
    expect(await unzipped(join(output, 'quarterback.zip'))).toEqual({
      'quarterback/SKILL.md': skill('quarterback', 'license: MIT\n'),
      'quarterback/doc/plays.md': 'run\n',
    })
    expect(await unzipped(join(output, 'review.zip'))).toEqual({ 'review/SKILL.md': skill('review') })
  })

  it('of all leaves out what is no skill, and reads the home only', async () => {
    const { layout, output, export: run } = await scene()
    const before = await contents(layout.root)
    const { exported, notedFor } = await run('all')
    expect(exported.map(({ file }) => file)).toEqual([
      join(output, 'quarterback.zip'),
      join(output, 'review.zip'),
    ])
    expect(notedFor).toEqual([])
    expect(await contents(layout.root)).toEqual(before)
  })

  it('makes the bytes that it has always made, on every machine, Node and version of ours', async () => {
    const { export: run } = await scene()
    const { exported } = await run('all')
    expect(exported.map(({ sha256 }) => sha256)).toEqual([
      'e083a58ac0e18b80faf669d001aa79942b82da9e74fa12fceda31916ca4e6d01',
      '2a6b8b401c2d51146dcf7bbc32a1165b7023980062056420f2984717ad1bb1ec',
    ])
  })

  it('leaves a file that is the same alone, and replaces one that is not', async () => {
    const { update, output, export: run } = await scene()
    await run('all')
    const before = await stat(join(output, 'review.zip'))
    await update({ ...FILES, 'skills/quarterback/doc/plays.md': 'pass\n' })
    const { exported } = await run('all')
    expect(exported.map(({ outcome }) => outcome)).toEqual(['written', 'unchanged'])
    expect(await stat(join(output, 'review.zip'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
    expect(await unzipped(join(output, 'quarterback.zip'))).toMatchObject({
      'quarterback/doc/plays.md': 'pass\n',
    })
  })

  it('takes the place of a link instead of writing through it', async () => {
    const { update, output, export: run } = await scene()
    await run(['review'])
    await rename(join(output, 'review.zip'), join(output, 'mine'))
    await symlink('mine', join(output, 'review.zip'))
    const before = await readFile(join(output, 'mine'))
    await update({ ...FILES, 'skills/review/more.md': 'more\n' })
    await run(['review'])
    expect(await readFile(join(output, 'mine'))).toEqual(before)
    expect((await lstat(join(output, 'review.zip'))).isFile()).toBe(true)
  })

  it.each([
    ['something of the person’s', 'mine'],
    ['nothing yet', ''],
    ['a zip of something else', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(40)])],
  ])('leaves a file that is %s, and writes no other', async (_what, content) => {
    const { output, export: run } = await scene()
    await mkdir(output)
    await writeFile(join(output, 'review.zip'), content)
    await expect(run('all')).rejects.toMatchObject({ code: 'refused', subject: join(output, 'review.zip') })
    expect(await readFile(join(output, 'review.zip'))).toEqual(Buffer.from(content))
    expect(await readdir(output)).toEqual(['review.zip'])
  })

  it('puts what links lead to in their places, and keeps what may be run runnable', async () => {
    const { output, export: run } = await scene({
      ...FILES,
      'skills/review/run.sh': { run: '#!/bin/sh\n' },
      'skills/review/again': { link: 'run.sh' },
    })
    await run(['review'])
    const zip = await readFile(join(output, 'review.zip'))
    expect(await unzipped(join(output, 'review.zip'))).toMatchObject({
      'review/again': '#!/bin/sh\n',
      'review/run.sh': '#!/bin/sh\n',
    })
    expect(modesIn(zip)).toEqual({
      'review/SKILL.md': 0o100644,
      'review/again': 0o100755,
      'review/run.sh': 0o100755,
    })
  })
})

/** Name → mode, of the central directory of a zip. */
function modesIn(zip: Buffer): Record<string, number> {
  const modes: Record<string, number> = {}
  for (let at = zip.indexOf('PK\u0001\u0002'); at !== -1; at = zip.indexOf('PK\u0001\u0002', at + 1)) {
    const name = zip.subarray(at + 46, at + 46 + zip.readUInt16LE(at + 28)).toString('utf8')
    modes[name] = zip.readUInt32LE(at + 38) >>> 16
  }
  return modes
}

describe('an export refuses', () => {
  it.each([
    ['quaterback', 'did you mean quarterback?'],
    ['../review', 'did you mean review?'],
    ['', 'it has: quarterback, review, shared'],
    ['__proto__', 'it has: quarterback, review, shared'],
    ['constructor', 'it has: quarterback, review, shared'],
  ])('a skill that is not there, with near misses: %j', async (name, hint) => {
    const { output, export: run } = await scene()
    await expect(run(['review', name])).rejects.toMatchObject({ code: 'absent', subject: name, hint })
    expect(await contents(output)).toEqual({})
  })

  it.each([
    ['an edit', (path: string) => chmod(path, 0o644).then(() => writeFile(path, 'ran\n'))],
    ['a file that is gone', (path: string) => rename(path, `${path}.away`)],
    [
      'a link in its place',
      async (path: string) => {
        await rename(path, `${path}.away`)
        await symlink(`${path}.away`, path)
      },
    ],
  ])('files that are not what the release says: %s', async (_, edit) => {
    const { release, output, export: run } = await scene()
    await edit(join(release, 'skills/quarterback/doc/plays.md'))
    await expect(run('all')).rejects.toMatchObject({
      code: 'drift',
      subject: 'skills/quarterback/doc/plays.md',
      hint: expect.stringContaining('skillsctl verify --repair'),
    })
    expect(await contents(output)).toEqual({})
    await run(['review'])
  })

  it('all, when one would be refused by an upload, and names everything that is wrong', async () => {
    const { output, export: run } = await scene({
      ...FILES,
      'skills/claude-qb/SKILL.md': skill('claude-qb'),
      'skills/Bad_Name/SKILL.md': skill('Bad_Name'),
      'skills/legal/SKILL.md': '---\nname: law\ndescription: for <all>\n---\n',
    })
    await expect(run('all')).rejects.toMatchObject({
      code: 'refused',
      subject: 'Bad_Name, claude-qb, legal',
      found: [
        'Bad_Name: its name may have lower-case letters (a-z), digits and single hyphens between them only',
        'claude-qb: its name holds the reserved word claude',
        'legal: its name is law, and the directory legal',
        'legal: its description holds < or >',
      ].join('; '),
    })
    expect(await contents(output)).toEqual({})
  })

  it.each([
    ['no head at all', '# a\n', 'has a SKILL.md that has no head between two lines of ---'],
    ['a head that is not YAML', '---\na: [\n---\n', 'has a SKILL.md that has a head that is not YAML'],
    ['a byte order mark', `\uFEFF${skill('a')}`, 'has a SKILL.md that begins with a byte order mark'],
    ['no description', '---\nname: a\n---\n', 'its description is missing'],
    [
      'fields that cannot be cut out',
      '---\n{name: a, description: b, model: c}\n---\n',
      'has fields that cannot be taken out of its head',
    ],
  ])('a skill with %s', async (_, text, found) => {
    const { export: run } = await scene({ 'skills/a/SKILL.md': text })
    await expect(run(['a'])).rejects.toMatchObject({ code: 'refused', subject: 'a', found })
  })

  it('a folder that is no skill, links that lead out, and what is too large', async () => {
    const { export: run } = await scene({
      ...FILES,
      'skills/review/words': { link: '../shared/words.txt' },
      'skills/quarterback/film': 'x'.repeat(30_000_000),
    })
    const problems = {
      shared: 'has no SKILL.md',
      review: 'words leads out of the skill',
      quarterback: 'holds 30000',
    }
    for (const [name, problem] of Object.entries(problems)) {
      const found = expect.stringContaining(problem)
      await expect(run([name])).rejects.toMatchObject({ code: 'refused', subject: name, found })
    }
  })

  it('the home as a place for bundles, also by another way to it', async () => {
    const { layout, output, export: run } = await scene()
    await symlink(layout.current, output)
    for (const place of [layout.current, join(layout.root, 'new', 'one'), output])
      await expect(run('all', place)).rejects.toMatchObject({ code: 'usage', subject: place })
  })

  it('a machine that has not joined, or has nothing installed', async () => {
    const { layout, context } = await joinedHome()
    const options = { skills: ['a'], output: await temporaryDirectory() }
    await expect(exportSkills(context, options)).rejects.toMatchObject({ code: 'absent' })
    await rename(layout.config, `${layout.config}.away`)
    await expect(exportSkills(context, options)).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('a surface that no file reaches', () => {
  const nobody = { directory: '/nowhere', variables: {} }

  it('tells what was last exported for it, and what has changed since', async () => {
    const clock = new Clock()
    const { context, update, export: run } = await scene(FILES, clock)
    const [first] = (await run('all')).notedFor
    expect(first).toBeUndefined()
    await addSurface(context, 'claude-desktop', {}, nobody)
    await addSurface(context, 'claude-desktop', { name: 'team' }, nobody)
    const exported = async () => (await listSurfaces(context)).map((status) => status.exported)
    expect(await exported()).toEqual([undefined, undefined])

    const { version, notedFor } = await run(['quarterback'])
    expect(notedFor).toEqual(['claude-desktop', 'team'])
    const at = clock.text
    const known = { release: version, at, skills: ['quarterback'], changed: [] }
    expect(await exported()).toEqual([known, known])

    clock.pass(DAY)
    await update({ ...FILES, 'skills/quarterback/doc/plays.md': 'pass\n' })
    expect(await exported()).toContainEqual({ ...known, changed: ['quarterback'] })

    const second = await run(['review'])
    expect(await exported()).toContainEqual({
      release: second.version,
      at: clock.text,
      skills: ['quarterback', 'review'],
      changed: ['quarterback'],
    })

    await run(['quarterback'])
    const { 'skills/review/SKILL.md': _gone, ...rest } = FILES
    await update({ ...rest, 'skills/quarterback/doc/plays.md': 'pass\n' })
    expect(await exported()).toContainEqual(expect.objectContaining({ changed: ['review'] }))
    const [status] = await listSurfaces(context)
    expect(status).toMatchObject({ isCurrent: false, shows: undefined })
  })
})
