/** Somebody reads every skill all the time, while one release after the other is switched under it, and switches are killed. */
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withLock } from '../../src/disk/lock.ts'
import { doctor } from '../../src/flows/doctor.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { currentDirectory, type Installed } from '../../src/home/releases.ts'
import { rollback } from '../../src/index.ts'
import type { Host } from '../../src/surfaces/host.ts'
import { pointerPath } from '../../src/surfaces/pointer.ts'
import { randoms } from '../support/randoms.ts'
import { CLI, runProcess } from '../support/victim.ts'
import { createDesk, type Desk, seen } from '../surfaces/fixture.ts'
import { libraryOf, type ReadSurface, startReader, WORDS } from './library.ts'

/** Set by vitest.surfaces.config.ts: as often as is claimed. */
const EVERYTHING = process.env['SKILLSCTL_SURFACES'] === 'all'
/** To repeat a failure: SKILLSCTL_SEED=<the number that it printed>. */
const SEED = Number(process.env['SKILLSCTL_SEED'] ?? Date.now() % 1_000_000_007)
const SWITCHES = EVERYTHING ? 200 : 12
const COMMANDS = EVERYTHING ? 40 : 1
const KILLS = EVERYTHING ? 300 : 3

interface Library extends Desk {
  readonly releases: readonly Installed[]
  readonly surfaces: readonly ReadSurface[]
}

/** Eight releases, one surface of each kind, and a skill of the person's on both. */
async function createLibrary(): Promise<Library> {
  const desk = await createDesk()
  // The command line has a clock of its own.
  desk.clock.now = Date.now()
  const releases: Installed[] = []
  for (let number = 0; number < 8; number++) {
    const release = await desk.install(number + 1, libraryOf(number))
    await desk.run(release)
    releases.push(release)
  }
  const surfaces: ReadSurface[] = []
  for (const by of ['link', 'copy'] as const) {
    const root = join(desk.root, by)
    await mkdir(join(root, 'skills/mine'), { recursive: true })
    await writeFile(join(root, 'skills/mine/SKILL.md'), WORDS)
    const user = { directory: desk.root, variables: {} }
    await addSurface(desk.context, 'custom', { name: by, root, by }, user)
    surfaces.push({ root, by, pointer: pointerPath(desk.layout, by) })
  }
  return { ...desk, releases, surfaces }
}

function expectShown({ surfaces }: Library, number: number): void {
  for (const { root } of surfaces)
    expect(seen(root)).toEqual({ ...libraryOf(number), 'skills/mine/SKILL.md': WORDS })
}

const rollbackTo = ({ layout }: Library, { version }: Installed, killAfter?: number) =>
  runProcess([CLI, 'rollback', version, '--quiet'], {
    env: { SKILLSCTL_HOME: layout.root },
    ...(killAfter === undefined ? {} : { killAfter }),
  })

test(`a reader sees whole skills while ${SWITCHES} releases are switched under it, and ${COMMANDS} by the command line`, async () => {
  const library = await createLibrary()
  const { releases, surfaces, layout, context } = library
  const reader = await startReader(surfaces)
  let count = 0
  // On a busy machine more of them: it has to be there while they happen.
  for (; count < SWITCHES || reader.rounds() < SWITCHES / 2; count++) {
    const release = releases[count % releases.length]
    if (release === undefined) throw new Error('there is no release')
    const { settled } = await withLock(layout.lock, async () => {
      await library.run(release)
      return followCurrent(context)
    })
    expect(settled.map(({ outcome }) => outcome)).toEqual(['moved', 'moved'])
    expectShown(library, count % releases.length)
  }
  for (const last = count + COMMANDS; count < last; count++) {
    const number = count % releases.length
    const release = releases[number]
    if (release === undefined) throw new Error('there is no release')
    expect(await rollbackTo(library, release)).toMatchObject({ code: 0 })
    expectShown(library, number)
  }
  const read = await reader.end()
  expect(read.failures).toEqual([])
  expect(warned(library)).toEqual([])
})

test(`and while ${KILLS} switches are killed at random moments, each finished by the next run or by doctor`, async () => {
  const library = await createLibrary()
  const { releases, surfaces, layout, context } = library
  const reader = await startReader(surfaces)
  const random = randoms(SEED)
  const started = performance.now()
  await rollbackTo(library, releases[0] ?? fail())
  const usual = performance.now() - started
  let kills = 0
  for (let count = 1; count <= KILLS; count++) {
    const number = count % releases.length
    const release = releases[number] ?? fail()
    const { killed } = await rollbackTo(library, release, usual * (0.2 + 0.9 * random.next().value))
    if (killed) kills += 1
    // As if the next run came some minutes later: nobody waits for the writer of a torn lock.
    const then = new Date(Date.now() - 10 * 60 * 1000)
    await utimes(layout.lock, then, then).catch(() => {})
    if (count % 2 === 1) {
      await rollback(context, release.version)
      expectShown(library, number)
    } else {
      const { failed } = await doctor(context, {
        fix: true,
        host: hostOf(library),
        hooks: NO_HOOKS,
        machineId: undefined,
      })
      expect(failed).toEqual([])
      expectShown(
        library,
        releases.findIndex(({ directory }) => directory === currentDirectory(layout)),
      )
    }
  }
  const read = await reader.end()
  expect(read.failures, `SKILLSCTL_SEED=${SEED}`).toEqual([])
  if (EVERYTHING) expect(kills).toBeGreaterThan(KILLS / 4)
  expect(warned(library)).toEqual([])
  for (const { root } of surfaces)
    expect((await readdir(join(root, 'skills'))).filter((name) => name.startsWith('.'))).toEqual([])
})

const NO_HOOKS = { find: async () => ({ is: 'none' as const }), install: async () => {} }

function hostOf({ root }: Library): Host {
  return { user: { directory: root, variables: {} }, platform: 'linux', root: join(root, 'system') }
}

function warned({ warnings }: Library): readonly string[] {
  return warnings.filter((warning) => warning.includes('surface'))
}

function fail(): never {
  throw new Error('there is no such release')
}
