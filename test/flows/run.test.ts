/** When `skillsctl run` asks the store, for how long it waits, and what it holds (SPEC.md, "Running a command"). */
import { symlinkSync } from 'node:fs'
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { formatInstant } from '../../src/core/parse.ts'
import { withLock } from '../../src/disk/lock.ts'
import { ownIdentity } from '../../src/disk/process-identity.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { beginReading, refreshFirst } from '../../src/flows/run.ts'
import { writeConfig } from '../../src/home/config.ts'
import { currentDirectory } from '../../src/home/releases.ts'
import { type MachineState, updateState } from '../../src/home/state.ts'
import { liveLeases } from '../../src/surfaces/lease.ts'
import { createTestHome, type TestHome } from '../home/home-fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let home: TestHome
let context: MachineContext
let clock = 0
beforeEach(async () => {
  home = await createTestHome()
  onTestFinished(() => home.remove())
  const pin = { version: 1, sha256: '0'.repeat(64) }
  await writeConfig(home.layout, { store: 'memory:x', root: pin, channel: 'stable', machine: 'x', raw: {} })
  clock = 0
  context = {
    layout: home.layout,
    openStore: () => Promise.reject(new Error('nobody asks here')),
    now: () => Date.now(),
    clock: () => clock,
    emit: () => {},
    by: 'test',
  }
})

const ago = (ms: number): string => formatInstant(Date.now() - ms)
const failed = (ms: number) => ({ code: 'unreachable', message: 'no answer', at: ago(ms) })

/** A pull that ends at once, having noted this. */
function pull(note: Partial<MachineState>) {
  return async () => {
    begun += 1
    await updateState(home.layout, note)
  }
}
let begun = 0
beforeEach(() => {
  begun = 0
})

describe('the store is', () => {
  const CASES: [is: string, state: Partial<MachineState>, asked: number, outcome: string][] = [
    ['asked by a machine that never asked', {}, 1, 'fresh'],
    ['asked when its last answer is too old', { checkedAt: ago(6 * MINUTE) }, 1, 'fresh'],
    ['not asked when it is not', { checkedAt: ago(4 * MINUTE) }, 0, 'fresh'],
    ['asked when its last answer lies in the future', { checkedAt: ago(-HOUR) }, 1, 'fresh'],
    [
      'left alone when it has just failed',
      { checkedAt: ago(HOUR), problem: failed(MINUTE / 2) },
      0,
      'failed',
    ],
    [
      'asked again some time after it failed',
      { checkedAt: ago(HOUR), problem: failed(2 * MINUTE) },
      1,
      'fresh',
    ],
    [
      'not asked again when its answer was no good',
      { checkedAt: ago(MINUTE), problem: failed(MINUTE) },
      0,
      'failed',
    ],
  ]
  test.each(CASES)('%s', async (_, state, asked, outcome) => {
    await updateState(home.layout, state)
    const options = { ifOlderThan: 5 * MINUTE, timeout: HOUR }
    const start = pull({ checkedAt: ago(0), problem: undefined })
    expect(await refreshFirst(context, options, start)).toMatchObject({ outcome })
    expect(begun).toBe(asked)
  })

  test('asked every time when no answer is new enough', async () => {
    await updateState(home.layout, { checkedAt: ago(0), problem: failed(0) })
    await refreshFirst(context, { ifOlderThan: 0, timeout: HOUR }, pull({}))
    expect(begun).toBe(1)
  })
})

describe('a refresh', () => {
  const options = { ifOlderThan: 0, timeout: HOUR }

  test('that failed says why', async () => {
    const refreshed = await refreshFirst(context, options, pull({ problem: failed(0) }))
    expect(refreshed).toMatchObject({
      outcome: 'failed',
      problem: { code: 'unreachable', message: 'no answer' },
    })
  })

  test('that died without a word is no success', async () => {
    expect(await refreshFirst(context, options, pull({}))).toMatchObject({ outcome: 'failed' })
  })

  test('that does not end is left to itself', async () => {
    const start = () =>
      new Promise((resolve) => {
        onTestFinished(() => resolve(undefined))
        clock = HOUR
      })
    expect(await refreshFirst(context, { ...options, timeout: 1 }, start)).toEqual({ outcome: 'underway' })
  })

  test('of somebody else is waited for, and not begun a second time', async () => {
    const done = await withLock(home.layout.refreshing, async () => {
      const waiting = refreshFirst(context, options, pull({}))
      await updateState(home.layout, { checkedAt: ago(0) })
      return { waiting }
    })
    expect(await done.waiting).toEqual({ outcome: 'fresh' })
    expect(begun).toBe(0)
  })

  test('of somebody who was killed keeps nobody from another', async () => {
    const dead = { ...ownIdentity(), started: 'long before' }
    await writeFile(home.layout.refreshing, JSON.stringify(dead))
    expect(await refreshFirst(context, options, pull({ checkedAt: ago(0) }))).toEqual({ outcome: 'fresh' })
    expect(begun).toBe(1)
  })

  test('of somebody else that has taken too long already is waited for by nobody', async () => {
    await withLock(home.layout.refreshing, async () => {
      expect(await refreshFirst(context, { ...options, timeout: 0 }, pull({}))).toEqual({
        outcome: 'underway',
      })
    })
    expect(begun).toBe(0)
  })
})

describe('a lease', () => {
  const [first, second] = ['a', 'b'].map((letter) => ({ commit: letter.repeat(40) }))

  async function switchTo(directory: string): Promise<void> {
    const link = join(home.layout.staging, 'link')
    await symlink(`releases/${directory}`, link)
    await rename(link, home.layout.current)
  }

  test('is on the current release, ours, and given back', async () => {
    const { directory, version } = await home.install({ a: '1' }, first)
    await switchTo(directory)
    const reading = await beginReading(context)
    expect(reading.release).toEqual({ path: join(home.layout.releases, directory), version })
    expect(liveLeases(home.layout, Date.now())).toMatchObject([
      { surface: '*', release: directory, holder: { pid: process.pid } },
    ])
    await reading.end()
    expect(await readdir(home.layout.leases)).toEqual([])
  })

  test('is on the next release when the current one is switched while it is taken', async () => {
    const [before, after] = [await home.install({ a: '1' }, first), await home.install({ a: '2' }, second)]
    await switchTo(before.directory)
    await mkdir(home.layout.leases)
    // Read once, when the lease is written down: the moment between looking and leasing.
    let isSwitched = false
    const layout = {
      ...home.layout,
      get staging() {
        if (!isSwitched) {
          isSwitched = true
          const { unlinkSync } = process.getBuiltinModule('node:fs')
          unlinkSync(home.layout.current)
          symlinkSync(`releases/${after.directory}`, home.layout.current)
        }
        return home.layout.staging
      },
    }
    const { release } = await beginReading({ ...context, layout })
    expect(currentDirectory(home.layout)).toBe(after.directory)
    expect(release.version).toBe(after.version)
    expect(liveLeases(home.layout, Date.now())).toMatchObject([{ release: after.directory }])
  })

  test('is not taken where nothing is installed', async () => {
    await expect(beginReading(context)).rejects.toMatchObject({ code: 'absent' })
  })

  test('is taken although the settings cannot be read', async () => {
    await switchTo((await home.install({ a: '1' }, first)).directory)
    await writeFile(home.layout.config, 'torn')
    const { release, problem } = await beginReading(context)
    expect(release.version).toMatch(/-aaaaaaa$/)
    expect(problem).toMatchObject({ code: 'corrupt' })
  })
})
