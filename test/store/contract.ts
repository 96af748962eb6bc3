import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isWritable, type ReadableStore, type Store, type StreamOptions } from '../../src/store/store.ts'

/** What every adapter of the port has in common. Each test gets a new, empty store. */

const ROOM = { maxBytes: 4 * 1024 * 1024 }
const FOUND = { kind: 'found' }
const ABSENT = { kind: 'absent' }
const CONFLICT = { kind: 'conflict' }

export interface OpenedStore {
  readonly store: Store
  /** Another way to read the same objects; the store itself when absent. */
  readonly reader?: ReadableStore
  /** The same objects through an instance of its own, as another process has it. */
  readonly another?: () => Promise<Store>
  /** Lets ten seconds pass on the store's clock. Without it, tests cannot see that time was recorded. */
  readonly tenSecondsPass?: () => void | Promise<void>
  close(): void | Promise<void>
}

export interface OpenedReader {
  readonly reader: ReadableStore
  /** Makes this the content of the key. */
  write(key: string, body: Buffer): Promise<void>
  close(): void | Promise<void>
}

export async function readStream(store: ReadableStore, key: string, options: StreamOptions): Promise<Buffer> {
  const answer = await store.stream(key, options)
  if (answer.kind === 'absent') throw new Error(`${key} is absent`)
  const chunks: Buffer[] = []
  for await (const chunk of answer.chunks) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function describeReadableStoreContract(name: string, open: () => Promise<OpenedReader>): void {
  describe(`${name}, read`, () => {
    let opened: OpenedReader
    let reader: ReadableStore

    beforeEach(async () => {
      opened = await open()
      reader = opened.reader
    })
    afterEach(() => opened.close())

    const write = (key: string, text: string | Buffer) => opened.write(key, Buffer.from(text))

    test('answers with body and tag of an object', async () => {
      await write('a.json', 'hello')
      const answer = await reader.get('a.json', ROOM)
      expect(answer).toMatchObject({ ...FOUND, body: Buffer.from('hello') })
      expect(answer).toHaveProperty('etag', expect.stringMatching(/./))
    })

    test('answers absent for a key that is not there', async () => {
      await write('a/b', 'hello')
      for (const key of ['none', 'a', 'a/none', 'a/b.json', 'other/none']) {
        expect(await reader.get(key, ROOM)).toEqual(ABSENT)
        expect(await reader.stream(key, ROOM)).toEqual(ABSENT)
      }
    })

    test('answers unchanged while the tag is the same, and found once it differs', async () => {
      await write('a', 'one')
      const first = await reader.get('a', ROOM)
      if (first.kind !== 'found') throw new Error(`the object is ${first.kind}`)
      expect(await reader.get('a', { ...ROOM, ifNoneMatch: first.etag })).toEqual({ kind: 'unchanged' })
      await write('a', 'two')
      const second = await reader.get('a', { ...ROOM, ifNoneMatch: first.etag })
      expect(second).toMatchObject({ ...FOUND, body: Buffer.from('two') })
    })

    test('answers absent to a conditional read of a key that is not there', async () => {
      expect(await reader.get('none', { ...ROOM, ifNoneMatch: '"tag"' })).toEqual(ABSENT)
    })

    test('reads a body of exactly maxBytes, and calls a longer one corrupt', async () => {
      await write('a', 'hello')
      expect(await reader.get('a', { maxBytes: 5 })).toMatchObject(FOUND)
      await expect(reader.get('a', { maxBytes: 4 })).rejects.toMatchObject({ code: 'corrupt' })
      expect(await readStream(reader, 'a', { maxBytes: 5 })).toEqual(Buffer.from('hello'))
      await expect(readStream(reader, 'a', { maxBytes: 4 })).rejects.toMatchObject({ code: 'corrupt' })
    })

    test('counts maxBytes of a stream from the start of the object', async () => {
      await write('a', 'hello')
      expect(await readStream(reader, 'a', { maxBytes: 5, start: 2 })).toEqual(Buffer.from('llo'))
      await expect(readStream(reader, 'a', { maxBytes: 4, start: 2 })).rejects.toMatchObject({
        code: 'corrupt',
      })
    })

    test('streams an object whole', async () => {
      const body = randomBytes(1024 * 1024)
      await write('big', body)
      expect((await readStream(reader, 'big', ROOM)).equals(body)).toBe(true)
    })

    test('streams an object from any byte on', async () => {
      const body = randomBytes(200_000)
      await write('big', body)
      for (const start of [0, 1, 65_536, 100_001, 199_999]) {
        const found = await readStream(reader, 'big', { ...ROOM, start })
        expect(found.equals(body.subarray(start))).toBe(true)
      }
    })

    test('survives a stream that its consumer leaves early', async () => {
      await write('big', randomBytes(1024 * 1024))
      const answer = await reader.stream('big', ROOM)
      if (answer.kind !== 'found') throw new Error('the object is absent')
      for await (const chunk of answer.chunks) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      expect(await reader.get('big', ROOM)).toMatchObject(FOUND)
    })

    test('reads an empty object', async () => {
      await write('empty', '')
      expect(await reader.get('empty', { maxBytes: 0 })).toMatchObject({ ...FOUND, body: Buffer.alloc(0) })
      expect(await readStream(reader, 'empty', { maxBytes: 0 })).toEqual(Buffer.alloc(0))
    })

    test('reads binary content byte for byte', async () => {
      const body = randomBytes(1024 * 1024)
      await write('blobs/ab/big', body)
      const answer = await reader.get('blobs/ab/big', ROOM)
      expect(answer.kind === 'found' && answer.body.equals(body)).toBe(true)
    })

    test('says where it is, without credentials', () => {
      expect(reader.url).toMatch(/^[a-z0-9]+:/)
      expect(reader.url).not.toMatch(/secret|@/i)
    })
  })
}

export function describeStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describeReadableStoreContract(name, async () => {
    const opened = await open()
    const { store, reader = store } = opened
    // Unconditional, so that tests can replace content as well.
    return { reader, write: (key, body) => store.touch(key, body), close: () => opened.close() }
  })

  describe(`${name}, written`, () => {
    let opened: OpenedStore
    let store: Store

    beforeEach(async () => {
      opened = await open()
      store = opened.store
    })
    afterEach(() => opened.close())

    const put = (key: string, text: string, condition: Parameters<Store['put']>[2]) =>
      store.put(key, Buffer.from(text), condition)
    const create = async (key: string, text: string): Promise<string> => {
      const answer = await put(key, text, { absent: true })
      if (answer.kind !== 'stored') throw new Error(`${key} was there already`)
      return answer.etag
    }
    const textOf = async (key: string): Promise<string | undefined> => {
      const answer = await store.get(key, ROOM)
      return answer.kind === 'found' ? answer.body.toString() : undefined
    }
    const list = async (prefix: string): Promise<string[]> => {
      const keys: string[] = []
      for await (const { key } of store.list(prefix)) keys.push(key)
      return keys.sort()
    }
    const modifiedOf = async (wanted: string): Promise<number> => {
      for await (const { key, modified } of store.list(wanted)) if (key === wanted) return modified
      throw new Error(`${wanted} is not listed`)
    }

    test('knows that it is writable', () => {
      expect(isWritable(store)).toBe(true)
    })

    test('stores an object that is not there, once', async () => {
      expect(await put('a', 'one', { absent: true })).toMatchObject({ kind: 'stored' })
      expect(await put('a', 'two', { absent: true })).toEqual(CONFLICT)
      expect(await put('a', 'one', { absent: true })).toEqual(CONFLICT)
      expect(await textOf('a')).toBe('one')
    })

    test('replaces exactly the content that was expected', async () => {
      const first = await create('a', 'one')
      const second = await put('a', 'two', { match: first })
      expect(second).toMatchObject({ kind: 'stored' })
      expect(second).not.toHaveProperty('etag', first)
      expect(await put('a', 'three', { match: first })).toEqual(CONFLICT)
      expect(await textOf('a')).toBe('two')
    })

    test('stores nothing where content was expected and nothing is', async () => {
      const etag = await create('a', 'one')
      expect(await put('b', 'two', { match: etag })).toEqual(CONFLICT)
      expect(await textOf('b')).toBeUndefined()
      await store.remove('a')
      expect(await put('a', 'two', { match: etag })).toEqual(CONFLICT)
      expect(await textOf('a')).toBeUndefined()
    })

    test('answers a write with the tag that a read has', async () => {
      const first = await create('a', 'one')
      expect(await store.get('a', ROOM)).toHaveProperty('etag', first)
      const second = await put('a', 'two', { match: first })
      expect(await store.get('a', ROOM)).toHaveProperty('etag', second.kind === 'stored' && second.etag)
    })

    test('can be written again where something was removed', async () => {
      await create('a', 'one')
      await store.remove('a')
      expect(await put('a', 'two', { absent: true })).toMatchObject({ kind: 'stored' })
      expect(await textOf('a')).toBe('two')
    })

    test('keeps its own copy of what was written', async () => {
      const body = Buffer.from('one')
      await store.put('a', body, { absent: true })
      body.fill('x')
      expect(await textOf('a')).toBe('one')
    })

    test('takes nested keys and every character that our keys have', async () => {
      const keys = [
        'metadata/timestamp.json',
        'a/b/c/d/e/f',
        'catchup/drafts/12/0123456789abcdef',
        'a+b@c~d_e-f (1)',
      ]
      for (const key of keys) await create(key, key)
      for (const key of keys) expect(await textOf(key)).toBe(key)
      expect(await list('')).toEqual([...keys].sort())
    })

    test('lets exactly one of 24 writers create an object', async () => {
      const stores = opened.another === undefined ? [store] : [store, await opened.another()]
      for (const key of ['race/1', 'race/2', 'race/3']) {
        const writers = Array.from({ length: 24 }, (_, i) => {
          const writer = stores[i % stores.length] ?? store
          return writer.put(key, Buffer.from(`writer ${i}`), { absent: true })
        })
        const answers = await Promise.all(writers)
        const winner = answers.findIndex(({ kind }) => kind === 'stored')
        expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(23)
        expect(await textOf(key)).toBe(`writer ${winner}`)
      }
    })

    test('lets exactly one of 24 writers replace an object', async () => {
      const stores = opened.another === undefined ? [store] : [store, await opened.another()]
      for (const key of ['race/1', 'race/2', 'race/3']) {
        const match = await create(key, 'base')
        const writers = Array.from({ length: 24 }, (_, i) => {
          const writer = stores[i % stores.length] ?? store
          return writer.put(key, Buffer.from(`writer ${i}`), { match })
        })
        const answers = await Promise.all(writers)
        const winner = answers.findIndex(({ kind }) => kind === 'stored')
        expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(23)
        expect(await textOf(key)).toBe(`writer ${winner}`)
      }
    })

    test('loses no increment of a counter with several writers', async () => {
      await create('counter', '0')
      const increment = async (writer: Store): Promise<void> => {
        const answer = await writer.get('counter', ROOM)
        if (answer.kind !== 'found') throw new Error(`the counter is ${answer.kind}`)
        const next = Buffer.from(String(Number(answer.body.toString()) + 1))
        const written = await writer.put('counter', next, { match: answer.etag })
        if (written.kind === 'conflict') await increment(writer)
      }
      const write = async (writer: Store): Promise<void> => {
        for (let i = 0; i < 5; i++) await increment(writer)
      }
      const other = (await opened.another?.()) ?? store
      await Promise.all([store, other, store, other].map(write))
      expect(await textOf('counter')).toBe('20')
    })

    test('lists by prefix, folder or not, with size and time', async () => {
      for (const key of ['a/1', 'a/2', 'ab/3', 'b/1', 'b/c/1']) await create(key, key)
      expect(await list('a/')).toEqual(['a/1', 'a/2'])
      expect(await list('a')).toEqual(['a/1', 'a/2', 'ab/3'])
      expect(await list('b/')).toEqual(['b/1', 'b/c/1'])
      expect(await list('b/c/1')).toEqual(['b/c/1'])
      expect(await list('none/')).toEqual([])
      expect(await list('a/1/')).toEqual([])
      expect(await list('')).toHaveLength(5)
      for await (const object of store.list('b/c')) {
        expect(object).toEqual({ key: 'b/c/1', size: 5, modified: expect.any(Number) })
        expect(object.modified).toBeGreaterThan(Date.parse('2020-01-01'))
      }
    })

    test('tells size and time of an object, the same as its listing, or that there is none', async () => {
      await create('a/b', 'one')
      expect(await store.stat('a/b')).toEqual({ key: 'a/b', size: 3, modified: await modifiedOf('a/b') })
      expect(await store.stat('a')).toBeUndefined()
      expect(await store.stat('a/c')).toBeUndefined()
    })

    test('lists nothing in an empty store', async () => {
      expect(await list('')).toEqual([])
    })

    test('removes an object, and again', async () => {
      await create('a/b', 'one')
      await create('a/c', 'two')
      for (const _ of [1, 2]) await store.remove('a/b')
      await store.remove('never/there')
      expect(await textOf('a/b')).toBeUndefined()
      expect(await list('')).toEqual(['a/c'])
    })

    test('makes content young again by a touch, and keeps it', async () => {
      const etag = await create('a', 'one')
      const before = await modifiedOf('a')
      await opened.tenSecondsPass?.()
      const aged = await modifiedOf('a')
      await store.touch('a', Buffer.from('one'))
      const after = await modifiedOf('a')
      // By more than a second where the clock is ours, because stores may round to one.
      if (opened.tenSecondsPass === undefined) expect(after).toBeGreaterThanOrEqual(before)
      else expect(after - aged).toBeGreaterThan(1000)
      expect(await store.get('a', ROOM)).toMatchObject({ ...FOUND, body: Buffer.from('one'), etag })
    })

    test('writes by a touch what is not there', async () => {
      await store.touch('a/b', Buffer.from('one'))
      expect(await textOf('a/b')).toBe('one')
    })
  })
}
