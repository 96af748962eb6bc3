/** Nothing newer is replaced by something older unless a person says so, and whoever looks is told who is ahead. */
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publishLines } from '../../cli/commands/publish.ts'
import { pullLines } from '../../cli/describe.ts'
import { Git } from '../../src/archive/git.ts'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { addSurface, beginSession, pull, renew, revert, status } from '../../src/index.ts'
import { fault } from '../support/lying-store.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { CANARY, createTeam, DAY, listing, type Team, temporaryDirectory } from '../support/team.ts'
import { seen } from '../surfaces/fixture.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

/** A mirror of the store as it is now, or a backup of it. */
async function copyOf(team: Team): Promise<MemoryStore> {
  const copy = new MemoryStore({ url: team.store.url, now: team.clock.now })
  for (const [key, body] of await listing(team.store)) await copy.touch(key, Buffer.from(body, 'base64'))
  return copy
}

test('a mirror that is behind is refused, and `status` says which of the two is', async () => {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'old' })
  const mirror = await copyOf(team)
  const machine = await team.joined()
  const before = team.clock.text
  team.clock.pass(DAY)
  await team.ship({ [SKILL]: 'new' })
  await machine.pull()
  const behind = { ...machine.context, openStore: async () => mirror }
  const report = await pull(behind)
  expect(report).toMatchObject({
    outcome: 'failed',
    problem: {
      code: 'untrusted',
      message: 'the store is behind this machine: a stale mirror, or put back from a backup',
      expected: expect.stringContaining(team.clock.text),
      found: expect.stringContaining(before),
    },
  })
  expect(await machine.files()).toEqual({ [SKILL]: 'new' })
  expect((await status(machine.context)).reasons.join('\n')).toContain('the store is behind this machine')
  // Also one that is signed anew: what it names is behind.
  for (let count = 0; count < 2; count++) await renew(team.publisher({ store: mirror }))
  expect((await pull(behind)).problem).toMatchObject({ message: report.problem?.message })
  expect(await machine.files()).toEqual({ [SKILL]: 'new' })
  expect(await machine.pull()).toMatchObject({ outcome: 'current' })
})

test('an old checkout publishes nothing, and is told that it is behind, and of what', async () => {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await using laptop = await team.git.clone()
  const git = new Git(laptop.directory)
  const { version: old } = await team.publish()
  await team.commit({ [SKILL]: 'two' })
  const { version } = await team.publish()
  const before = await listing(team.store)

  // It has not fetched for a while.
  await expect(team.publish({ git })).rejects.toMatchObject({
    code: 'refused',
    expected: expect.stringContaining(`${version} on canary, published ${team.clock.text}`),
    hint: expect.stringMatching(/it lacks what canary has, so it is behind.*: git pull, then publish again/),
  })
  await laptop.run('fetch', '--quiet')
  const report = await team.publish({ git })
  expect(publishLines(report)).toEqual([
    `superseded: canary is ahead at ${version}, which contains ${old}; this checkout is behind; nothing was written`,
  ])
  // With work of its own on top of what is old.
  await laptop.write('skills/b/SKILL.md', 'mine')
  await laptop.commit('mine', { date: '2026-02-03T00:00:00Z' })
  await expect(team.publish({ git })).rejects.toMatchObject({
    code: 'refused',
    hint: expect.stringContaining('canary has what this branch lacks: rebase or merge it'),
  })
  expect(await listing(team.store)).toEqual(before)

  await revert(team.ci, CANARY, undefined, yes)
  expect(publishLines(await team.publish())).toEqual([
    `superseded: canary had ${version} and was moved back to ${old} on purpose; to go on from there, publish a new commit; nothing was written`,
  ])
})

test('a home of yesterday beside surfaces of today takes nothing back, and catches up with what they show', async () => {
  const team = await createTeam()
  const yesterday = { [SKILL]: 'old', 'skills/same/SKILL.md': 'same' }
  const today = { [SKILL]: 'new', 'skills/b/SKILL.md': 'new' }
  await team.ship(yesterday)
  const machine = await team.joined()
  const { layout, context } = machine
  const person = await temporaryDirectory()
  const roots = { link: join(person, 'linked'), copy: join(person, 'copied') }
  for (const [name, root] of Object.entries(roots))
    await addSurface(
      context,
      'custom',
      { name, root, folders: ['skills'], by: name === 'copy' ? 'copy' : 'link' },
      { directory: person, variables: {} },
    )
  const backup = join(await temporaryDirectory(), 'home')
  cpSync(layout.root, backup, { recursive: true, verbatimSymlinks: true })
  team.clock.pass(DAY)
  const { version } = await team.ship(today)
  await machine.pull()

  await removeTree(layout.root)
  cpSync(backup, layout.root, { recursive: true, verbatimSymlinks: true })
  machine.store.lies = {
    before: () => {
      throw fault('unreachable')
    },
  }
  // Offline: nobody here knows what is newer, and what is there of today stays.
  expect(await machine.pull()).toMatchObject({ outcome: 'failed' })
  await beginSession(context, { surface: 'copy', id: 'one' })
  expect(seen(roots.copy)).toEqual({ ...today, 'skills/same/SKILL.md': 'same' })

  machine.store.lies = {}
  const report = await machine.pull()
  expect(report).toMatchObject({ outcome: 'updated', current: { version } })
  expect(pullLines(report)).toContain(
    `  ! copy was ahead with 2 entries of ${version} that this home did not know: restored from a backup? they are followed again`,
  )
  expect(seen(roots.link)).toEqual({ ...today, 'skills/same/SKILL.md': 'same' })
  expect(seen(roots.copy)).toMatchObject(today)
  // Followed as before.
  await team.ship({ [SKILL]: 'newer', 'skills/b/SKILL.md': null })
  expect(pullLines(await machine.pull()).join('\n')).not.toContain('shadowed')
  expect(seen(roots.copy)[SKILL]).toBe('newer')
  expect(readdirSync(join(roots.copy, 'skills'))).not.toContain('b')
})
