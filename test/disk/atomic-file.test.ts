import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makePath, readIfThere, syncDirectory, writeFileAtomic } from '../../src/disk/atomic-file.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'atomic-'))
})
afterEach(async () => {
  await chmod(directory, 0o700)
  await rm(directory, { recursive: true, force: true })
})

const at = (name: string): string => join(directory, name)

test('replaces a file and leaves nothing beside it', async () => {
  await writeFileAtomic(at('a'), 'one')
  await writeFileAtomic(at('a'), new Uint8Array([0, 255]))
  expect(await readFile(at('a'))).toEqual(Buffer.from([0, 255]))
  expect(await readdir(directory)).toEqual(['a'])
})

test('gives the new file the mode that was asked for', async () => {
  await writeFileAtomic(at('a'), 'x', { mode: 0o600 })
  expect((await stat(at('a'))).mode & 0o777).toBe(0o600)
})

test('a reader sees the old or the new content, never less, while it is replaced again and again', async () => {
  const contents = ['a', 'b'].map((letter) => letter.repeat(100_000))
  await writeFileAtomic(at('a'), contents[0] ?? '')
  let writing = true
  const writer = (async () => {
    for (let round = 0; round < 30; round++) await writeFileAtomic(at('a'), contents[round % 2] ?? '')
    writing = false
  })()
  let reads = 0
  for (; writing; reads++) expect(contents).toContain(await readFile(at('a'), 'utf8'))
  await writer
  expect(reads).toBeGreaterThan(0)
})

test('leaves the target and no temporary file when the last step fails', async () => {
  await mkdir(at('a'))
  await writeFile(join(at('a'), 'inside'), 'x')
  await expect(writeFileAtomic(at('a'), 'new')).rejects.toMatchObject({ code: 'failed', subject: at('a') })
  expect(await readdir(directory)).toEqual(['a'])
  expect(await readdir(at('a'))).toEqual(['inside'])
})

test('writes by way of another directory, where its leftovers would be swept', async () => {
  await mkdir(at('staging'))
  await mkdir(at('a'))
  await expect(writeFileAtomic(at('a'), 'x', { via: at('none') })).rejects.toMatchObject({ code: 'absent' })
  await expect(writeFileAtomic(at('a'), 'x', { via: at('staging') })).rejects.toMatchObject({
    code: 'failed',
  })
  await writeFileAtomic(at('b'), 'x', { via: at('staging') })
  expect(await readdir(at('staging'))).toEqual([])
  expect(await readFile(at('b'), 'utf8')).toBe('x')
})

test('two writers at once both succeed, and one of them is the last', async () => {
  const contents = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(50_000))
  await Promise.all(contents.map((content) => writeFileAtomic(at('a'), content)))
  expect(contents).toContain(await readFile(at('a'), 'utf8'))
  expect(await readdir(directory)).toEqual(['a'])
})

test('a file that is not there reads as nothing, another failure does not', async () => {
  expect(await readIfThere(at('none'))).toBeUndefined()
  expect(await readIfThere(at('none/below'))).toBeUndefined()
  await expect(readIfThere(directory)).rejects.toMatchObject({ code: 'failed', found: 'EISDIR' })
})

// procfs answers EINVAL to fsync(2), as some network and FUSE file systems do for directories.
test.runIf(process.platform === 'linux')(
  'a file system that cannot sync directories needs no telling',
  async () => {
    await expect(syncDirectory('/proc')).resolves.toBeUndefined()
    await expect(syncDirectory(at('none'))).rejects.toMatchObject({ code: 'ENOENT' })
  },
)

test('directories are made one below the other, and once', async () => {
  expect(makePath(at('a/b/c'))).toBe(at('a'))
  expect(makePath(at('a/b/c'))).toBeUndefined()
  await writeFile(at('file'), '')
  expect(() => makePath(at('file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  expect(() => makePath(at('file/below'))).toThrow(expect.objectContaining({ code: 'ENOTDIR' }))
})

// With `recursive`, Node asks /proc again and again.
test.runIf(process.platform === 'linux')('a directory that takes no new ones says so at once', () => {
  expect(() => makePath('/proc/none/below')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})
