/** Power loss in a store that is a directory: whatever the timestamp may name is on disk before it is. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVERYTHING } from '../crash/kill.ts'
import { KEYS, Scene } from '../crash/scene.ts'
import { CLI, PRELOAD, RUN } from '../support/victim.ts'
import { Disk, snapshot } from './disk.ts'
import { faultsOfStore, isSafe } from './judge.ts'
import { recordNode } from './recording.ts'
import { isSync, replay } from './replay.ts'
import { type Call, pathIn, whyNoStrace } from './strace.ts'

let scene: Scene
beforeAll(async () => {
  if (whyNoStrace() === undefined) scene = await Scene.build({ ahead: false })
})
afterAll(() => scene?.dispose())

/** Records a command on a store, and judges every moment of it. */
async function recordOn(store: string, run: () => Promise<readonly Call[]>, keys: readonly string[] = []) {
  await scene.restore()
  const met = await snapshot(await realpath(scene.at('.')))
  const calls = await run()
  const judge = (given: readonly Call[] = calls): string[] => {
    const disk = new Disk(met)
    const timestamp = join(store, 'metadata/timestamp.json')
    const before = disk.find(timestamp)
    const faults = new Set<string>()
    for (const _ of replay(disk, given)) {
      for (const fault of faultsOfStore(disk, store, before, keys)) faults.add(fault)
    }
    if (!isSafe(disk, timestamp)) faults.add('done, and yet the timestamp may be lost')
    return [...faults]
  }
  return { calls, judge }
}

async function recordRun(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<readonly Call[]> {
  const { exit, stderr, calls } = await recordNode(args, { TMPDIR: scene.temporary, ...env }, cwd)
  expect(exit, stderr).toBe(0)
  return calls
}

describe.skipIf(whyNoStrace() !== undefined)('a power loss at any moment', () => {
  test('of a publish leaves the old or the new head, and everything that it names', async () => {
    const env = { SKILLSCTL_TOKEN: scene.token, SKILLSCTL_KEY: KEYS.ci, PATH: process.env['PATH'] ?? '' }
    const { calls, judge } = await recordOn(scene.storage, () =>
      recordRun([CLI, 'publish'], env, scene.git.directory),
    )
    expect(judge()).toEqual([])
    const isBlob = (call: Call): boolean => isSync(call) && (pathIn(call.args[0]) ?? '').includes('/blobs')
    expect(calls.filter(isBlob).length).toBeGreaterThan(0)
    expect(judge(calls.filter((call) => !isBlob(call)))).toContainEqual(
      expect.stringMatching(/^there may be a new timestamp, but no blobs\//),
    )
  })

  test.runIf(EVERYTHING)(
    'of making a repository leaves nothing, or a complete one and its keys',
    async () => {
      const store = scene.at('new/store')
      const job = {
        flow: 'init',
        store: new URL(`file://${store}`).href,
        keys: scene.at('keys'),
        passphrase: 'four random words here',
        now: scene.now,
      }
      const keys = ['root.sealed.json', 'ci.key', 'release.key'].map((name) => join(job.keys, name))
      const { judge } = await recordOn(
        store,
        () => recordRun(['--import', PRELOAD, RUN, JSON.stringify(job)]),
        keys,
      )
      expect(judge()).toEqual([])
    },
  )
})
