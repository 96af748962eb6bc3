/**
 * Power loss on a machine that shows its releases to agents, and whose person has edited what they are shown: through a
 * link, and in a copy. As home.test.ts, for what is below `surfaces/`, `views/` and `overlays/`.
 */
import { existsSync } from 'node:fs'
import { appendFile, chmod, mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { rollback } from '../../src/flows/rollback.ts'
import { addSurface } from '../../src/flows/surface.ts'
import type { Installed } from '../../src/home/releases.ts'
import { EVERYTHING, killPoints } from '../crash/kill.ts'
import { type Job, type Operation, PRELOAD, RUN, recordOperations } from '../support/victim.ts'
import { createDesk, type Desk, type Files, seen, skill } from '../surfaces/fixture.ts'
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

/** With its home and its root below one directory. */
async function deskBelow(): Promise<{ readonly top: string; readonly desk: Desk }> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'power-surfaces-')))
  onTestFinished(() => rm(top, { recursive: true, force: true }))
  vi.stubEnv('TMPDIR', top)
  const desk = await createDesk({ name: 'a root', above: top })
  vi.unstubAllEnvs()
  return { top, desk }
}

async function setStage(): Promise<Stage> {
  const { top, desk } = await deskBelow()
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

interface Situation<S extends Desk> {
  readonly stage: () => Promise<S & { readonly top: string }>
  /** Directories whose entries are copies. */
  readonly copies: (stage: S) => string[]
  /** What the person has written, by name. */
  readonly words: Readonly<Record<string, string>>
  /** What has to be so in the end. */
  readonly verify: (stage: S) => void
}

/** Takes over edits through a link and in a copy: both are shown with the new release in the end. */
const TAKEN_OVER: Situation<Stage> = {
  stage: setStage,
  copies: ({ roots }) => [join(roots.copy, 'skills')],
  words: Object.fromEntries(Object.values(EDITS).map(({ path, words }) => [path, `old\n${LINES}${words}`])),
  verify: ({ roots }) => {
    for (const root of Object.values(roots))
      for (const { path, words } of Object.values(EDITS))
        expect(seen(root)[path]).toBe(`new\n${LINES}${words}`)
  },
}

const ROOMS = ['overlays', 'views', 'surfaces', 'ledgers']

/** Records what `run` does on a stage, and sees that it did it. @param rooms of which nothing may be lost in the end */
async function recordOn<S extends Desk>(
  situation: Situation<S>,
  run: (stage: S) => Promise<readonly Call[]>,
  rooms: readonly string[] = [...ROOMS, 'kept'],
): Promise<Recording> {
  const stage = await situation.stage()
  const { top, layout } = stage
  const met = await snapshot(top)
  const calls = await run(stage)
  situation.verify(stage)
  const copies = situation.copies(stage)
  const judge = (given = calls): string[] => {
    const disk = new Disk(met)
    const faults = new Set<string>()
    for (const _ of replay(disk, given)) {
      for (const fault of faultsOfSurfaces(disk, layout.root, copies)) faults.add(fault)
      for (const [name, text] of Object.entries(situation.words))
        if (!isSomewhere(disk, top, Buffer.byteLength(text)))
          faults.add(`what was written in ${name} may be lost`)
    }
    for (const fault of faultsOfSurfacesAtEnd(disk, layout.root, rooms)) faults.add(fault)
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

/** Does it again after a kill right after each rename: the next thing would have been its sync. */
async function killedAfterRenames<S extends Desk>(
  situation: Situation<S>,
  jobOf: (stage: S) => Job,
): Promise<void> {
  const isRename = (operation: Operation | undefined): boolean =>
    operation?.name.startsWith('rename') === true
  const operations = await recordOperations(jobOf(await situation.stage()))
  const late = (_: Operation, index: number): boolean => isRename(operations[index - 1])
  for (const { at, operation } of killPoints(operations, late, EVERYTHING ? operations.length : 2)) {
    const again = async (stage: S): Promise<readonly Call[]> => {
      // With sync(1), as when the operations were counted.
      const path = process.env['PATH'] ?? ''
      const killed = await record(jobOf(stage), { VICTIM_KILL_AT: String(at), PATH: path })
      const then = new Date(Date.now() - 10 * 60 * 1000)
      await utimes(stage.layout.lock, then, then).catch(() => {})
      return inTurn(killed, await record(jobOf(stage)))
    }
    // What the first run has put into kept/ has no other name than its own: the words say whether they are anywhere.
    const { judge } = await recordOn(situation, again, ROOMS)
    expect(judge(), `killed before ${operation.name} ${operation.subject}`).toEqual([])
  }
}

describe.skipIf(reason !== undefined)('a power loss while edits on surfaces are taken over', () => {
  test('leaves surfaces that show what is there, and both edits', async () => {
    expect((await recordOn(TAKEN_OVER, (stage) => record(jobOn(stage)))).judge()).toEqual([])
  })

  test('is judged: without the syncs of views it could lose something', async () => {
    const { calls, judge } = await recordOn(TAKEN_OVER, (stage) => record(jobOn(stage)))
    const rest = calls.filter((call) => !(isSync(call) && pathIn(call.args[0])?.includes('/views') === true))
    expect(rest.length).toBeLessThan(calls.length)
    expect(judge(rest)).not.toEqual([])
  })

  test('after a run that was killed leaves the same', () => killedAfterRenames(TAKEN_OVER, jobOn))
})

/** A surface meets what a person has, and takes its place; or it is taken away, and that comes back. */
const MINE = { 'skills/other/SKILL.md': 'mine\n', 'skills/own/SKILL.md': 'only I have this\n' }

interface Contact extends Desk {
  readonly top: string
  readonly claude: string
}

async function meet(): Promise<Contact> {
  const { top, desk } = await deskBelow()
  const claude = join(desk.root, '.claude')
  for (const [path, text] of Object.entries(MINE)) {
    await mkdir(join(claude, path, '..'), { recursive: true })
    await writeFile(join(claude, path), text)
  }
  await desk.run(await desk.install(1, { ...skill('other', 'theirs'), ...skill('new', 'theirs') }))
  return { ...desk, top, claude }
}

const contactJob =
  (flow: string, by: 'link' | 'copy') =>
  ({ layout, root, clock }: Contact): Job => ({
    flow,
    home: layout.root,
    user: root,
    now: clock.now,
    options: { by, adopt: 'take' },
  })

const contact = (by: 'link' | 'copy'): Situation<Contact> => ({
  stage: meet,
  copies: ({ claude }) => (by === 'copy' ? [join(claude, 'skills')] : []),
  words: MINE,
  verify: ({ claude }) => expect(Object.keys(seen(claude))).toContain('skills/new/SKILL.md'),
})

describe.skipIf(reason !== undefined).each(EVERYTHING ? (['link', 'copy'] as const) : (['link'] as const))(
  'a power loss while a surface by %s meets what is there',
  (by) => {
    const job = contactJob('addSurface', by)
    test('leaves what the person has written', async () => {
      const { judge } = await recordOn(contact(by), (stage) => record(job(stage)))
      expect(judge()).toEqual([])
    })

    test.runIf(EVERYTHING)('after a run that was killed leaves the same', () =>
      killedAfterRenames(contact(by), job),
    )
  },
)

/** Leaves with edits that are shown merged: what is left of them is in `kept/` alone. */
const LEFT: Situation<Stage> = {
  ...TAKEN_OVER,
  stage: async () => {
    const stage = await setStage()
    await rollback(stage.context, stage.next.version)
    return stage
  },
  verify: ({ layout }) => expect([layout.config, layout.releases].filter(existsSync)).toEqual([]),
}

const leaveJob = ({ layout, clock }: Stage): Job => ({ flow: 'leaveAll', home: layout.root, now: clock.now })

describe.skipIf(reason !== undefined)('a power loss while a machine leaves', () => {
  test('leaves both edits', async () => {
    const { judge } = await recordOn(LEFT, (stage) => record(leaveJob(stage)), ['kept'])
    expect(judge().filter((fault) => !fault.startsWith('surface '))).toEqual([])
  })
})
