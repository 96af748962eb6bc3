/** Disks that are really full, really read-only, really out of inodes, and a process really out of descriptors. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pull, renew } from '../../src/index.ts'
import { openFileStore } from '../../src/store/file.ts'
import { Scene } from '../crash/scene.ts'
import { Dice } from './dice.ts'
import { codeOf } from './plausible.ts'
import { Witness } from './promises.ts'
import { expectRecovery } from './recovery.ts'
import { type Round, World } from './world.ts'

const CLI = new URL('../../dist/cli/main.cjs', import.meta.url).pathname

/** A file system of these properties, mounted until the test ends; undefined where this machine cannot. */
function mounted(options: string): string | undefined {
  const place = mkdtempSync(join(tmpdir(), 'fault-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', place], { stdio: 'ignore' })
  if (status === 0) return place
  rmdirSync(place)
  return undefined
}

function unmount(place: string): void {
  execFileSync('umount', [place])
  rmdirSync(place)
}

const canMount = ((): boolean => {
  const place = mounted('size=64k')
  if (place !== undefined) unmount(place)
  return place !== undefined
})()

/** Linux folds case on tmpfs and ext4 only when its kernel was built with CONFIG_UNICODE. */
const folding = ((): boolean => {
  const place = mounted('size=64k,casefold')
  if (place !== undefined) unmount(place)
  return place !== undefined
})()

async function onDisk(options: string, work: (round: Round, disk: string) => Promise<void>): Promise<void> {
  const disk = mounted(options)
  if (disk === undefined) throw new Error('this disk could be mounted a moment ago')
  onTestFinished(() => unmount(disk))
  const world = await World.build(disk)
  const round = await world.restore(new Dice(1))
  await round.edit()
  await work(round, disk)
}

describe.skipIf(!canMount)('a home on a small disk (skipped where mount(8) is not permitted)', () => {
  const fillers: Readonly<Record<string, (ballast: string, room: number) => Promise<void>>> = {
    space: async (ballast, room) => {
      const { bavail, bsize } = await statfs(ballast)
      await writeFile(join(ballast, 'bytes'), Buffer.alloc(Math.max(0, (bavail - room) * bsize), 1))
    },
    inodes: async (ballast, room) => {
      const { ffree } = await statfs(ballast)
      for (let count = 0; count < ffree - room; count++) mkdirSync(join(ballast, String(count)))
    },
  }

  test.each(Object.keys(fillers))(
    'that runs out of %s: nothing breaks, it is said, and it heals',
    async (of) => {
      await onDisk('size=3m,nr_inodes=500', async (round, disk) => {
        const witness = new Witness(round)
        await witness.look(true)
        const codes = new Set<string | undefined>()
        for (let room = 0; room <= 24; room += 2) {
          const ballast = join(disk, 'ballast')
          await mkdir(ballast)
          await fillers[of]?.(ballast, room)
          codes.add(await codeOf(async () => (await pull(round.machine())).problem))
          await witness.look(false)
          await rm(ballast, { recursive: true })
        }
        expect([...codes].filter((code) => code !== undefined)).toEqual(['no-space'])
        await expectRecovery(round)
      })
    },
  )

  test('that is read-only: what runs keeps running, and it heals', async () => {
    await onDisk('size=8m', async (round, disk) => {
      const witness = new Witness(round)
      await witness.look(true)
      execFileSync('mount', ['-o', 'remount,ro', disk])
      expect(await codeOf(async () => (await pull(round.machine())).problem)).toBe('failed')
      await witness.look(false)
      execFileSync('mount', ['-o', 'remount,rw', disk])
      await expectRecovery(round)
    })
  })

  test('a repository on a full disk: publishing fails as no-space, readers see nothing of it', async () => {
    const disk = mounted('size=1m')
    if (disk === undefined) throw new Error('this disk could be mounted a moment ago')
    onTestFinished(() => unmount(disk))
    const world = await World.build()
    const round = await world.restore(new Dice(1), openFileStore(disk))
    const witness = new Witness(round)
    await witness.look(true)
    await writeFile(join(disk, 'ballast'), Buffer.alloc(2 * 1024 * 1024)).catch(() => {})
    expect(await codeOf(async () => void (await renew(round.publisher())))).toBe('no-space')
    await witness.look(true)
    await rm(join(disk, 'ballast'))
    await expectRecovery(round)
    await round.dispose()
  })
})

test.skipIf(!folding)(
  'a disk that folds case holds every release (skipped where the kernel cannot: no CONFIG_UNICODE, no vfat)',
  async () => {
    await onDisk('size=8m,casefold', async (round) => {
      await expectRecovery(round)
    })
  },
)

test('a process that runs out of descriptors says so by a code, and the next one heals', async () => {
  const scene = await Scene.build({ ahead: true })
  onTestFinished(() => scene.dispose())
  const place = mkdtempSync(join(tmpdir(), 'few-descriptors-'))
  onTestFinished(() => rmSync(place, { recursive: true, force: true }))
  const failures: unknown[] = []
  for (let limit = 17; limit <= 40; limit += 3) {
    await scene.restore()
    const script = `ulimit -n ${limit}; exec "$0" "$@"`
    const { status, stdout } = spawnSync('sh', ['-c', script, process.execPath, CLI, 'pull', '--json'], {
      env: { ...process.env, SKILLSCTL_HOME: scene.home },
      encoding: 'utf8',
    })
    // Below that Node itself does not start.
    if (stdout === '') continue
    const { code } = JSON.parse(stdout).error ?? JSON.parse(stdout).problem ?? {}
    if (status !== 0) failures.push(code)
    await scene.minutesPass()
    expect((await pull(scene.machine())).problem).toBeUndefined()
  }
  for (const code of failures) expect(['failed', 'unreachable']).toContain(code)
})
