/**
 * Power loss on a machine that shows its releases to agents, and whose person has edited what they are shown: through a
 * link, and in a copy. As home.test.ts, for what is below `surfaces/`, `views/` and `overlays/`.
 */
import { appendFile, chmod, mkdtemp, realpath, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { addSurface } from '../../src/flows/surface.ts'
import type { Installed } from '../../src/home/releases.ts'
import { EVERYTHING, killPoints } from '../crash/kill.ts'
import { type Job, type Operation, PRELOAD, RUN, recordOperations } from '../support/victim.ts'
import { createDesk, type Desk, type Files, seen } from '../surfaces/fixture.ts'
import { Disk, snapshot } from './disk.ts'
import { faultsOfSurfaces, faultsOfSurfacesAtEnd, isSomewhere } from './judge.ts'
import { recordNode } from './recording.ts'
import { isSync, replay } from './replay.ts'
import { type Call, inTurn, pathIn, whyNoStrace } from './strace.ts'

const reason = whyNoStrace()
const LINES = Array.from({ length: 9 }, (_, line) => `line ${line}\n`).join('')
const files = (text: string): Files => ({
  'skills/linked/SKILL.md': `${text}\n${LINES}`,
  'skills/copied/SKILL.md': `${text}\n${LINES}`,
  'skills/other/SKILL.md': `${text}\n`,
})
/** Of two lengths, so that each edit can be told by its size. */
const EDITS = {
  link: { path: 'skills/linked/SKILL.md', words: 'my words\n' },
  copy: { path: 'skills/copied/SKILL.md', words: 'some more words of mine\n' },
} as const

interface Stage extends Desk {
  /** Holds all that is there. */
  readonly top: string
  readonly next: Installed
  readonly roots: Readonly<Record<keyof typeof EDITS, string>>
}

async function setStage(): Promise<Stage> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'power-surfaces-')))
  onTestFinished(() => rm(top, { recursive: true, force: true }))
  vi.stubEnv('TMPDIR', top)
  const desk = await createDesk({ name: 'a root', above: top })
  vi.unstubAllEnvs()
  const [next, old] = [await desk.install(2, files('new')), await desk.install(1, files('old'))]
  // Where the bytes are that the old release was installed with, once it is edited.
  await desk.install(3, { ...files('old'), VERSION: 'another' })
  await desk.run(next)
  await desk.run(old)
  const roots = { link: join(desk.root, 'linked'), copy: join(desk.root, 'copied') }
  for (const by of ['link', 'copy'] as const) {
    const options = { name: by, root: roots[by], by, folders: ['skills'] } as const
    await addSurface(desk.context, 'custom', options, { directory: desk.root, variables: {} })
    const path = join(roots[by], EDITS[by].path)
    await chmod(path, 0o644)
    await appendFile(path, EDITS[by].words)
  }
  return { ...desk, top, next, roots }
}

const jobOn = ({ layout, clock, next }: Stage): Job => ({
  flow: 'rollback',
  home: layout.root,
  now: clock.now,
  version: next.version,
})

interface Recording {
  readonly calls: readonly Call[]
  judge(calls?: readonly Call[]): string[]
}

/** Records what `run` does on a stage, and sees that both edits are shown with the new release in the end. */
async function recordOn(run: (stage: Stage) => Promise<readonly Call[]>): Promise<Recording> {
  const stage = await setStage()
  const { top, layout, roots } = stage
  const met = await snapshot(top)
  const calls = await run(stage)
  for (const root of Object.values(roots))
    for (const { path, words } of Object.values(EDITS)) expect(seen(root)[path]).toBe(`new\n${LINES}${words}`)
  const judge = (given = calls): string[] => {
    const disk = new Disk(met)
    const faults = new Set<string>()
    for (const _ of replay(disk, given)) {
      for (const fault of faultsOfSurfaces(disk, layout.root, [join(roots.copy, 'skills')])) faults.add(fault)
      for (const { path, words } of Object.values(EDITS))
        if (!isSomewhere(disk, top, `old\n${LINES}${words}`.length))
          faults.add(`the edit of ${path} may be lost`)
    }
    for (const fault of faultsOfSurfacesAtEnd(disk, layout.root)) faults.add(fault)
    return [...faults]
  }
  return { calls, judge }
}

async function record(job: Job, env: Readonly<Record<string, string>> = {}): Promise<readonly Call[]> {
  const { calls } = await recordNode(['--import', PRELOAD, RUN, JSON.stringify(job)], {
    PATH: '/nowhere',
    ...env,
  })
  return calls
}

describe.skipIf(reason !== undefined)('a power loss while edits on surfaces are taken over', () => {
  test('leaves surfaces that show what is there, and both edits', async () => {
    expect((await recordOn((stage) => record(jobOn(stage)))).judge()).toEqual([])
  })

  test('is judged: without the syncs of views it could lose something', async () => {
    const { calls, judge } = await recordOn((stage) => record(jobOn(stage)))
    const rest = calls.filter((call) => !(isSync(call) && pathIn(call.args[0])?.includes('/views') === true))
    expect(rest.length).toBeLessThan(calls.length)
    expect(judge(rest)).not.toEqual([])
  })

  const isRename = ({ name }: Operation): boolean => name.startsWith('rename')

  test('after a run that was killed leaves the same', async () => {
    const operations = await recordOperations(jobOn(await setStage()))
    // Right after each rename: the next thing would have been its sync.
    const late = (_: Operation, index: number): boolean =>
      index > 0 && isRename(operations[index - 1] as Operation)
    for (const { at, operation } of killPoints(operations, late, EVERYTHING ? operations.length : 2)) {
      const { judge } = await recordOn(async (stage) => {
        // With sync(1), as when the operations were counted.
        const path = process.env['PATH'] ?? ''
        const killed = await record(jobOn(stage), { VICTIM_KILL_AT: String(at), PATH: path })
        const then = new Date(Date.now() - 10 * 60 * 1000)
        await utimes(stage.layout.lock, then, then).catch(() => {})
        return inTurn(killed, await record(jobOn(stage)))
      })
      expect(judge(), `killed before ${operation.name} ${operation.subject}`).toEqual([])
    }
  })
})
