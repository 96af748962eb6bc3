/** A lock that cannot be removed when its work is done: the process lives on, and nobody else may judge it dead. */
import { mkdtemp, rm as remove } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

let refuses = false
let directory: string
let withLock: typeof import('../../src/disk/lock.ts').withLock

// Files of one worker share their modules: this one needs a lock of its own, and leaves none behind.
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-left-'))
  vi.resetModules()
  vi.doMock('node:fs', async (original) => {
    const fs = await original<typeof import('node:fs')>()
    const rmSync: typeof fs.rmSync = (path, options) => {
      if (refuses) throw Object.assign(new Error('EPERM: operation not permitted, unlink'), { code: 'EPERM' })
      fs.rmSync(path, options)
    }
    return { ...fs, rmSync }
  })
  withLock = (await import('../../src/disk/lock.ts')).withLock
})
afterEach(async () => {
  refuses = false
  vi.doUnmock('node:fs')
  vi.resetModules()
  await remove(directory, { recursive: true })
})

test('is told of, and taken over by the next of the same process', async () => {
  const lock = join(directory, 'lock')
  const stuck = withLock(lock, async () => {
    refuses = true
  })
  await expect(stuck).rejects.toMatchObject({ code: 'failed', subject: lock })
  refuses = false
  expect(await withLock(lock, async () => 'done', 0)).toBe('done')
})

test('is kept from others while it is held, even by the same process', async () => {
  const lock = join(directory, 'lock')
  await withLock(lock, async () => {
    await expect(withLock(lock, async () => 'done', 0)).rejects.toMatchObject({ code: 'locked' })
  })
})
