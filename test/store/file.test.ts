import { chmod, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileStore } from '../../src/store/file.ts'
import type { Store } from '../../src/store/store.ts'
import { describeStoreContract } from './contract.ts'

const makeDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'file-store-'))
const removeDirectory = (directory: string): Promise<void> => rm(directory, { recursive: true, force: true })

/** Sets every file back, which is what a passing clock looks like from the outside. */
async function age(directory: string, milliseconds: number): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const then = new Date((await stat(path)).mtimeMs - milliseconds)
    await utimes(path, then, then)
  }
}

describeStoreContract('a store in a directory', async () => {
  const directory = await makeDirectory()
  const store = openFileStore(directory)
  return {
    store,
    another: async () => openFileStore(directory),
    tenSecondsPass: () => age(directory, 10_000),
    close() {
      store.close()
      return removeDirectory(directory)
    },
  }
})

describe('a store in a directory', () => {
  let directory: string
  let store: Store

  beforeEach(async () => {
    directory = await makeDirectory()
    store = openFileStore(directory)
  })
  afterEach(() => removeDirectory(directory))

  test('says where it is by a file URL', () => {
    expect(store.url).toBe(pathToFileURL(directory).href)
  })

  test('reads a directory that somebody copied together', async () => {
    await writeFile(join(directory, 'copied'), 'hello')
    const answer = await store.get('copied', { maxBytes: 5 })
    expect(answer).toMatchObject({ kind: 'found', body: Buffer.from('hello') })
  })

  test('refuses keys that lead out of it', async () => {
    for (const key of ['../outside', 'a/../../outside', '..']) {
      await expect(store.get(key, { maxBytes: 5 })).rejects.toMatchObject({ code: 'refused' })
      await expect(store.put(key, Buffer.from('x'), { absent: true })).rejects.toMatchObject({
        code: 'refused',
      })
      await expect(store.remove(key)).rejects.toMatchObject({ code: 'refused' })
    }
  })

  test('leaves no unfinished files behind, nor lists its own', async () => {
    await store.put('a', Buffer.from('one'), { absent: true })
    await store.put('a', Buffer.from('two'), { absent: true })
    await store.put('a', Buffer.from('two'), { match: '"stale"' })
    const found: string[] = []
    for await (const { key } of store.list('')) found.push(key)
    expect(found).toEqual(['a'])
    const files = await readdir(directory, { recursive: true, withFileTypes: true })
    expect(files.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(['a'])
  })

  // The superuser may read everything, so there is nothing to see.
  test.skipIf(process.getuid?.() === 0)('calls what this user may not read denied', async () => {
    await store.put('a', Buffer.from('one'), { absent: true })
    await chmod(join(directory, 'a'), 0o000)
    await expect(store.get('a', { maxBytes: 5 })).rejects.toMatchObject({ code: 'denied' })
  })
})
