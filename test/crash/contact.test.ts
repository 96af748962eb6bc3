/** First contact and leaving, killed before every operation: every byte of the person is somewhere, and doing it again ends well. */
import { existsSync } from 'node:fs'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addSurface, leave } from '../../src/index.ts'
import { snapshots } from '../../src/surfaces/snapshot.ts'
import { type Job, type Operation, recordOperations } from '../support/victim.ts'
import { createDesk, type Desk, seen, skill } from '../surfaces/fixture.ts'
import { EVERYTHING, killAtEach, killPoints } from './kill.ts'

const RELEASE = { ...skill('equal', 'x'), ...skill('other', 'x'), ...skill('new', 'x') }
const WAYS = ['link', 'copy'] as const

interface Stage extends Desk {
  readonly claude: string
  readonly before: Readonly<Record<string, string>>
}

async function setStage(): Promise<Stage> {
  const desk = await createDesk()
  const claude = join(desk.root, '.claude')
  const files = { ...skill('equal', 'x'), ...skill('other', 'mine'), ...skill('own', 'mine') }
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(claude, path, '..'), { recursive: true })
    const [text, mode] =
      typeof content === 'object' && 'run' in content ? [content.run, 0o755] : [`${content}`, 0o644]
    await writeFile(join(claude, path), text, { mode })
  }
  await desk.run(await desk.install(1, RELEASE))
  return { ...desk, claude, before: seen(claude) }
}

function jobOf(flow: string, options: object, stage: () => Stage): Job {
  return {
    flow,
    options,
    get home() {
      return stage().layout.root
    },
    get user() {
      return stage().root
    },
    get now() {
      return stage().clock.now
    },
  }
}

/** Whatever the person wrote is in its place, or in `kept/`, or both. */
function expectNothingLost({ claude, layout, before }: Stage): void {
  const there = new Set(Object.values({ ...seen(claude), ...seen(layout.kept) }))
  for (const [path, text] of Object.entries(before)) expect(there.has(text), path).toBe(true)
  // What is in kept/ as a snapshot is whole.
  for (const { name } of snapshots(layout))
    expect(seen(join(layout.kept, name, 'files/claude-code'))).toEqual(before)
}

/** As if it came some minutes later: nobody waits for the writer of a torn lock. */
async function minutesPass({ layout }: Stage): Promise<void> {
  const then = new Date(Date.now() - 10 * 60 * 1000)
  await utimes(layout.lock, then, then).catch(() => {})
}

const isOfContact = ({ subject }: Operation): boolean =>
  /before-join|snapshot|kept|overlays|edits|config|skills/.test(subject)

// By copy, little is different until the last step, which surfaces.test.ts kills.
test.each(EVERYTHING ? WAYS : (['link'] as const))(
  'a surface by %s that is killed while it meets what is there loses nothing',
  async (by) => {
    let stage = await setStage()
    const options = { by, adopt: 'keep' } as const
    const job = jobOf('addSurface', options, () => stage)
    const operations = await recordOperations(job)
    await killAtEach({
      job,
      points: killPoints(operations, isOfContact, 2),
      restore: async () => {
        stage = await setStage()
      },
      verify: async () => {
        expectNothingLost(stage)
        await minutesPass(stage)
        const { context, claude, layout, root } = stage
        await addSurface(context, 'claude-code', options, { directory: root, variables: {} })
        expectNothingLost(stage)
        expect(snapshots(layout)).toHaveLength(1)
        const shown = {
          ...stage.before,
          'skills/new/SKILL.md': 'new: x\n',
          'skills/new/scripts/run.sh': '#!/bin/sh\necho x\n',
        }
        expect(seen(claude)).toEqual(shown)
        await leave(context, { restore: true })
        expect(seen(claude)).toEqual(stage.before)
      },
    })
  },
)

test('leaving that is killed is finished by leaving again, and loses nothing', async () => {
  const joined = async (): Promise<Stage> => {
    const stage = await setStage()
    const user = { directory: stage.root, variables: {} }
    await addSurface(stage.context, 'claude-code', { adopt: 'keep' }, user)
    return stage
  }
  let stage = await joined()
  const job = jobOf('leave', {}, () => stage)
  const operations = await recordOperations(job)
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 1),
    restore: async () => {
      stage = await joined()
    },
    verify: async () => {
      const { context, claude, layout, before } = stage
      expectNothingLost(stage)
      await minutesPass(stage)
      if (existsSync(layout.config)) await leave(context, { restore: true })
      expect(seen(claude)).toEqual(before)
      expect(existsSync(layout.releases) || existsSync(layout.current)).toBe(false)
      expectNothingLost(stage)
      // Nothing of a release was taken for somebody's edit.
      expect(Object.keys(seen(layout.kept)).filter((path) => /damaged|edits\.json/.test(path))).toEqual([])
    },
  })
})
