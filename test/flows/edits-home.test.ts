import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pullLines } from '../../cli/describe.ts'
import { diff } from '../../src/flows/diff.ts'
import { propose } from '../../src/flows/propose.ts'
import { findProposedEdit } from '../../src/flows/proposed-edit.ts'
import { addSurface, type SurfaceOptions } from '../../src/flows/surface.ts'
import { fault } from '../support/lying-store.ts'
import { pathIn } from '../support/surface-home.ts'
import { createTeam, HOUR, type Team, type TestMachine, temporaryDirectory } from '../support/team.ts'

const A = 'skills/a/SKILL.md'
const LINES = ['one', 'two', 'three', 'four', 'five', ''].join('\n')

async function surfaceOf(machine: TestMachine, options: SurfaceOptions = {}): Promise<string> {
  const user = { directory: await temporaryDirectory(), variables: {} }
  const { surface } = await addSurface(machine.context, 'claude-code', options, user)
  return surface.root ?? ''
}

function edit(path: string, content: string): void {
  unlinkSync(path)
  writeFileSync(path, content)
}

/** What git has of the edit: its branch is merged, as after a pull request. */
async function goHome(team: Team, machine: TestMachine): Promise<string> {
  await team.git.run('config', 'user.name', 'Ada')
  await team.git.run('config', 'user.email', 'ada@example.com')
  const found = await findProposedEdit(machine.context, 'a', { machine: 'mini' })
  const { outcome, branch, commit = '' } = await propose(found, { repository: team.git.directory })
  expect(outcome).toBe('proposed')
  const changed = await team.git.run('diff', '--name-only', `${commit}^`, commit)
  await team.git.run('merge', '--quiet', '--no-edit', branch)
  return changed.trim()
}

test.each([
  ['through a link', {}],
  ['in a copy', { by: 'copy' as const }],
])('an edit %s is proposed, comes back in a release, and ends by itself', async (_, options) => {
  const team = await createTeam()
  await team.ship({ [A]: LINES, 'skills/b/SKILL.md': 'b\n' })
  const machine = await team.joined()
  const root = await surfaceOf(machine, options)
  edit(pathIn(root, 'a'), LINES.replace('two', 'mine'))
  const report = await machine.pull()
  expect(pullLines(report)).toContain('  skills/a: your edit is kept as an overlay')
  team.clock.pass(HOUR)
  await team.ship({ [A]: LINES.replace('five', '5') })
  const merged = await machine.pull()
  expect(pullLines(merged).join('\n')).toMatch(
    /skills\/a: your edit is merged with .+; as it was before: .+kept/,
  )
  const [file] = (await diff(machine.context, { byLines: true })).files
  expect(file?.lines).toMatchObject({ added: 1, removed: 1 })
  expect(await goHome(team, machine)).toBe(A)
  team.clock.pass(HOUR)
  await team.publishStable()
  const ended = await machine.pull()
  expect(ended.edits).toMatchObject([{ unit: 'skills/a', became: 'ended' }])
  expect(pullLines(ended)).toContain('  skills/a: the release has it now, so your edit has ended')
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(LINES.replace('two', 'mine').replace('five', '5'))
  expect((await diff(machine.context, { byLines: true })).files).toEqual([])
  await expect(findProposedEdit(machine.context, 'a', { machine: 'mini' })).rejects.toMatchObject({
    code: 'absent',
  })
})

test('every pull says in one line that an edit waits, as long as it does, also without the network', async () => {
  const team = await createTeam()
  await team.ship({ [A]: LINES })
  const machine = await team.joined()
  const root = await surfaceOf(machine)
  edit(pathIn(root, 'a'), LINES.replace('two', 'mine'))
  await machine.pull()
  team.clock.pass(HOUR)
  const { version } = await team.ship({ [A]: LINES.replace('two', 'theirs'), 'skills/b/SKILL.md': 'b\n' })
  const first = pullLines(await machine.pull())
  expect(first).toContain(
    `  ! skills/a: still yours, ${version} changed the same: skillsctl edits resolve skills/a`,
  )
  expect(readFileSync(join(root, 'skills/b/SKILL.md'), 'utf8')).toBe('b\n')
  const line = '  ! 1 edit waits for you to resolve: skills/a: skillsctl edits'
  expect(first).toContain(line)
  expect(pullLines(await machine.pull())).toEqual([`up to date: ${version} on stable`, line])
  machine.store.lies = {
    before: ({ key }) => {
      throw fault('unreachable', key)
    },
  }
  expect(pullLines(await machine.pull())).toEqual([`still running ${version} on stable`, line])
})
