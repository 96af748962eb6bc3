import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { syncTree } from '../../src/disk/sync.ts'

let directory: string
let path: string | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sync-'))
  path = process.env['PATH']
  await mkdir(join(directory, 'tree/a/b'), { recursive: true })
  await writeFile(join(directory, 'tree/a/b/c'), 'x', { mode: 0o444 })
  await writeFile(join(directory, 'tree/top'), 'x')
})
afterEach(async () => {
  process.env['PATH'] = path
  await rm(directory, { recursive: true, force: true })
})

const files = ['a/b/c', 'top']

describe.each([
  ['with sync(1)', () => process.env['PATH'] ?? ''],
  ['without it', () => join(directory, 'empty')],
])('making a tree durable %s', (_, search) => {
  beforeEach(() => {
    process.env['PATH'] = search()
  })

  test('works for read-only files, deep directories and an empty tree', async () => {
    await syncTree(join(directory, 'tree'), files, [])
    await mkdir(join(directory, 'nothing'))
    await syncTree(join(directory, 'nothing'), [], [])
  })

  test('fails for a tree that is not there', async () => {
    await expect(syncTree(join(directory, 'none'), files, [])).rejects.toMatchObject({ code: 'absent' })
  })
})

test('file by file, it notices one that is missing', async () => {
  process.env['PATH'] = join(directory, 'empty')
  await expect(syncTree(join(directory, 'tree'), [...files, 'missing'], [])).rejects.toMatchObject({
    code: 'absent',
  })
})
