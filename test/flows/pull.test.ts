import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pin, promote, renew, revert, rollback, status, unpin } from '../../src/index.ts'
import { commit } from '../../src/trust/writer.ts'
import { fault } from '../support/lying-store.ts'
import { createTeam, DAY, HOUR, hideCatchups, STABLE, type Team, type TestMachine } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true
const UNREACHABLE = {
  before: ({ key }: { key: string }) => {
    throw fault('unreachable', key)
  },
}

/** A team with this on stable, and a machine that runs it. */
async function running(content = 'one'): Promise<{ team: Team; machine: TestMachine }> {
  const team = await createTeam()
  await team.ship({ [SKILL]: content })
  return { team, machine: await team.joined() }
}

describe('asking costs almost nothing', () => {
  test('one request when nothing is new', async () => {
    const { machine } = await running()
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
    expect(machine.store.log).toEqual(['get metadata/timestamp.json'])
  })

  test('one request when only another channel moved', async () => {
    const { team, machine } = await running()
    await team.commit({ [SKILL]: 'two' })
    await team.publish()
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
    expect(machine.store.log).toEqual(['get metadata/timestamp.json', 'get metadata/timestamp.json'])
  })

  test('a release that is on disk is switched to without fetching it', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: 'two' })
    await machine.pull()
    await revert(team.release, STABLE, undefined, yes)
    machine.store.forget()
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
    expect(await machine.files()).toEqual({ [SKILL]: 'one' })
    expect(machine.store.log.filter((call) => !call.includes('metadata/'))).toEqual([])
  })
})

test('updates, and says from what to what', async () => {
  const { team, machine } = await running()
  const before = await machine.current()
  const { version, manifest } = await team.ship({ [SKILL]: 'two', 'skills/b/SKILL.md': 'b' })
  expect(await machine.pull()).toMatchObject({
    outcome: 'updated',
    current: { version, manifest },
    previous: { version: before?.replace('releases/', '') },
    changes: { added: ['skills/b'], modified: ['skills/a'] },
    kept: [],
    warnings: [],
  })
  expect(await machine.files()).toEqual({ [SKILL]: 'two', 'skills/b/SKILL.md': 'b' })
})

test('keeps modes and links of the commit', async () => {
  const team = await createTeam()
  await team.git.write('bin/run', '#!/bin/sh\n', { executable: true })
  await team.git.link('run', 'bin/run')
  await team.git.commit()
  await team.publishStable()
  const machine = await team.joined()
  expect(await machine.files()).toEqual({ 'bin/run': '#!/bin/sh\n', run: '-> bin/run' })
  const { stat } = await import('node:fs/promises')
  expect((await stat(join(machine.layout.current, 'bin/run'))).mode & 0o777).toBe(0o555)
})

describe('current is repaired even when nothing is new', () => {
  const damage: Record<string, (machine: TestMachine) => Promise<void>> = {
    missing: ({ layout }) => rm(layout.current),
    dangling: async ({ layout }) => {
      await rm(layout.current)
      await symlink('releases/2020.01.01-0000000', layout.current)
    },
    'leading elsewhere': async ({ layout }) => {
      await rm(layout.current)
      await symlink('/tmp', layout.current)
    },
    'a directory of its own': async ({ layout }) => {
      await rm(layout.current)
      await mkdir(layout.current)
      await writeFile(join(layout.current, 'mine'), 'mine')
    },
    'without its release': async ({ layout }) => {
      await chmod(layout.releases, 0o755)
      await rm(layout.releases, { recursive: true })
    },
    'without its manifest': async ({ layout }) => {
      await rm(layout.manifests, { recursive: true })
    },
  }

  test.each(Object.keys(damage))('%s', async (name) => {
    const { machine } = await running()
    await damage[name]?.(machine)
    expect(await machine.pull()).toMatchObject({ outcome: 'repaired' })
    expect(await machine.files()).toEqual({ [SKILL]: 'one' })
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
  })

  test('offline, from what lies on disk', async () => {
    const { machine } = await running()
    await rm(machine.layout.current)
    machine.store.lies = UNREACHABLE
    expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'unreachable' } })
    expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  })

  test('a directory of somebody in its place is kept', async () => {
    const { machine } = await running()
    await damage['a directory of its own']?.(machine)
    await machine.pull()
    const everything = (await machine.everything()) ?? {}
    expect(
      Object.keys(everything).filter((path) => path.startsWith('kept/') && path.endsWith('/mine')),
    ).toHaveLength(1)
  })
})

test('offline it keeps running what it has, says why, and status repeats it', async () => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  machine.store.lies = UNREACHABLE
  expect(await machine.pull()).toMatchObject({
    outcome: 'failed',
    problem: { code: 'unreachable' },
    current: {},
  })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  expect((await status(machine.context)).reasons.join()).toContain('unreachable')
  machine.store.lies = {}
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect((await status(machine.context)).reasons).toEqual([])
})

test('a store that vanishes between any two requests leaves the old release, and the next pull updates', async () => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  for (let requests = 0, done = false; !done; requests++) {
    machine.store.forget()
    let left = requests
    machine.store.lies = {
      before: ({ key }) => {
        if (left-- <= 0) throw fault('denied', key)
      },
    }
    // A 403 on the next root means that there is none, on anything promised that it is missing.
    done = (await machine.pull()).outcome === 'updated'
    if (!done) expect(await machine.files()).toEqual({ [SKILL]: 'one' })
    expect(requests).toBeLessThan(12)
  }
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

test('local edits are set aside, named and never lost', async () => {
  const { team, machine } = await running()
  const edited = join(machine.layout.current, SKILL)
  await chmod(edited, 0o644)
  await writeFile(edited, 'my edit')
  await writeFile(join(machine.layout.current, 'skills/a/notes.md'), 'my notes')
  await team.ship({ [SKILL]: 'two' })
  const report = await machine.pull()
  expect(report.outcome).toBe('updated')
  expect(report.kept).toHaveLength(1)
  const kept = report.kept[0] ?? ''
  expect(await readFile(join(kept, 'files', SKILL), 'utf8')).toBe('my edit')
  expect(await readFile(join(kept, 'files/skills/a/notes.md'), 'utf8')).toBe('my notes')
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

const DOWNLOADS = [
  ['a bundle', 'catchup/'],
  ['an archive', 'blobs/'],
] as const

/** Runs once the pull asks for what it is about to install. */
async function during(
  prefix: (typeof DOWNLOADS)[number][1],
  { team, machine }: { team: Team; machine: TestMachine },
  act: () => Promise<unknown>,
): Promise<void> {
  if (prefix === 'blobs/') await hideCatchups(team.store)
  machine.store.lies = {
    before: async ({ key }) => {
      if (key.startsWith(prefix)) await act()
    },
  }
}

test.each(DOWNLOADS)('a rollback while a pull downloads %s wins', async (_what, prefix) => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  await machine.pull()
  await team.ship({ [SKILL]: 'three' })
  await during(prefix, { team, machine }, () => rollback(machine.context))
  expect(await machine.pull()).toMatchObject({ outcome: 'dropped' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  machine.store.lies = {}
  expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
})

test.each(DOWNLOADS)('a pin set while a pull downloads %s wins', async (_what, prefix) => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  await during(prefix, { team, machine }, () => pin(machine.context))
  expect(await machine.pull()).toMatchObject({ outcome: 'dropped' })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
})

test('two pulls at once: one updates, the other finds it done', async () => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  const outcomes = (await Promise.all([machine.pull(), machine.pull()])).map(({ outcome }) => outcome)
  expect(outcomes).toContain('updated')
  for (const outcome of outcomes) expect(['updated', 'dropped', 'current']).toContain(outcome)
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

test.each([{ check: true }, { dryRun: true }])(
  '%o tells what is to be done and does nothing',
  async (options) => {
    const { team, machine } = await running()
    expect(await machine.pull(options)).toMatchObject({ outcome: 'current' })
    const { version, manifest } = await team.ship({ [SKILL]: 'two' })
    const before = await machine.current()
    machine.store.forget()
    expect(await machine.pull(options)).toMatchObject({
      outcome: 'pending',
      next: { version, manifest },
      changes: { modified: ['skills/a'] },
    })
    expect(machine.store.log.filter((call) => / (?:targets|blobs)\//.test(call))).toEqual([])
    expect(await machine.current()).toBe(before)
    expect((await status(machine.context)).reasons).toEqual([`${version} is available: run skillsctl pull`])
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  },
)

test('a head that was seen and then reverted is not offered any more', async () => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'bad' })
  await machine.pull({ check: true })
  await revert(team.release, STABLE, undefined, yes)
  expect(await machine.pull()).toMatchObject({ outcome: 'current' })
  expect((await status(machine.context)).reasons).toEqual([])
})

describe('freshness', () => {
  test('requireFresh fails as stale when the signature is older', async () => {
    const { team, machine } = await running()
    team.clock.pass(25 * HOUR)
    expect(await machine.pull({ requireFresh: 24 * HOUR })).toMatchObject({
      outcome: 'failed',
      problem: { code: 'stale' },
    })
    expect(await machine.pull({ requireFresh: 26 * HOUR })).toMatchObject({ outcome: 'current' })
    await renew(team.ci)
    expect(await machine.pull({ requireFresh: 24 * HOUR })).toMatchObject({ outcome: 'current' })
  })

  test('requireFresh installs nothing that is older', async () => {
    const { team, machine } = await running()
    const before = await machine.files()
    await team.ship({ 'skills/new/SKILL.md': '# new\n' })
    team.clock.pass(25 * HOUR)
    const report = await machine.pull({ requireFresh: 24 * HOUR })
    expect(report).toMatchObject({ outcome: 'failed', problem: { code: 'stale' } })
    expect(await machine.files()).toEqual(before)
  })

  test('a frozen mirror is told of after three days and fails after thirty, still running', async () => {
    const { team, machine } = await running()
    team.clock.pass(2 * DAY)
    expect(await machine.pull()).toMatchObject({ outcome: 'current', warnings: [] })
    team.clock.pass(DAY + HOUR)
    const warned = await machine.pull()
    expect(warned).toMatchObject({ outcome: 'current' })
    expect(warned.warnings).toHaveLength(1)
    team.clock.pass(26 * DAY)
    expect((await machine.pull()).outcome).toBe('current')
    team.clock.pass(DAY)
    expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'stale' } })
    expect(await machine.files()).toEqual({ [SKILL]: 'one' })
    expect((await status(machine.context)).reasons.length).toBeGreaterThan(0)
  })

  test('a signed time in the future only warns', async () => {
    const { team, machine } = await running()
    team.clock.pass(2 * DAY)
    await renew(team.ci)
    team.clock.pass(-2 * DAY)
    const report = await machine.pull()
    expect(report.outcome).toBe('current')
    expect(report.warnings.join()).toContain('future')
  })
})

test('what a newer skillsctl requires is no update, and says so', async () => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  await commit(team.release, async (view) => {
    const role = await view.role('stable')
    const target = role.targets[STABLE.target] ?? {}
    const custom = { ...(target['custom'] as object), requires: ['overlays/2'] }
    return {
      edits: [{ role: 'stable', signed: { ...role, targets: { [STABLE.target]: { ...target, custom } } } }],
    }
  })
  expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'unsupported' } })
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
})

test('a pinned machine stays, knows the head, and follows again after unpin', async () => {
  const { team, machine } = await running()
  await pin(machine.context)
  const { version } = await team.ship({ [SKILL]: 'two' })
  expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
  const { head, reasons } = await status(machine.context)
  expect(head?.version).toBe(version)
  expect(reasons.join()).toContain('pinned')
  await unpin(machine.context)
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
})

test('follows promotions only, not canary', async () => {
  const { team, machine } = await running()
  await team.commit({ [SKILL]: 'two' })
  await team.publish()
  expect(await machine.pull()).toMatchObject({ outcome: 'current' })
  await promote(team.release, 'canary', STABLE, yes)
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
})

test('a damaged field of the state costs that field only: a pin holds', async () => {
  const { team, machine } = await running()
  await team.ship({ 'skills/new/SKILL.md': '# new\n' })
  await machine.pull()
  await rollback(machine.context)
  const state = JSON.parse(await readFile(machine.layout.state, 'utf8'))
  await writeFile(machine.layout.state, JSON.stringify({ ...state, signedAt: 'soon', 'x-newer': 1 }))
  expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
  expect(JSON.parse(await readFile(machine.layout.state, 'utf8'))).toMatchObject({
    'x-newer': 1,
    pin: state.pin,
  })
})

test('a damaged state, trust or stat record costs a request, never correctness', async () => {
  const { team, machine } = await running()
  await team.ship({ [SKILL]: 'two' })
  for (const path of [
    machine.layout.state,
    join(machine.layout.trust, 'root.json'),
    join(machine.layout.trust, 'timestamp.json'),
  ])
    await writeFile(path, '{"torn":')
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(await machine.files()).toEqual({ [SKILL]: 'two' })
})

test('a pull that finds nothing new records what a full disk had kept from being recorded', async () => {
  const team = await createTeam()
  await team.ship({ 'skills/a/SKILL.md': 'one' })
  const machine = await team.joined()
  await writeFile(machine.layout.history, '')
  expect((await machine.pull()).outcome).toBe('current')
  const { to, why } = JSON.parse(await readFile(machine.layout.history, 'utf8'))
  expect({ to: `releases/${to}`, why }).toEqual({ to: await machine.current(), why: 'recovered' })
})
