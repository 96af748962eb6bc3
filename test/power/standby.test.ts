/**
 * Power loss and a standby: what an update takes over was written by a process before it, which nobody has synced
 * since. So both are recorded, and judged as one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVERYTHING, killPoints } from '../crash/kill.ts'
import { Scene } from '../crash/scene.ts'
import { PRELOAD, RUN, recordOperations } from '../support/victim.ts'
import { type Recording, recordCommand, recordNode, recordOn } from './recording.ts'
import { isSync } from './replay.ts'
import { type Call, inTurn, pathIn, type Recorded, whyNoStrace } from './strace.ts'

let scene: Scene
beforeAll(async () => {
  if (whyNoStrace() === undefined) scene = await Scene.build({ ahead: true })
})
afterAll(() => scene?.dispose())

/** With sync(1), and without, so that each file is synced by itself. */
const PROGRAMS = process.env['PATH'] ?? ''
const NOWHERE = '/nowhere'

/** `pull` would find the next release; this is only what it does where it finds none. */
function prepare(path: string, env: Readonly<Record<string, string>> = {}): Promise<Recorded> {
  const job = { flow: 'standby', home: scene.home, now: scene.now }
  const preload = Object.keys(env).length === 0 ? [] : ['--import', PRELOAD]
  return recordNode([...preload, RUN, JSON.stringify(job)], { PATH: path, TMPDIR: scene.temporary, ...env })
}

interface Runs {
  readonly recording: Recording
  readonly made: readonly Call[]
  readonly updated: readonly Call[]
}

/** A standby is made, and then an update changes it. */
async function recordBoth(path: string): Promise<Runs> {
  const { home } = scene
  let [made, updated]: (readonly Call[])[] = []
  const restore = () => scene.restoreInstalled()
  const recording = await recordOn({ scene, home, edits: [], round: 5, restore }, async () => {
    const { exit, stderr, calls } = await prepare(path)
    expect(exit, stderr).toBe(0)
    made = calls
    updated = await recordCommand(['pull'], { scene, home, path })
    return inTurn(made, updated)
  })
  return { recording, made: made ?? [], updated: updated ?? [] }
}

const subject = ({ args }: Call): string => pathIn(args[0]) ?? ''
const moves = (calls: readonly Call[], from: string, to: string): boolean =>
  calls.some(
    ({ name, args }) => name.startsWith('rename') && args.join().includes(from) && args.join().includes(to),
  )

const ways = [
  ['one sync of the file system', PROGRAMS],
  ['a sync of every file', NOWHERE],
] as const

describe.skipIf(whyNoStrace() !== undefined).each(ways)('a standby made with %s', (_, path) => {
  let runs: Runs
  beforeAll(async () => {
    runs = await recordBoth(path)
  })

  test('is used, and a power loss at any moment leaves the old or the new release', () => {
    const { recording, made, updated } = runs
    expect(moves(made, '/staging/', '/standby"')).toBe(true)
    expect(moves(updated, '/home/standby"', '/staging/')).toBe(true)
    expect(updated.filter(({ name }) => name === 'syncfs')).toEqual([])
    expect(updated.filter(isSync).some((call) => subject(call).includes('unchanged'))).toBe(false)
    expect(recording.judge()).toEqual([])
  })

  test('the judge refuses the first run without its syncs: the second one does not make up for them', () => {
    const { recording, made, updated } = runs
    const faults = recording.judge(
      inTurn(
        made.filter((call) => !isSync(call)),
        updated,
      ),
    )
    expect(faults).toContainEqual(
      expect.stringMatching(/where the content or mode of skills\/unchanged\/SKILL\.md/),
    )
  })

  test('the judge refuses an update without any one of the syncs of what it changed', () => {
    const { recording, made, updated } = runs
    const needed = updated
      .filter((call) => isSync(call) && subject(call).includes('/tree'))
      .filter((__, index) => EVERYTHING || index % 4 === 0)
    expect(needed.length).toBeGreaterThan(1)
    const spared = needed.filter(
      (call) =>
        recording.judge(
          inTurn(
            made,
            updated.filter((other) => other !== call),
          ),
        ).length === 0,
    )
    expect(spared.map(subject)).toEqual([])
  })
})

describe.skipIf(whyNoStrace() !== undefined)(
  'a power loss during an update after one that was killed',
  () => {
    test.runIf(EVERYTHING)('while it made a standby leaves the old or the new release', async () => {
      const { home } = scene
      const restore = () => scene.restoreInstalled()
      await restore()
      const operations = await recordOperations({
        flow: 'standby',
        home,
        now: scene.now,
        temporary: scene.temporary,
      })
      for (const { at, operation } of killPoints(operations, () => true, 2)) {
        const { judge } = await recordOn({ scene, home, edits: [], round: 5, restore }, async () => {
          const killed = await prepare(NOWHERE, { VICTIM_KILL_AT: String(at) })
          await scene.minutesPass()
          return inTurn(killed.calls, await recordCommand(['pull'], { scene, home, path: NOWHERE }))
        })
        expect(judge(), `killed before ${operation.name} ${operation.subject}`).toEqual([])
      }
    })

    test.runIf(EVERYTHING)('while it changed a standby leaves the old or the new release', async () => {
      const { home } = scene
      const job = { flow: 'pull', home, now: scene.now, temporary: scene.temporary }
      const restore = () => scene.restoreReady()
      await restore()
      const operations = await recordOperations(job)
      const taken = operations.findIndex(
        ({ name, subject: of }) => name === 'rename' && of.includes('/standby → '),
      )
      expect(taken).toBeGreaterThan(0)
      for (const { at, operation } of killPoints(operations, (__, index) => index > taken, 2)) {
        const env = { VICTIM_KILL_AT: String(at), PATH: PROGRAMS, TMPDIR: scene.temporary }
        const { judge } = await recordOn({ scene, home, edits: [], round: 5, restore }, async () => {
          const killed = await recordNode(['--import', PRELOAD, RUN, JSON.stringify(job)], env)
          await scene.minutesPass()
          return inTurn(killed.calls, await recordCommand(['pull'], { scene, home, path: NOWHERE }))
        })
        expect(judge(), `killed before ${operation.name} ${operation.subject}`).toEqual([])
      }
    })
  },
)
