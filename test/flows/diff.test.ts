import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type DiffReport, type DiffRequest, diff } from '../../src/flows/diff.ts'
import { prepareStandby } from '../../src/flows/standby.ts'
import { fault } from '../support/lying-store.ts'
import { CANARY, createTeam, HOUR, type Team, type TestMachine } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const RUN = 'skills/a/run.sh'
const LINES = Array.from({ length: 10 }, (_, index) => `line ${index}\n`).join('')

/** A machine that ran two releases; only the head of the skill differs. */
async function ranTwo(): Promise<{ team: Team; machine: TestMachine; versions: string[] }> {
  const team = await createTeam()
  await team.git.write(RUN, '#!/bin/sh\n', { executable: true })
  const first = await team.ship({
    [SKILL]: `one\n${LINES}`,
    'skills/b/SKILL.md': 'b\n',
    'README.md': 'read\n',
  })
  const machine = await team.joined()
  team.clock.pass(HOUR)
  const second = await team.ship({ [SKILL]: `two\n${LINES}` })
  await machine.pull()
  machine.store.forget()
  return { team, machine, versions: [first.version, second.version] }
}

async function edit(machine: TestMachine, path: string, text: string): Promise<void> {
  const place = join(machine.layout.current, path)
  await mkdir(join(place, '..'), { recursive: true })
  await rm(place, { force: true })
  await writeFile(place, text)
}

const ask = (machine: TestMachine, request: Partial<DiffRequest> = {}) =>
  diff(machine.context, { byLines: true, ...request })

/** `change path`, and what was removed and added. */
function summary({ files }: DiffReport): string[] {
  return files.map(({ change, path, lines }) => {
    const changed = lines?.diff.filter(({ kind }) => kind === 'added' || kind === 'removed') ?? []
    return [`${change} ${path}`, ...changed.map(({ text }) => text)].join(' ')
  })
}

const offline = (machine: TestMachine): void => {
  machine.store.lies = {
    before: ({ key }) => {
      throw fault('unreachable', key)
    },
  }
}

describe('the diff of local edits', () => {
  test('shows every kind of edit; of scratch files it says nothing', async () => {
    const { machine, versions } = await ranTwo()
    expect(await ask(machine)).toEqual({ from: versions[1], to: 'local files', files: [] })
    expect(machine.store.log).toEqual([])
    await edit(machine, 'skills/b/SKILL.md', 'b\nmore\n')
    await edit(machine, 'skills/a/new.md', 'new\n')
    await edit(machine, 'skills/a/.DS_Store', 'scratch\n')
    await chmod(join(machine.layout.current, RUN), 0o444)
    await rm(join(machine.layout.current, 'README.md'), { force: true })
    await symlink('SKILL.md', join(machine.layout.current, 'skills/b/link.md'))
    expect(summary(await ask(machine))).toEqual([
      'deleted README.md -read',
      'added skills/a/new.md +new',
      'mode skills/a/run.sh',
      'modified skills/b/SKILL.md +more',
      'added skills/b/link.md +SKILL.md',
    ])
    expect(summary(await ask(machine, { skill: 'b' }))).toEqual([
      'modified skills/b/SKILL.md +more',
      'added skills/b/link.md +SKILL.md',
    ])
    expect(summary(await ask(machine, { skill: 'skills/a/' }))).toHaveLength(2)
    expect(summary(await ask(machine, { skill: 'README.md', byLines: false }))).toEqual(['deleted README.md'])
  })

  test('finds what was there before in another release or in the standby, offline', async () => {
    const { machine } = await ranTwo()
    await prepareStandby(machine.context, 0)
    offline(machine)
    await edit(machine, SKILL, `three\n${LINES}`)
    expect(summary(await ask(machine))).toEqual([`modified ${SKILL} -two +three`])
    await rm(machine.layout.standby, { recursive: true })
    await edit(machine, 'skills/b/SKILL.md', 'edited\n')
    expect(summary(await ask(machine, { skill: 'b' }))).toEqual(['modified skills/b/SKILL.md -b +edited'])
    await expect(ask(machine)).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('finds it under another name', async () => {
    const { team, machine } = await ranTwo()
    await team.ship({ 'skills/b/SKILL.md': null, 'skills/c/SKILL.md': 'b\n' })
    await machine.pull()
    await edit(machine, 'skills/c/SKILL.md', 'edited\n')
    offline(machine)
    expect(summary(await ask(machine))).toEqual(['modified skills/c/SKILL.md -b +edited'])
  })

  test('fetches the release where it is nowhere else, and leaves nothing behind', async () => {
    const { machine } = await ranTwo()
    const before = await machine.current()
    await edit(machine, SKILL, `three\n${LINES}`)
    expect(summary(await ask(machine))).toEqual([`modified ${SKILL} -two +three`])
    expect(machine.store.log.filter((call) => call.includes('blobs/'))).toHaveLength(1)
    expect(await machine.current()).toBe(before)
    expect(await readdir(machine.layout.staging)).toEqual([])
  })

  test('is held against a version or a channel when told so', async () => {
    const { team, machine, versions } = await ranTwo()
    await edit(machine, 'skills/b/SKILL.md', 'edited\n')
    expect(summary(await ask(machine, { against: versions[0] }))).toEqual([
      `modified ${SKILL} -one +two`,
      'modified skills/b/SKILL.md -b +edited',
    ])
    await team.commit({ 'skills/b/SKILL.md': 'edited\n', [SKILL]: 'three\n' })
    const { version } = await team.publish({ channel: CANARY })
    expect(await ask(machine, { against: 'canary', byLines: false })).toEqual({
      from: version,
      to: 'local files',
      files: [{ path: SKILL, change: 'modified' }],
    })
    expect(machine.store.log.some((call) => call.includes('blobs/'))).toBe(false)
  })

  test('does not take edited bytes of another release for those of the release', async () => {
    const { machine, versions } = await ranTwo()
    const before = join(machine.layout.releases, versions[0] ?? '', SKILL)
    await chmod(before, 0o644)
    await writeFile(before, `ONE\n${LINES}`)
    expect(summary(await ask(machine, { against: versions[0] }))).toEqual([`modified ${SKILL} -one +two`])
  })
})

describe('the diff of two releases', () => {
  test('needs nobody for releases on disk', async () => {
    const { machine, versions } = await ranTwo()
    offline(machine)
    const [first = '', second = ''] = versions
    const report = await ask(machine, { between: [first, second] })
    expect(report).toMatchObject({ from: first, to: second })
    expect(summary(report)).toEqual([`modified ${SKILL} -one +two`])
    expect(summary(await ask(machine, { between: [second, first] }))).toEqual([`modified ${SKILL} -two +one`])
    expect(summary(await ask(machine, { between: [first, second], skill: 'b' }))).toEqual([])
  })

  test('fetches and verifies one that is not on disk, and does not switch to it', async () => {
    const { team, versions } = await ranTwo()
    await team.ship({ [SKILL]: `three\n${LINES}`, 'skills/b/SKILL.md': null, 'skills/c/SKILL.md': 'b\n' })
    const late = await team.joined()
    const now = await late.current()
    const report = await ask(late, { between: [versions[0] ?? '', 'stable'] })
    expect(summary(report)).toEqual([`modified ${SKILL} -one +three`, 'renamed skills/c/SKILL.md'])
    expect(report.files[1]).toMatchObject({ from: 'skills/b/SKILL.md' })
    expect(await late.current()).toBe(now)
    expect(await readdir(late.layout.releases)).toHaveLength(1)
    late.store.lies = {
      body: (key, truth) =>
        key.startsWith('blobs/') ? Buffer.from(`${truth?.toString('latin1')}!`, 'latin1') : truth,
    }
    await expect(ask(late, { between: [versions[0] ?? '', 'stable'] })).rejects.toMatchObject({
      code: 'corrupt',
    })
    expect(await readdir(late.layout.staging)).toEqual([])
  })

  test('says what is not there', async () => {
    const { machine, versions } = await ranTwo()
    const [first = '', second = ''] = versions
    await expect(ask(machine, { between: [first, '9999'] })).rejects.toMatchObject({ code: 'absent' })
    await expect(ask(machine, { between: [first, 'canray'] })).rejects.toMatchObject({ code: 'absent' })
    await expect(ask(machine, { between: [first, 'drafts/none'] })).rejects.toMatchObject({
      code: 'absent',
      hint: expect.stringContaining('skillsctl releases'),
    })
    await expect(ask(machine, { between: [first, second], skill: 'README.txt' })).rejects.toMatchObject({
      code: 'absent',
      hint: 'did you mean README.md?',
    })
  })

  test('wants something to be installed where edits are meant', async () => {
    const team = await createTeam()
    const machine = await team.joined()
    await expect(ask(machine)).rejects.toMatchObject({ code: 'absent', hint: 'run: skillsctl pull' })
  })
})
