/** A switch with surfaces, killed before every operation: whole skills at once, and the next run finishes (SPEC.md, "Switching a surface"). */
import { readdirSync, readFileSync } from 'node:fs'
import { appendFile, mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { currentDirectory, type Installed } from '../../src/home/releases.ts'
import { pull, rollback } from '../../src/index.ts'
import { type Job, recordOperations } from '../support/victim.ts'
import { createDesk, type Desk, type Files, inventory, seen, skill } from '../surfaces/fixture.ts'
import { EVERYTHING, killAtEach, killPoints } from './kill.ts'

const OLD: Files = {
  ...skill('quarterback', 'old'),
  ...skill('edited', 'old'),
  ...skill('changed', 'old'),
  ...skill('same', 'same'),
  ...skill('taken', 'old'),
  'commands/go': 'old file\n',
}
const NEW: Files = {
  ...skill('qb', 'new'),
  ...skill('edited', 'new'),
  ...skill('changed', 'new'),
  ...skill('same', 'same'),
  ...skill('taken', 'new'),
  'commands/go/now.md': 'new directory\n',
  'commands/other.md': 'new\n',
}
const WAYS = ['link', 'copy'] as const
const WORDS = 'my words\n'
/** Of the old release, with words that no newer one could be merged with. */
const EDITED = `edited: old\n${WORDS}`

interface Stage extends Desk {
  readonly old: Installed
  readonly new: Installed
  readonly roots: Readonly<Record<(typeof WAYS)[number], string>>
  readonly mine: () => Record<string, string>
}

/** A surface of each kind, with something of the person in the way, and an edit in what is a copy. */
async function setStage(): Promise<Stage> {
  const desk = await createDesk({ name: 'a root' })
  const roots = { link: join(desk.root, 'linked'), copy: join(desk.root, 'copied') }
  for (const by of WAYS) {
    await mkdir(join(roots[by], 'skills/taken'), { recursive: true })
    await writeFile(join(roots[by], 'skills/taken/SKILL.md'), 'mine')
  }
  const [next, old] = [await desk.install(2, NEW), await desk.install(1, OLD)]
  await desk.run(next)
  await desk.run(old)
  for (const by of WAYS) {
    const options = { name: by, root: roots[by], by, folders: ['skills', 'commands'] } as const
    await addSurface(desk.context, 'custom', options, { directory: desk.root, variables: {} })
  }
  await appendFile(join(roots.copy, 'skills/edited/SKILL.md'), WORDS)
  const mine = () =>
    Object.fromEntries(Object.entries(inventory(desk.root)).filter(([path]) => /skills\/taken/.test(path)))
  return { ...desk, old, new: next, roots, mine }
}

/** Path → content of the entries of a release, in the place of one of them something of the person's. */
function shownOf(files: Files): Record<string, string> {
  const texts = Object.entries(files).flatMap(([path, content]) => {
    if (path.startsWith('skills/taken/')) return []
    return [[path, typeof content === 'string' ? content : 'run' in content ? content.run : '']]
  })
  return Object.fromEntries([...texts, ['skills/taken/SKILL.md', 'mine']].sort())
}

/** What a person has written into stays as they left it, wherever it is shown, as far as that was looked at. */
function withoutEdited(found: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(found).filter(([path]) => !path.startsWith('skills/edited/')))
}

/** By entry: path in it → content. */
function byEntry(found: Readonly<Record<string, string>>): Map<string, Record<string, string>> {
  const entries = new Map<string, Record<string, string>>()
  for (const [path, text] of Object.entries(found)) {
    const place = path.split('/').slice(0, 2).join('/')
    entries.set(place, { ...entries.get(place), [path]: text.replace(WORDS, '') })
  }
  return entries
}

function expectWhole(root: string): void {
  const states = [OLD, NEW].map((files) => byEntry(shownOf(files)))
  for (const [place, content] of byEntry(seen(root)))
    expect(
      states.map((state) => state.get(place)),
      `${place} is whole`,
    ).toContainEqual(content)
}

/** In its place, or set aside. */
function expectEditReachable({ roots, layout }: Stage): void {
  const copies = Object.values({ ...seen(roots.copy), ...seen(layout.kept) })
  expect(
    copies.filter((text) => text.endsWith(WORDS)),
    'the edit',
  ).not.toEqual([])
}

function expectShows({ roots, layout }: Stage, files: Files): void {
  for (const by of WAYS) {
    expect(withoutEdited(seen(roots[by])), by).toEqual(withoutEdited(shownOf(files)))
    expect(seen(roots[by])['skills/edited/SKILL.md'], by).toBe(EDITED)
    const leftovers = readdirSync(roots[by]).filter(
      (name) => !['skills', 'commands', '.skillsctl'].includes(name),
    )
    const dotted = readdirSync(join(roots[by], 'skills')).filter((name) => name.startsWith('.'))
    expect([...leftovers, ...dotted]).toEqual([])
    const ledger = JSON.parse(readFileSync(join(layout.ledgers, `${by}.json`), 'utf8'))
    expect(ledger.shadowed).toEqual(['skills/taken'])
    expect(Object.keys(ledger.entries)).toHaveLength(byEntry(shownOf(files)).size - 1)
  }
}

/** To the new release, on whichever stage is set then. */
function rollbackOf(stage: () => Pick<Stage, 'layout' | 'clock' | 'new'>): Job {
  return {
    flow: 'rollback',
    get home() {
      return stage().layout.root
    },
    get now() {
      return stage().clock.now
    },
    get version() {
      return stage().new.version
    },
  }
}

/** As if it came some minutes later: nobody waits for the writer of a torn lock. */
async function minutesPass({ layout }: Pick<Stage, 'layout'>): Promise<void> {
  const then = new Date(Date.now() - 10 * 60 * 1000)
  await utimes(layout.lock, then, then).catch(() => {})
}

describe('a switch that is killed', () => {
  test('shows whole skills, old or new, and whatever runs next finishes it', async () => {
    let stage = await setStage()
    let before = stage.mine()
    const job = rollbackOf(() => stage)
    const operations = await recordOperations(job)
    expectShows(stage, NEW)
    const restore = async (): Promise<void> => {
      stage = await setStage()
      before = stage.mine()
    }
    const isSwitch = operations.findIndex(({ subject }) => /ledgers/.test(subject))
    expect(isSwitch).toBeGreaterThan(0)
    await killAtEach({
      job,
      points: killPoints(operations, (_operation, index) => EVERYTHING || index >= isSwitch - 8, 2),
      restore,
      verify: async () => {
        const { layout, roots, context } = stage
        expect([stage.old.directory, stage.new.directory]).toContain(currentDirectory(layout))
        for (const by of WAYS) expectWhole(roots[by])
        expectEditReachable(stage)
        expect(stage.mine()).toEqual(before)

        // The network is not there: surfaces need none.
        await minutesPass(stage)
        expect((await pull(context)).outcome).toBe('failed')
        expectShows(stage, currentDirectory(layout) === stage.new.directory ? NEW : OLD)
        expectEditReachable(stage)

        await rollback(context, stage.new.version)
        expectShows(stage, NEW)
        await rollback(context, stage.old.version)
        expectShows(stage, OLD)
        for (const by of WAYS) await removeSurface(context, by)
        for (const by of WAYS) expect(seen(roots[by])).toEqual({ 'skills/taken/SKILL.md': 'mine' })
        expect(stage.mine()).toEqual(before)
      },
    })
  })

  test('though nothing but contents changes, and therefore little is noted, is finished as well', async () => {
    const files = (text: string): Files => ({
      ...skill('a', text),
      ...skill('b', text),
      ...skill('same', 'same'),
    })
    const setDesk = async () => {
      const desk = await createDesk({ name: 'linked' })
      const [next, old] = [await desk.install(2, files('new')), await desk.install(1, files('old'))]
      await desk.run(old)
      await addSurface(
        desk.context,
        'custom',
        { name: 'link', root: desk.root },
        { directory: desk.root, variables: {} },
      )
      return { ...desk, old, new: next }
    }
    let desk = await setDesk()
    const job = rollbackOf(() => desk)
    const operations = await recordOperations(job)
    const isSwitch = ({ subject }: { readonly subject: string }) => /surfaces|ledgers|linked/.test(subject)
    expect(
      operations.filter(({ name, subject }) => /rename/.test(name) && isSwitch({ subject })),
    ).toHaveLength(4)
    await killAtEach({
      job,
      points: killPoints(operations, isSwitch, 1),
      restore: async () => {
        desk = await setDesk()
      },
      verify: async () => {
        const { layout, context, root } = desk
        await minutesPass(desk)
        expect((await pull(context)).outcome).toBe('failed')
        const runs = currentDirectory(layout) === desk.new.directory ? 'new' : 'old'
        expect(Object.values(seen(root)).join()).not.toContain(runs === 'new' ? 'old' : 'new')
        await rollback(context, desk.old.version)
        expect(Object.values(seen(root)).join()).not.toContain('new')
      },
    })
  })

  test('and is followed by another switch instead ends there', async () => {
    let stage = await setStage()
    const job = rollbackOf(() => stage)
    const operations = await recordOperations(job)
    await killAtEach({
      job,
      points: killPoints(operations, ({ subject }) => /copied|linked|surfaces|ledgers/.test(subject), 2),
      restore: async () => {
        stage = await setStage()
      },
      verify: async () => {
        await minutesPass(stage)
        const third: Files = {
          ...skill('edited', 'third'),
          ...skill('quarterback', 'third'),
          ...skill('taken', ''),
        }
        const release = await stage.install(3, third)
        await rollback(stage.context, release.version)
        expectShows(stage, third)
        expectEditReachable(stage)
      },
    })
  })
})
