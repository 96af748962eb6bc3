/**
 * Power loss on a machine: the system calls of real processes are recorded, and what could be left is judged at every
 * moment. More than test/crash can show, where the kernel lives on after a kill and writes everything all the same.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Edit } from '../crash/invariant.ts'
import { EVERYTHING, killPoints } from '../crash/kill.ts'
import { Scene } from '../crash/scene.ts'
import { type Operation, PRELOAD, RUN, recordOperations } from '../support/victim.ts'
import { type Recording, recordCommand, recordNode, recordOn } from './recording.ts'
import { isSync } from './replay.ts'
import { type Call, inTurn, pathIn, whyNoStrace } from './strace.ts'

const reason = whyNoStrace()
if (reason !== undefined) process.stderr.write(`not tested: power loss, because ${reason}\n`)

let scene: Scene
let edits: Edit[]
beforeAll(async () => {
  if (reason !== undefined) return
  scene = await Scene.build({ ahead: true })
  await scene.restore()
  edits = [
    { version: scene.release(4).version, path: 'README.md', content: 'my own words\n' },
    { version: scene.release(1).version, path: 'notes.txt', content: 'a note\n' },
  ]
  await scene.edit(edits)
  // To be fetched when somebody wants it again.
  await rm(join(scene.home, 'releases', scene.release(2).version), { recursive: true })
  await scene.keep()
})
afterAll(() => scene?.dispose())

/** Where programs are found: with sync(1), and without, so that each file is synced by itself. */
const PROGRAMS = process.env['PATH'] ?? ''
const NOWHERE = '/nowhere'

function recordHere(args: readonly string[], round: number, path: string) {
  const { home } = scene
  return recordOn({ scene, home, edits, round }, () => recordCommand(args, { scene, home, path }))
}

describe.skipIf(reason !== undefined)('a power loss at any moment leaves the old or the new release', () => {
  /** How the whole tree gets to disk; the longer way in the long form, and below. */
  const ways = [
    ['one sync of the file system', PROGRAMS],
    ['a sync of every file', NOWHERE],
  ] as const
  describe.each(EVERYTHING ? ways : ways.slice(0, 1))('with %s', (_, path) => {
    test('during a first install, or nothing', async () => {
      const home = scene.at('new/home')
      const { judge } = await recordOn({ scene, home, edits: [], round: 5 }, () =>
        recordCommand(['join', scene.token], { scene, home, path }),
      )
      expect(judge()).toEqual([])
    })

    test('during an update that keeps local edits and tidies', async () => {
      expect((await recordHere(['pull'], 5, path)).judge()).toEqual([])
    })

    test.runIf(EVERYTHING)('during a rollback that fetches', async () => {
      const { version } = scene.release(2)
      expect((await recordHere(['rollback', version], 2, path)).judge()).toEqual([])
    })
  })

  test('during a rollback to what is on disk', async () => {
    expect((await recordHere(['rollback'], 3, PROGRAMS)).judge()).toEqual([])
  })
})

describe.skipIf(reason !== undefined)('a power loss during a pull after one that was killed', () => {
  /** From the release that is placed to the end: what the second run finds may be there by name only. */
  function isLate(operations: readonly Operation[], index: number): boolean {
    const placed = operations.findIndex(({ name, subject }) => name === 'rename' && /\/tree → /.test(subject))
    return index > placed
  }

  test.runIf(EVERYTHING)('leaves the old or the new release', async () => {
    const { home } = scene
    const job = { flow: 'pull', home, now: scene.now, temporary: scene.temporary }
    await scene.restore()
    const operations = await recordOperations(job)
    for (const { at, operation } of killPoints(operations, (_, index) => isLate(operations, index), 2)) {
      const env = { VICTIM_KILL_AT: String(at), PATH: PROGRAMS, TMPDIR: scene.temporary }
      const { judge } = await recordOn({ scene, home, edits, round: 5 }, async () => {
        const killed = await recordNode(['--import', PRELOAD, RUN, JSON.stringify(job)], env)
        await scene.minutesPass()
        return inTurn(killed.calls, await recordCommand(['pull'], { scene, home, path: NOWHERE }))
      })
      expect(judge(), `killed before ${operation.name} ${operation.subject}`).toEqual([])
    }
  })
})

describe.skipIf(reason !== undefined)('the judge refuses', () => {
  const subject = ({ args }: Call): string => pathIn(args[0]) ?? ''

  let update: Recording
  beforeAll(async () => {
    update = await recordHere(['pull'], 5, NOWHERE)
  })

  test('an update without any one of the syncs of its tree', () => {
    const { calls, judge } = update
    expect(judge()).toEqual([])
    const needed = calls
      .filter((call) => isSync(call) && subject(call).includes('/tree'))
      .filter((_, index) => EVERYTHING || index % 6 === 0)
    expect(needed.length).toBeGreaterThan(3)
    const spared = needed.filter((call) => judge(calls.filter((other) => other !== call)).length === 0)
    expect(spared.map(subject)).toEqual([])
  })

  test('an update without the sync of the file system', async () => {
    const { calls, judge } = await recordHere(['pull'], 5, PROGRAMS)
    expect(judge(calls.filter(({ name }) => name !== 'syncfs'))).toContain(
      `current may name ${scene.release(5).version}, where the content or mode of README.md may be lost`,
    )
  })

  test.each([
    ['releases', (version: string) => `current may name ${version}, which may be missing`],
    ['manifests', (version: string) => `the manifest of ${version} may be missing`],
    // What tidies away a release takes its edits with it.
    ['kept', () => 'the edit of notes.txt may be lost'],
    ['home', (version: string) => `done, and yet current may not name ${version}`],
  ])('an update without the syncs of %s/', (directory, fault) => {
    const { calls, judge } = update
    const without = calls.filter((call) => !isSync(call) || !subject(call).endsWith(`/${directory}`))
    expect(judge(without)).toContain(fault(scene.release(5).version))
  })
})
