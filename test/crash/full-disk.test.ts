/** A full disk, on a real and tiny file system: nothing breaks, it is said, and it works once there is room. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join as joinRepository, layoutOf, prepareStandby, pull } from '../../src/index.ts'
import { recordAsInstalled } from '../support/as-installed.ts'
import { mayMount } from '../support/mounts.ts'
import { expectHistoryConsistent, expectNoDebris, whatRuns } from './invariant.ts'
import { EVERYTHING } from './kill.ts'
import { Scene } from './scene.ts'

const PAGE = 4096
/** Where the next release comes from. */
type Source = 'an archive' | 'a bundle'

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true }

describe.skipIf(!mayMount(['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs']))(
  'a pull into a full disk (skipped where mount(8) is not permitted)',
  () => {
    let scene: Scene
    let disk: string
    let home: string
    let template: string

    beforeAll(async () => {
      scene = await Scene.build({ ahead: false })
      disk = mkdtempSync(join(tmpdir(), 'full-disk-'))
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,nr_inodes=400', 'tmpfs', disk])
      home = join(disk, 'home')
      template = scene.at('home-template')
      await joinRepository(scene.machine({ home }), scene.joinToken)
      expect(await whatRuns(home, scene.releases)).toBe(scene.release(4))
      cpSync(home, template, COPY)
      await scene.publish(scene.publisher(), scene.release(5).commit)
    })
    afterAll(async () => {
      await scene.dispose()
      // Fails when anything was left open.
      execFileSync('umount', [disk])
      rmdirSync(disk)
    })

    async function fillBut(pages: number): Promise<void> {
      const { bavail, bsize } = await statfs(disk)
      const ballast = bavail * bsize - pages * PAGE
      await writeFile(join(disk, 'ballast'), Buffer.alloc(Math.max(ballast, 0), 1))
    }

    /** A pull with just so much room, and another one with plenty. @returns whether the first one failed */
    async function pullWithin(fill: () => Promise<unknown>, from: Source): Promise<boolean> {
      await rm(home, { recursive: true, force: true })
      cpSync(template, home, COPY)
      // A home that was copied counts as edited, and follows no bundle.
      if (from === 'a bundle') await recordAsInstalled(layoutOf(home))
      await fill()
      const report = await pull(scene.machine({ home }))
      const failed = report.outcome === 'failed'
      if (failed) expect(report.problem).toMatchObject({ code: 'no-space' })
      const runs = await whatRuns(home, scene.releases)
      expect(failed ? [scene.release(4), scene.release(5)] : [scene.release(5)]).toContain(runs)
      await rm(join(disk, 'ballast'), { recursive: true })
      expect((await pull(scene.machine({ home }))).problem).toBeUndefined()
      expect(await whatRuns(home, scene.releases)).toBe(scene.release(5))
      await scene.minutesPass(home)
      expect((await pull(scene.machine({ home }))).problem).toBeUndefined()
      await expectNoDebris(home)
      await expectHistoryConsistent(home)
      return failed
    }

    async function expectFailuresUpTo(
      most: number,
      step: number,
      fill: (room: number) => Promise<unknown>,
      from: Source,
    ) {
      const outcomes: boolean[] = []
      for (let room = 0; room <= most; room += step) {
        try {
          outcomes.push(await pullWithin(() => fill(room), from))
        } catch (error) {
          throw new Error(`with room for ${room}: ${error}`, { cause: error })
        }
      }
      expect(outcomes[0], 'without any room').toBe(true)
      expect(outcomes.at(-1), 'with enough room').toBe(false)
    }

    test('a standby for which there is no room fails as no-space and leaves nothing', async () => {
      const context = scene.machine({ home })
      const outcomes: string[] = []
      for (let pages = 0; pages <= 200; pages += EVERYTHING ? 1 : 50) {
        await rm(home, { recursive: true, force: true })
        cpSync(template, home, COPY)
        await recordAsInstalled(context.layout)
        // Its own judgement: so small a disk has better uses.
        expect(await prepareStandby(context)).toBe(false)
        await fillBut(pages)
        const outcome = await prepareStandby(context, Number.NEGATIVE_INFINITY).catch(({ code }) => code)
        outcomes.push(String(outcome))
        expect(await whatRuns(home, scene.releases)).toBe(scene.release(4))
        expect(existsSync(context.layout.standby)).toBe(outcome === true)
        await expectNoDebris(home)
        await rm(join(disk, 'ballast'))
      }
      expect([...new Set(outcomes)]).toEqual(['no-space', 'true'])
    })

    test.each<Source>(['an archive', 'a bundle'])(
      'fails as no-space wherever the bytes run out with %s, and works once there is room',
      async (from) => {
        await expectFailuresUpTo(260, EVERYTHING ? 1 : 80, fillBut, from)
      },
    )

    test('fails as no-space wherever the inodes run out, and works once there are some', async () => {
      const fill = async (inodes: number): Promise<void> => {
        await mkdir(join(disk, 'ballast'))
        const { ffree } = await statfs(disk)
        for (let count = 0; count < ffree - inodes; count++) mkdirSync(join(disk, 'ballast', String(count)))
      }
      await expectFailuresUpTo(60, EVERYTHING ? 1 : 20, fill, 'an archive')
    })
  },
)
