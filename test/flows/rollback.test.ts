import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { manifestPath } from '../../src/home/layout.ts'
import { followChannel, history, pin, rollback, status, unpin, verify } from '../../src/index.ts'
import { fault } from '../support/lying-store.ts'
import { CANARY, createTeam, DAY, HOUR, type Team, type TestMachine } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true
const no = async () => false
const offline = (machine: TestMachine): void => {
  machine.store.lies = {
    before: ({ key }) => {
      throw fault('unreachable', key)
    },
  }
}

/** A machine that ran each of these in turn. */
async function ran(
  ...contents: readonly string[]
): Promise<{ team: Team; machine: TestMachine; versions: string[] }> {
  const team = await createTeam()
  const machine = await team.machine()
  const versions: string[] = []
  for (const content of contents) {
    versions.push((await team.ship({ [SKILL]: content })).version)
    if (versions.length === 1) await machine.join()
    else await machine.pull()
    team.clock.pass(HOUR)
  }
  machine.store.forget()
  return { team, machine, versions }
}

const content = async (machine: TestMachine) => (await machine.files())?.[SKILL]

async function edit(machine: TestMachine, directory: string, text = 'edited'): Promise<void> {
  const path = join(machine.layout.releases, directory, SKILL)
  await chmod(path, 0o644)
  await writeFile(path, text)
}

describe('rollback', () => {
  test('goes to what ran before, again one further back, offline and without a request, and pins', async () => {
    const { machine, versions } = await ran('one', 'two', 'three')
    offline(machine)
    expect(await rollback(machine.context)).toMatchObject({
      current: { version: versions[1] },
      previous: { version: versions[2] },
      fetched: false,
    })
    expect(await content(machine)).toBe('two')
    expect(await rollback(machine.context)).toMatchObject({ current: { version: versions[0] } })
    expect(await content(machine)).toBe('one')
    await expect(rollback(machine.context)).rejects.toMatchObject({ code: 'absent' })
    expect((await status(machine.context)).pin?.version).toBe(versions[0])
    expect(machine.store.log).toEqual([])
  })

  test('holds the machine until unpin, and then the channel goes on', async () => {
    const { machine, versions } = await ran('one', 'two')
    await rollback(machine.context)
    expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
    expect(await content(machine)).toBe('one')
    expect(await unpin(machine.context)).toMatchObject({ version: versions[0] })
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
    expect(await content(machine)).toBe('two')
  })

  test('takes any unique prefix of version or commit', async () => {
    const { machine, versions } = await ran('one', 'two', 'three')
    const hash = versions[0]?.split('-')[1] ?? ''
    expect(await rollback(machine.context, hash.slice(0, 6))).toMatchObject({
      current: { version: versions[0] },
      fetched: false,
    })
    expect(await rollback(machine.context, versions[1])).toMatchObject({ current: { version: versions[1] } })
  })

  test('an unknown version lists near misses and changes nothing', async () => {
    const { machine, versions } = await ran('one', 'two')
    const wrong = `${versions[0]?.slice(0, -1)}z`
    await expect(rollback(machine.context, wrong)).rejects.toMatchObject({
      code: 'absent',
      hint: expect.stringContaining(versions[0] ?? ''),
    })
    expect(await content(machine)).toBe('two')
    expect((await status(machine.context)).pin).toBeUndefined()
  })

  test('a release that is not on disk is fetched from the verified history of the channel', async () => {
    const { team, versions } = await ran('one', 'two', 'three')
    const machine = await team.joined()
    expect(await rollback(machine.context, versions[0])).toMatchObject({
      current: { version: versions[0] },
      fetched: true,
    })
    expect(await content(machine)).toBe('one')
    expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
  })

  test('offline, a release that is not on disk is unreachable, and nothing changes', async () => {
    const { team, versions } = await ran('one', 'two')
    const machine = await team.joined()
    offline(machine)
    await expect(rollback(machine.context, versions[0])).rejects.toMatchObject({ code: 'unreachable' })
    expect(await content(machine)).toBe('two')
    expect((await status(machine.context)).pin).toBeUndefined()
  })

  test('a copy that somebody edited is fetched anew; the edits stay', async () => {
    const { machine, versions } = await ran('one', 'two')
    await edit(machine, versions[0] ?? '')
    expect(await rollback(machine.context)).toMatchObject({
      current: { version: versions[0] },
      fetched: true,
    })
    expect(await content(machine)).toBe('one')
    const everything = Object.entries((await machine.everything()) ?? {})
    expect(
      everything.filter(([path, text]) => path.endsWith(SKILL) && text === 'edited').length,
    ).toBeGreaterThan(0)
  })

  test('after a copy was fetched anew, one further back is still one further back', async () => {
    const { machine, versions } = await ran('one', 'two', 'three')
    await edit(machine, versions[1] ?? '')
    await rollback(machine.context)
    expect(await content(machine)).toBe('two')
    expect(await rollback(machine.context)).toMatchObject({ current: { version: versions[0] } })
    expect(await content(machine)).toBe('one')
  })

  test('edits in the release being left are set aside', async () => {
    const { machine, versions } = await ran('one', 'two')
    await edit(machine, versions[1] ?? '')
    const { kept } = await rollback(machine.context)
    expect(kept).toHaveLength(1)
    expect(await readFile(join(kept[0] ?? '', 'files', SKILL), 'utf8')).toBe('edited')
  })
})

describe('pin', () => {
  test('holds what runs now, without a request', async () => {
    const { team, machine, versions } = await ran('one')
    offline(machine)
    expect(await pin(machine.context)).toMatchObject({ current: { version: versions[0] }, fetched: false })
    machine.store.lies = {}
    await team.ship({ [SKILL]: 'two' })
    expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
    expect(await content(machine)).toBe('one')
  })

  test('goes to a named release and holds it', async () => {
    const { machine, versions } = await ran('one', 'two')
    await pin(machine.context, versions[0])
    expect(await content(machine)).toBe('one')
    expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
  })

  test('a pinned release whose directory is gone is fetched again', async () => {
    const { machine, versions } = await ran('one', 'two')
    await pin(machine.context, versions[0])
    const { rm } = await import('node:fs/promises')
    await rm(join(machine.layout.releases, versions[0] ?? ''), { recursive: true })
    expect((await machine.pull()).outcome).toBe('repaired')
    expect(await content(machine)).toBe('one')
  })
})

describe('channel', () => {
  test('follows another channel from now on', async () => {
    const { team, machine } = await ran('one')
    await team.commit({ [SKILL]: 'canary' })
    await team.publish()
    expect(await followChannel(machine.context, 'canary', no)).toMatchObject({
      from: 'stable',
      to: 'canary',
      pull: { outcome: 'updated' },
    })
    expect(await content(machine)).toBe('canary')
    await team.commit({ [SKILL]: 'next' })
    await team.publish()
    await machine.pull()
    expect(await content(machine)).toBe('next')
  })

  test('a step back is confirmed first, and not done without', async () => {
    const { team, machine } = await ran('one')
    await team.commit({ [SKILL]: 'canary' })
    await team.publish()
    await followChannel(machine.context, 'canary', no)
    await expect(followChannel(machine.context, 'stable', no)).rejects.toMatchObject({ code: 'refused' })
    expect(await content(machine)).toBe('canary')
    expect((await status(machine.context)).channel).toBe('canary')
    const questions: string[] = []
    const confirm = async (question: string) => questions.push(question) > 0
    expect(await followChannel(machine.context, 'stable', confirm)).toMatchObject({
      pull: { outcome: 'updated' },
    })
    expect(questions).toHaveLength(1)
    expect(await content(machine)).toBe('one')
  })

  test('channels and drafts that do not exist change nothing', async () => {
    const { machine } = await ran('one')
    for (const name of ['nightly', 'drafts/none']) {
      await expect(followChannel(machine.context, name, yes)).rejects.toMatchObject({ code: 'absent' })
    }
    await expect(followChannel(machine.context, '../x', yes)).rejects.toMatchObject({ code: 'usage' })
    expect((await status(machine.context)).channel).toBe('stable')
  })
})

describe('status, history and verify', () => {
  test('all is well in one report without a reason', async () => {
    const { team, machine, versions } = await ran('one', 'two')
    expect(await status(machine.context)).toMatchObject({
      store: team.store.url,
      channel: 'stable',
      current: { version: versions[1] },
      previous: { version: versions[0] },
      head: { version: versions[1] },
      pin: undefined,
      drift: [],
      releases: 2,
      disk: 6,
      reasons: [],
    })
  })

  test('says each thing that is not well', async () => {
    const { team, machine, versions } = await ran('one')
    await edit(machine, versions[0] ?? '')
    await pin(machine.context)
    team.clock.pass(4 * DAY)
    const { reasons, drift } = await status(machine.context)
    expect(drift).toEqual([{ path: SKILL, kind: 'modified' }])
    for (const part of ['pinned', 'not checked', 'last signed', '1 local edit'])
      expect(reasons.join('\n')).toContain(part)
  })

  test('history names every activation with its reason, newest first', async () => {
    const { machine, versions } = await ran('one', 'two')
    await rollback(machine.context)
    expect((await history(machine.context)).map(({ to, why }) => [to, why])).toEqual([
      [versions[0], 'rollback'],
      [versions[1], 'update'],
      [versions[0], 'join'],
    ])
  })

  test('verify finds every kind of drift, and repair brings the release back and keeps the edits', async () => {
    const team = await createTeam()
    await team.git.write('run', '#!/bin/sh\n', { executable: true })
    await team.ship({ [SKILL]: 'one', gone: 'x' })
    const machine = await team.joined()
    expect(await verify(machine.context)).toMatchObject({ files: 3, drift: [] })
    const at = (path: string) => join(machine.layout.current, path)
    await edit(machine, (await machine.current())?.replace('releases/', '') ?? '')
    const { rm } = await import('node:fs/promises')
    await rm(at('gone'))
    await chmod(at('run'), 0o644)
    await writeFile(at('new'), 'new')
    expect((await verify(machine.context)).drift).toEqual([
      { path: 'gone', kind: 'deleted' },
      { path: 'new', kind: 'added' },
      { path: 'run', kind: 'mode' },
      { path: SKILL, kind: 'modified' },
    ])
    const before = (await status(machine.context)).current
    const { repair } = await verify(machine.context, { repair: true })
    expect(repair?.kept).toHaveLength(1)
    expect(await verify(machine.context)).toMatchObject({ drift: [] })
    expect(await machine.files()).toEqual({ [SKILL]: 'one', gone: 'x', run: '#!/bin/sh\n' })
    const after = await status(machine.context)
    expect(after.current?.manifest).toBe(before?.manifest)
    expect(after.pin).toBeUndefined()
    expect(after.previous).toBeUndefined()
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
  })

  test('verify hashes every byte, also those whose times were put back', async () => {
    const { machine, versions } = await ran('one')
    const { stat, utimes } = await import('node:fs/promises')
    const path = join(machine.layout.releases, versions[0] ?? '', SKILL)
    const { atime, mtime } = await stat(path)
    await edit(machine, versions[0] ?? '', 'eno')
    await utimes(path, atime, mtime)
    expect((await verify(machine.context)).drift).toHaveLength(1)
  })

  test('with nothing installed there is nothing to verify or pin', async () => {
    const team = await createTeam()
    const machine = await team.joined({ channel: CANARY.name })
    await expect(verify(machine.context)).rejects.toMatchObject({ code: 'absent' })
    await expect(pin(machine.context)).rejects.toMatchObject({ code: 'absent' })
    await expect(rollback(machine.context)).rejects.toMatchObject({ code: 'absent' })
    expect((await status(machine.context)).reasons).toEqual(['nothing was published on this channel yet'])
  })
})

describe('a manifest that was damaged on disk', () => {
  const damage = ({ layout }: TestMachine, version = ''): Promise<void> =>
    writeFile(manifestPath(layout, version), 'garbage')

  test('vouches for nothing: its release is neither gone back to nor pinned', async () => {
    const { machine, versions } = await ran('one', 'two')
    await damage(machine, versions[0])
    await edit(machine, versions[0] ?? '', 'wrong')
    offline(machine)
    await expect(rollback(machine.context)).rejects.toMatchObject({ code: 'unreachable' })
    await expect(rollback(machine.context, versions[0])).rejects.toMatchObject({ code: 'unreachable' })
    expect(await content(machine)).toBe('two')
    expect(await status(machine.context)).toMatchObject({ pin: undefined })
  })

  test('of the current release keeps it from being pinned, and the next pull mends it', async () => {
    const { machine, versions } = await ran('one', 'two')
    await damage(machine, versions[1])
    await expect(pin(machine.context)).rejects.toMatchObject({ code: 'absent' })
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
    expect(await content(machine)).toBe('two')
  })
})
