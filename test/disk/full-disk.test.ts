import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packArchive } from '../../src/archive/pack.ts'
import { unpackArchive } from '../../src/archive/unpack.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import { writeFileAtomic } from '../../src/disk/atomic-file.ts'
import { withLock } from '../../src/disk/lock.ts'
import { mountSmallDisk } from '../support/mounts.ts'
import { archive, member } from '../support/tar-forge.ts'

const MB = 1024 * 1024
const mounted = mountSmallDisk('size=1m')

describe.skipIf(mounted === undefined)('on a full disk (skipped where a tmpfs cannot be mounted)', () => {
  const disk = mounted ?? ''
  const fill = async (): Promise<void> => {
    await writeFile(join(disk, 'ballast'), Buffer.alloc(2 * MB)).catch(() => {})
  }
  const drain = (): Promise<void> => rm(join(disk, 'ballast'), { force: true })

  test('an atomic write fails with no-space, the old content stays, and nothing is left over', async () => {
    const path = join(disk, 'state.json')
    await drain()
    await writeFileAtomic(path, 'old')
    await fill()
    await expect(writeFileAtomic(path, Buffer.alloc(MB / 2))).rejects.toMatchObject({
      code: 'no-space',
      subject: path,
      hint: expect.any(String),
    })
    expect(await readFile(path, 'utf8')).toBe('old')
    expect((await readdir(disk)).sort()).toEqual(['ballast', 'state.json'])
    await rm(path)
  })

  test('a lock that could not be written is not left behind, and can be taken once there is space', async () => {
    const lock = join(disk, 'lock')
    await fill()
    await expect(withLock(lock, async () => 'held', 0)).rejects.toMatchObject({ code: 'no-space' })
    expect(await readdir(disk)).toEqual(['ballast'])
    await drain()
    expect(await withLock(lock, async () => 'held', 0)).toBe('held')
  })

  test('unpacking fails with no-space, also when the disk takes a part of a write', async () => {
    const content = Buffer.alloc(MB / 2, 'x')
    const path = join(tmpdir(), `full-disk-${process.pid}.tar.gz`)
    await writeFile(path, archive(member({ path: 'a', content })))
    await drain()
    await fill()
    await truncate(join(disk, 'ballast'), MB - 300_000)
    await mkdir(join(disk, 'tree'))
    const manifest: Manifest = {
      name: 'test',
      version: '2026.11.20-0000000',
      source: { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' },
      tree: '',
      files: [{ mode: '644', path: 'a', size: content.length, integrity: 'sha256-' }],
    }
    await expect(unpackArchive(path, manifest, join(disk, 'tree'))).rejects.toMatchObject({
      code: 'no-space',
    })
    await Promise.all([rm(path), rm(join(disk, 'tree'), { recursive: true })])
  })

  test('packing fails with no-space', async () => {
    await fill()
    const entry = { mode: '644', path: 'a', size: MB, integrity: 'sha256-' } as const
    async function* files() {
      yield { entry, content: Buffer.alloc(MB, 'x') }
    }
    await expect(packArchive(files(), new Date(0), join(disk, 'x.tar.gz'))).rejects.toMatchObject({
      code: 'no-space',
    })
  })
})
