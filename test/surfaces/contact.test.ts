/** A release comes to where a person has skills already: nothing of theirs is lost, changed or hidden unasked (SPEC.md, "First contact"). */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Adoption } from '../../src/core/surface.ts'
import { readEdits } from '../../src/edits/record.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { restoreKept } from '../../src/flows/kept.ts'
import { listSurfaces } from '../../src/flows/list-surfaces.ts'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { addSurface, addSurfaces, differingOn, type SurfaceOptions } from '../../src/flows/surface.ts'
import { snapshots } from '../../src/surfaces/snapshot.ts'
import { mountSmallDisk } from '../support/mounts.ts'
import { createDesk, type Desk, type Files, inventory, seen, skill } from './fixture.ts'

const WAYS = ['link', 'copy'] as const
const RELEASE: Files = {
  ...skill('equal', 'x'),
  ...skill('other', 'x'),
  ...skill('more', 'x'),
  ...skill('new', 'x'),
}

async function write(directory: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const to = join(directory, path)
    await mkdir(join(to, '..'), { recursive: true })
    if (typeof content === 'object' && 'link' in content) await symlink(content.link, to)
    else await writeFile(to, typeof content === 'string' ? content : content.run)
    if (typeof content === 'object' && 'run' in content) await chmod(to, 0o755)
  }
}

interface Met extends Desk {
  readonly claude: string
  add(options?: SurfaceOptions, preset?: string): ReturnType<typeof addSurface>
}

/** A person with skills of their own, and three that the release has as well: equal, different, with one more file. */
async function meet({ installed = true, skills = 3 } = {}): Promise<Met> {
  const desk = await createDesk()
  const claude = join(desk.root, '.claude')
  for (let count = 0; count < skills; count++) {
    const own = join(claude, `skills/own ${count}`)
    await write(own, {
      'SKILL.md': `mine ${count}\n`,
      'scripts/go.sh': { run: 'go\n' },
      'a link': { link: 'SKILL.md' },
    })
    if (count % 3 === 0) await mkdir(join(own, 'empty'))
  }
  await write(claude, {
    ...skill('equal', 'x'),
    ...skill('other', 'mine'),
    ...skill('more', 'x'),
    'skills/more/notes.md': 'mine\n',
    'settings.json': '{}',
  })
  const release = await desk.install(1, RELEASE)
  if (installed) await desk.run(release)
  const user = { directory: desk.root, variables: {} }
  return {
    ...desk,
    claude,
    add: (options = {}, preset = 'claude-code') => addSurface(desk.context, preset, options, user),
  }
}

/** What nobody has to touch. */
function untouched({ claude }: Met): Record<string, string> {
  return Object.fromEntries(Object.entries(inventory(claude)).filter(([path]) => /own |settings/.test(path)))
}

const text = (root: string, skill: string): string =>
  readFileSync(join(root, 'skills', skill, 'SKILL.md'), 'utf8')

describe.each(WAYS)('skills that are there before a surface by %s', (by) => {
  test.each<[Adoption | undefined, string, string[], string[]]>([
    [undefined, 'other: mine\n', [], ['more', 'other']],
    ['keep', 'other: mine\n', ['skills/more', 'skills/other'], []],
    ['take', 'other: x\n', [], []],
  ])(
    'are kept, and with --adopt %s what differs is shown as chosen',
    async (adopt, other, edited, shadowed) => {
      const desk = await meet()
      const before = seen(desk.claude)
      const stays = untouched(desk)
      const { settled } = await desk.add({ by, adopt })
      expect(settled?.contact).toMatchObject({ equal: ['skills/equal'] })
      expect(settled?.shown?.shadowed).toEqual(shadowed.map((name) => `skills/${name}`))
      expect(text(desk.claude, 'other')).toBe(other)
      expect(text(desk.claude, 'new')).toBe('new: x\n')
      expect(existsSync(join(desk.claude, 'skills/more/notes.md'))).toBe(adopt !== 'take')
      expect(lstatSync(join(desk.claude, 'skills/equal')).isSymbolicLink()).toBe(by === 'link')
      const { overlays } = await readEdits(desk.layout)
      expect(overlays.map(({ unit }) => unit).sort()).toEqual(edited)
      expect(untouched(desk)).toEqual(stays)

      // And it is over: what runs next finds nothing to do.
      expect((await listSurfaces(desk.context))[0]?.surface.adopt).toBeUndefined()
      expect((await followCurrent(desk.context)).settled).toMatchObject([{ outcome: 'same' }])

      // All of it is in one snapshot, which comes back where the surface was.
      const [snapshot, ...others] = snapshots(desk.layout)
      expect(others).toEqual([])
      await removeSurface(desk.context, 'claude-code')
      await restoreKept(desk.context, snapshot?.name ?? '', undefined)
      expect(seen(desk.claude)).toEqual(before)
      expect(untouched(desk)).toEqual(stays)
      expect(readdirSync(desk.claude).sort()).toEqual(['agents', 'commands', 'settings.json', 'skills'])
    },
  )

  test('of which nobody can tell yet, because nothing is installed, are met by the first pull', async () => {
    const desk = await meet({ installed: false })
    const before = inventory(join(desk.claude, 'skills'))
    expect((await desk.add({ by, adopt: 'keep' })).settled).toBeUndefined()
    expect(inventory(join(desk.claude, 'skills'))).toEqual(before)
    await desk.run(await desk.install(1, RELEASE))
    const { settled } = await followCurrent(desk.context)
    expect(settled[0]?.contact).toMatchObject({
      equal: ['skills/equal'],
      kept: ['skills/more', 'skills/other'],
    })
    expect(text(desk.claude, 'other')).toBe('other: mine\n')
    expect((await readEdits(desk.layout)).overlays).toHaveLength(2)
    expect((await followCurrent(desk.context)).settled).toMatchObject([{ outcome: 'same' }])
  })

  test('and cannot be shown for want of the root are where they were', async () => {
    const desk = await meet()
    const before = inventory(join(desk.claude, 'skills'))
    await rm(desk.layout.ledgers, { recursive: true })
    await writeFile(desk.layout.ledgers, 'no directory')
    await expect(desk.add({ by, adopt: 'keep' })).rejects.toMatchObject({ code: 'failed' })
    await rm(desk.layout.ledgers)
    expect(inventory(join(desk.claude, 'skills'))).toEqual(before)
  })
})

test('an edit that was kept at first contact follows the release, and stays', async () => {
  const desk = await meet()
  await desk.add({ adopt: 'keep' })
  await desk.run(await desk.install(2, { ...RELEASE, ...skill('more', 'newer') }))
  await followCurrent(desk.context)
  expect(text(desk.claude, 'more')).toBe('more: newer\n')
  expect(await readFile(join(desk.claude, 'skills/more/notes.md'), 'utf8')).toBe('mine\n')
})

test('a folder that is a link is followed once, links in it are copied as they are, sockets are nobody’s work', async () => {
  const desk = await meet()
  const { claude, root } = desk
  await mkdir(join(root, 'dotfiles/commands'), { recursive: true })
  await symlink('../dotfiles/commands', join(claude, 'commands'))
  await write(root, {
    'dotfiles/commands/go.md': 'go\n',
    'dotfiles/commands/away.md': { link: '/nowhere/at/all' },
  })
  execFileSync('mkfifo', [join(claude, 'skills/own 1/pipe'), join(claude, 'skills/pipe')])
  await desk.add()
  const [{ name = '', roots = [] } = {}] = snapshots(desk.layout)
  expect(roots[0]?.links).toEqual({ commands: '../dotfiles/commands' })
  const kept = join(desk.layout.kept, name, 'files/claude-code')
  expect(readlinkSync(join(kept, 'commands/away.md'))).toBe('/nowhere/at/all')
  expect(readFileSync(join(kept, 'commands/go.md'), 'utf8')).toBe('go\n')
  expect(readdirSync(join(kept, 'skills'))).not.toContain('pipe')
  expect(readdirSync(join(kept, 'skills/own 1'))).not.toContain('pipe')
  expect(lstatSync(join(claude, 'skills/pipe')).isFIFO()).toBe(true)
})

test('a link into a checkout is taken over when it shows the same, and otherwise stays, also where edits are kept', async () => {
  const desk = await createDesk()
  const claude = join(desk.root, '.claude')
  await mkdir(join(claude, 'skills'), { recursive: true })
  await write(join(desk.root, 'checkout'), { ...skill('equal', 'x'), ...skill('other', 'mine') })
  for (const name of ['equal', 'other', 'gone'])
    await symlink(join(desk.root, 'checkout/skills', name), join(claude, 'skills', name))
  const checkout = inventory(join(desk.root, 'checkout'))
  await desk.run(await desk.install(1, { ...RELEASE, ...skill('gone', 'x') }))
  const user = { directory: desk.root, variables: {} }
  const { settled } = await addSurface(desk.context, 'claude-code', { adopt: 'keep' }, user)
  expect(settled?.contact).toMatchObject({ equal: ['skills/equal'], kept: [] })
  expect(settled?.contact?.stays.map(({ place, why }) => `${place}: ${why?.slice(0, 12)}`).sort()).toEqual([
    'skills/gone: it is a link',
    'skills/other: it is a link',
  ])
  expect(readlinkSync(join(claude, 'skills/equal'))).toContain(desk.layout.surfaces)
  expect(text(claude, 'other')).toBe('other: mine\n')
  expect(inventory(join(desk.root, 'checkout'))).toEqual(checkout)
  // Taken only when somebody says so; the link itself is in kept/.
  await addSurface(desk.context, 'claude-code', { adopt: 'take' }, user)
  expect(text(claude, 'other')).toBe('other: x\n')
  expect(inventory(join(desk.root, 'checkout'))).toEqual(checkout)
})

test('what leads out of a skill, is empty, or is of another home stays, and says why', async () => {
  const [desk, other] = [await createDesk(), await createDesk()]
  const claude = join(desk.root, '.claude')
  await write(claude, { 'skills/more/lib': { link: '../../lib' }, 'skills/more/SKILL.md': 'mine\n' })
  await mkdir(join(claude, 'skills/other'))
  await other.run(await other.install(1, RELEASE))
  await addSurface(
    other.context,
    'custom',
    { name: 'theirs', root: other.root },
    { directory: other.root, variables: {} },
  )
  const theirs = readlinkSync(join(other.root, 'skills/equal'))
  await symlink(theirs, join(claude, 'skills/equal'))
  await desk.run(await desk.install(1, RELEASE))
  const user = { directory: desk.root, variables: {} }
  const { settled } = await addSurface(desk.context, 'claude-code', { adopt: 'keep' }, user)
  const why = Object.fromEntries(settled?.contact?.stays.map((one) => [one.place, one.why]) ?? [])
  expect(why).toEqual({
    'skills/equal': 'it is of another home of skillsctl',
    'skills/more': 'a link in it leads out of it, to ../../lib',
    'skills/other': 'it is empty',
  })
  expect(readlinkSync(join(claude, 'skills/equal'))).toBe(theirs)
})

test('two surfaces that are added at once share one snapshot; adding them again makes no other', async () => {
  const desk = await meet()
  await write(desk.root, { '.agents/skills/notes/SKILL.md': 'mine\n' })
  const user = { directory: desk.root, variables: {} }
  const both = ['claude-code', 'agents', 'claude-desktop'].map((preset) => ({ preset, options: {} }))
  const first = await addSurfaces(desk.context, both, user)
  expect(first.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined])
  desk.clock.now += 60_000
  await addSurfaces(desk.context, both, user)
  const [snapshot, ...others] = snapshots(desk.layout)
  expect(others).toEqual([])
  expect(snapshot?.roots.map(({ surface }) => surface)).toEqual(['claude-code', 'agents'])
  expect([...(snapshot?.roots[1]?.places.keys() ?? [])]).toEqual(['skills/notes'])
  // Removed and added again, it finds what it found before: that is kept already.
  await removeSurface(desk.context, 'agents')
  await addSurface(desk.context, 'agents', {}, user)
  expect(snapshots(desk.layout)).toHaveLength(2)
  await removeSurface(desk.context, 'agents')
  await addSurface(desk.context, 'agents', {}, user)
  expect(snapshots(desk.layout)).toHaveLength(2)
})

test('where nothing is of the person, there is no snapshot', async () => {
  const desk = await createDesk()
  await desk.run(await desk.install(1, RELEASE))
  const user = { directory: desk.root, variables: {} }
  await addSurface(desk.context, 'claude-code', {}, user)
  await addSurface(desk.context, 'claude-code', { adopt: 'take', by: 'copy' }, user)
  expect(readdirSync(desk.layout.kept)).toEqual([])
})

test('only what differs is asked about, and only the first time', async () => {
  const desk = await meet()
  const user = { directory: desk.root, variables: {} }
  const ask = () => differingOn(desk.context, [{ preset: 'claude-code', options: {} }], user)
  expect((await ask()).map(({ place }) => place)).toEqual(['skills/more', 'skills/other'])
  await desk.add()
  expect(await ask()).toEqual([])
})

test('what is too large is left out of the snapshot, named, and never touched', async () => {
  const desk = await meet()
  const large = join(desk.claude, 'skills/other/large')
  await writeFile(large, '')
  await truncate(large, 600 * 1024 * 1024)
  const { settled, leftOut } = await desk.add({ adopt: 'take' })
  expect(leftOut).toEqual([
    { surface: 'claude-code', place: 'skills/other', why: 'too large for a snapshot' },
  ])
  expect(settled?.contact).toMatchObject({
    taken: ['skills/more'],
    stays: [{ place: 'skills/other', why: 'no snapshot holds it' }],
  })
  expect(text(desk.claude, 'other')).toBe('other: mine\n')
})

const disk = mountSmallDisk('size=2m,nr_inodes=700')

describe.skipIf(disk === undefined)('on a full disk (skipped where a tmpfs cannot be mounted)', () => {
  test.each([0, 100])('everything stays as it was, with room for %i more files', async (room) => {
    const desk = await meet({ skills: 30 })
    const home = join(disk ?? '', `home-${room}`)
    await mkdir(home)
    const { layoutOf, createHome } = await import('../../src/home/layout.ts')
    const layout = layoutOf(home)
    await createHome(layout)
    await writeFile(layout.config, await readFile(desk.layout.config))
    const ballast = join(disk ?? '', 'ballast')
    await mkdir(ballast)
    const { ffree } = (await import('node:fs')).statfsSync(disk ?? '')
    for (let count = 0; count < ffree - room - 1; count++) await mkdir(join(ballast, `${count}`))
    const before = inventory(desk.claude)
    const context = { ...desk.context, layout }
    const user = { directory: desk.root, variables: {} }
    const added = addSurface(context, 'claude-code', { adopt: 'take' }, user)
    await expect(added).rejects.toMatchObject({ code: 'no-space' })
    expect(inventory(desk.claude)).toEqual(before)
    expect(readdirSync(layout.kept)).toEqual([])
    expect(readdirSync(layout.staging)).toEqual([])
    await rm(ballast, { recursive: true })
    await addSurface(context, 'claude-code', { adopt: 'take' }, user)
    expect(snapshots(layout)).toHaveLength(1)
    await rm(home, { recursive: true })
  })
})
