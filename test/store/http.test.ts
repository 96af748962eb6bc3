import { afterEach, describe, expect, test, vi } from 'vitest'
import { openHttpStore } from '../../src/store/http.ts'
import { isWritable, type ReadableStore } from '../../src/store/store.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { type StaticFault, type StaticServer, startStaticServer } from '../support/static-server.ts'
import { describeReadableStoreContract, readStream } from './contract.ts'

const ROOM = { maxBytes: 1024 * 1024 }

interface Site {
  readonly content: MemoryStore
  readonly server: StaticServer
  readonly store: ReadableStore
  close(): Promise<void>
}

/** A web server with these faults in front of a store in memory, and a reader of it. */
async function openSite({
  fault,
  at = '',
}: {
  fault?: () => StaticFault | undefined
  at?: string
} = {}): Promise<Site> {
  const content = new MemoryStore()
  const readObject = async (key: string) => {
    const answer = await content.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
    return answer.kind === 'found' ? answer : undefined
  }
  const server = await startStaticServer(readObject, fault === undefined ? {} : { fault })
  const store = openHttpStore(server.url + at)
  return {
    content,
    server,
    store,
    close() {
      store.close()
      return server.close()
    },
  }
}

describeReadableStoreContract('a store behind a web server', async () => {
  const { content, store, close } = await openSite()
  return { reader: store, write: (key, body) => content.touch(key, body), close }
})

describeReadableStoreContract('a store behind a web server without ranges', async () => {
  const { content, store, close } = await openSite({ fault: () => ({ kind: 'ignore-range' }) })
  return { reader: store, write: (key, body) => content.touch(key, body), close }
})

describe('a store behind a web server', () => {
  const opened: Site[] = []
  afterEach(async () => {
    vi.useRealTimers()
    for (const site of opened.splice(0)) await site.close()
  })

  const site = async (options: Parameters<typeof openSite>[0] = {}): Promise<Site> => {
    const made = await openSite(options)
    opened.push(made)
    await made.content.touch('a', Buffer.alloc(1000, 'a'))
    return made
  }

  test('cannot be written', async () => {
    expect(isWritable((await site()).store)).toBe(false)
  })

  test('finds its keys under the path of its address, with or without a slash at the end', async () => {
    for (const at of ['/some/where', '/some/where/']) {
      const { content, store } = await site({ at })
      await content.touch('some/where/x y', Buffer.from('hello'))
      expect(await store.get('x y', ROOM)).toMatchObject({ kind: 'found', body: Buffer.from('hello') })
    }
  })

  test('sends the query of its address along, and does not show it', async () => {
    const { server, store } = await site({ at: '?token=sesame' })
    expect(await store.get('a', ROOM)).toMatchObject({ kind: 'found' })
    expect(server.requests).toMatchObject([{ key: 'a', query: 'token=sesame' }])
    expect(store.url).not.toContain('sesame')
  })

  test('asks once for an unchanged object', async () => {
    const { server, store } = await site()
    const first = await store.get('a', ROOM)
    if (first.kind !== 'found') throw new Error(`the object is ${first.kind}`)
    await store.get('a', { ...ROOM, ifNoneMatch: first.etag })
    expect(server.requests.map(({ status }) => status)).toEqual([200, 304])
  })

  test.each([
    [404, { kind: 'absent' }],
    [410, { kind: 'absent' }],
  ])('takes status %i as an answer', async (status, answer) => {
    const { store } = await site({ fault: () => ({ kind: 'status', status }) })
    expect(await store.get('a', ROOM)).toEqual(answer)
    expect(await store.stream('a', ROOM)).toEqual(answer)
  })

  test.each([
    [401, 'denied'],
    [403, 'denied'],
    [429, 'unreachable'],
    [500, 'unreachable'],
    [502, 'unreachable'],
    [503, 'unreachable'],
  ])('takes status %i as %s', async (status, code) => {
    const { store } = await site({ fault: () => ({ kind: 'status', status }) })
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code })
    await expect(readStream(store, 'a', ROOM)).rejects.toMatchObject({ code })
  })

  test('follows no redirect: a captive portal is not the store', async () => {
    const elsewhere = await site()
    const { store } = await site({
      fault: () => ({ kind: 'redirect', location: `${elsewhere.server.url}/a` }),
    })
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
    expect(elsewhere.server.requests).toEqual([])
  })

  test('calls a broken connection unreachable', async () => {
    const { store } = await site({ fault: () => ({ kind: 'drop' }) })
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
    await expect(store.stream('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('calls a server that is gone unreachable', async () => {
    const { server, store } = await site()
    opened.splice(0)
    await server.close()
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
    store.close()
  })

  test('calls a connection that breaks within a body unreachable, and hands out no shortened body', async () => {
    const { store } = await site({ fault: () => ({ kind: 'truncated', after: 400 }) })
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
    await expect(readStream(store, 'a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('does not hand out another part than was asked for', async () => {
    const { content, store } = await site({ fault: () => ({ kind: 'wrong-range' }) })
    await content.touch('b', Buffer.from('hello'))
    const part = readStream(store, 'b', { ...ROOM, start: 2 }).then(String, () => 'refused')
    expect(['llo', 'refused']).toContain(await part)
  })

  test('reads no endless body to its end', async () => {
    const { store } = await site({ fault: () => ({ kind: 'endless' }) })
    await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'corrupt' })
    await expect(readStream(store, 'a', ROOM)).rejects.toMatchObject({ code: 'corrupt' })
  })

  test('gives a stalled body up', async () => {
    const { store } = await site({ fault: () => ({ kind: 'stalled', after: 400 }) })
    const answer = await store.stream('a', ROOM)
    if (answer.kind !== 'found') throw new Error('the object is absent')
    // Only the adapter's own timers; the sockets below go on in real time.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const chunks = answer.chunks[Symbol.asyncIterator]()
    expect(await chunks.next()).toMatchObject({ done: false, value: Buffer.alloc(400, 'a') })
    const stalled = expect(chunks.next()).rejects.toMatchObject({ code: 'unreachable' })
    await vi.advanceTimersByTimeAsync(60_000)
    await stalled
  })
})
