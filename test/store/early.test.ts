/** A question that was sent early: its answer is for whoever asks the same, once. */
import { createServer, type Server } from 'node:net'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { askEarly, takeEarly } from '../../src/store/early.ts'
import { openHttpStore } from '../../src/store/http.ts'
import { openStore } from '../../src/store/open.ts'
import type { ReadableStore } from '../../src/store/store.ts'
import { type StaticFault, type StaticServer, startStaticServer } from '../support/static-server.ts'

const ROOM = { maxBytes: 1024 }
const TAG = '"one"'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function serve(fault: () => StaticFault | undefined | Promise<undefined> = () => undefined) {
  const server = await startStaticServer(
    async (key) => (key === 'none' ? undefined : { body: Buffer.from(key), etag: TAG }),
    { fault },
  )
  opened.push(server)
  return server
}

function open(url: string): ReadableStore {
  const store = openHttpStore(url)
  opened.unshift(store)
  return store
}

const questions = ({ requests }: StaticServer) =>
  requests.map(({ key, headers }) => `${key} ${headers['if-none-match'] ?? '-'}`)

test('the answer is for the first who asks the same, and nobody else', async () => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a' }], 1)
  const store = open(server.url)
  for (let count = 0; count < 2; count++)
    expect(await store.get('a', ROOM)).toMatchObject({ kind: 'found', body: Buffer.from('a') })
  expect(questions(server)).toEqual(['a -', 'a -'])
})

test('of several, each is for whoever asks the same, in any order', async () => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a', tag: TAG }, { key: 'b' }], 1)
  const store = open(server.url)
  expect(await store.get('b', ROOM)).toMatchObject({ kind: 'found', body: Buffer.from('b') })
  expect(await store.get('a', { ...ROOM, ifNoneMatch: TAG })).toEqual({ kind: 'unchanged' })
  expect(questions(server).sort()).toEqual([`a ${TAG}`, 'b -'])
})

test('the answer may be there before anybody asks', async () => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a', tag: TAG }], 0)
  while (server.requests.length === 0) await new Promise(setImmediate)
  await server.idle()
  expect(await open(server.url).get('a', { ...ROOM, ifNoneMatch: TAG })).toEqual({ kind: 'unchanged' })
  expect(questions(server)).toEqual([`a ${TAG}`])
})

test.each([
  ['another key', 'b', undefined],
  ['another tag', 'a', '"two"'],
  ['a tag, where none was sent', 'a', TAG],
  ['what is not there', 'none', undefined],
])('whoever asks for %s gets an answer of its own', async (_, key, tag) => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a' }], 1)
  const store = open(server.url)
  const own = await store.get(key, { ...ROOM, ifNoneMatch: tag })
  expect(own.kind).toBe(key === 'none' ? 'absent' : tag === TAG ? 'unchanged' : 'found')
  if (own.kind === 'found') expect(String(own.body)).toBe(key)
  expect(questions(server).filter((asked) => asked === `${key} ${tag ?? '-'}`)).toHaveLength(1)
  // That the first one was for somebody else is not remembered.
  expect(await store.get('a', ROOM)).toMatchObject({ kind: 'found', body: Buffer.from('a') })
})

test('a tag that was sent is not for whoever has none: it would take "unchanged" for a fault', async () => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a', tag: TAG }], 1)
  expect(await open(server.url).get('a', ROOM)).toMatchObject({ kind: 'found' })
})

test('another store asks for itself: in another place, with another query, as somebody else', async () => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a' }], 0)
  onTestFinished(() => open(server.url).close())
  const others = [`${server.url}/b`, `${server.url}?token=x`, server.url.replace('//', '//ada:x@')]
  for (const url of others) await open(url).get('a', ROOM)
  expect(
    server.requests.filter(({ key, query, headers }) => key === 'b/a' || query || headers.authorization),
  ).toHaveLength(3)
})

test('a second store of the same address asks for itself', async () => {
  const server = await serve()
  askEarly(server.url, [{ key: 'a' }], 0)
  const [one, two] = [open(server.url), open(server.url)]
  await two.get('a', ROOM)
  await one.get('a', ROOM)
  expect(questions(server)).toEqual(['a -', 'a -'])
})

test('a store that is closed before anybody asked ends the question, and its connections', async () => {
  const server = await serve(() => new Promise(() => {}))
  askEarly(server.url, [{ key: 'a' }], 3)
  open(server.url).close()
  // Nothing is left to be taken, and whatever reached the server ends there.
  expect(takeEarly(new URL(server.url))).toBeUndefined()
  await server.idle()
})

test.each<[string, StaticFault, object]>([
  ['a redirect', { kind: 'redirect', location: '/b' }, { code: 'unreachable' }],
  ['401', { kind: 'status', status: 401 }, { code: 'denied' }],
  ['403', { kind: 'status', status: 403 }, { code: 'denied' }],
  ['503', { kind: 'status', status: 503 }, { code: 'unreachable' }],
  ['a tag that nobody sent', { kind: 'status', status: 304 }, { code: 'unreachable' }],
  ['a broken connection', { kind: 'drop' }, { code: 'unreachable' }],
  ['a body that is cut off', { kind: 'truncated', after: 0 }, { code: 'unreachable' }],
])('%s is what it is for any question', async (_, fault, failure) => {
  const server = await serve(() => fault)
  askEarly(server.url, [{ key: 'a' }], 1)
  await expect(open(server.url).get('a', ROOM)).rejects.toMatchObject(failure)
})

test('a question whose connection broke is asked again', async () => {
  let isBroken = true
  const server = await serve(() => {
    const fault: StaticFault | undefined = isBroken ? { kind: 'drop' } : undefined
    isBroken = false
    return fault
  })
  askEarly(server.url, [{ key: 'a' }], 1)
  const store = await openStore(server.url)
  opened.unshift(store)
  expect(await store.get('a', ROOM)).toMatchObject({ kind: 'found' })
  expect(server.requests.map(({ status }) => status)).toEqual([0, 200])
})

test('nobody hears of a question that nobody wants, though its server is gone', async () => {
  const server = await serve()
  const { url } = server
  await server.close()
  opened.splice(0)
  askEarly(url, [{ key: 'a' }], 3)
  await new Promise((resolve) => setImmediate(resolve))
  const store = open(url)
  await expect(store.get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
})

async function garbage(text: string): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(text))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push({ close: () => new Promise((resolve) => server.close(resolve)) })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

test.each([
  ['garbage', 'HTTP/0.9 perhaps\r\n\r\n'],
  ['half a head', 'HTTP/1.1 200 OK\r\ncontent-le'],
  ['nothing', ''],
])('an answer of %s is unreachable', async (_, text) => {
  const url = await garbage(text)
  askEarly(url, [{ key: 'a' }], 1)
  await expect(open(url).get('a', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
})

test('what cannot be sent is told at once, and nothing is kept of it', async () => {
  const server = await serve()
  expect(() => askEarly(server.url, [{ key: 'a', tag: 'a\nb' }], 1)).toThrow(TypeError)
  expect(() => askEarly('no address', [{ key: 'a' }], 1)).toThrow(TypeError)
  expect(takeEarly(new URL(server.url))).toBeUndefined()
})
