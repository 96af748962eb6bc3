/** Connections that are opened early, and tags that a web server makes of whole seconds. */
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openHttpStore } from '../../src/store/http.ts'
import { takeWarm, warmUp } from '../../src/store/warm.ts'

let server: http.Server
let url: string
let sockets: Socket[]
let headers: http.OutgoingHttpHeaders
let connected: () => void

beforeEach(async () => {
  sockets = []
  headers = {}
  connected = () => {}
  server = http.createServer((_request, response) => response.writeHead(200, headers).end('{}'))
  server.on('connection', (socket) => {
    sockets.push(socket)
    connected()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/skills`
})
afterEach(async () => {
  takeWarm(new URL(url).origin)?.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const ask = (store: ReturnType<typeof openHttpStore>) => store.get('a', { maxBytes: 10 })

/** Opens a connection early, and waits until the server has it. */
async function warm(): Promise<void> {
  const there = new Promise<void>((resolve) => {
    connected = resolve
  })
  warmUp(url)
  await there
}

test('the first request goes over the connection that was opened early', async () => {
  await warm()
  const [early] = sockets
  const used = new Promise<Socket>((resolve) => server.once('request', ({ socket }) => resolve(socket)))
  const store = openHttpStore(url)
  await ask(store)
  expect(await used).toBe(early)
  store.close()
})

test('one that was closed meanwhile is not used, and nobody notices', async () => {
  await warm()
  const gone = takeWarm(new URL(url).origin)
  gone?.destroy()
  const store = openHttpStore(url)
  expect(await ask(store)).toMatchObject({ kind: 'found' })
  store.close()
})

test('the end of one connection forgets no other that waits for the same server', async () => {
  await warm()
  const first = takeWarm(new URL(url).origin)
  await warm()
  await new Promise((resolve) => first?.once('close', resolve).destroy())
  expect(takeWarm(new URL(url).origin)).toBeDefined()
})

test('a connection that nobody asked for ends with its store', async () => {
  const store = openHttpStore(url)
  await ask(store)
  store.close()
  expect(takeWarm(new URL(url).origin)).toBeUndefined()
})

test('nothing is opened for what needs no connection, or is no address', () => {
  for (const address of ['file:///mnt/nas', 's3://bucket/prefix', 'no address']) warmUp(address)
  expect(sockets).toEqual([])
})

test('a tag counts only once its object was quiet: two of one second may share it', async () => {
  const date = 'Sat, 21 Nov 2026 10:00:10 GMT'
  const tagAt = async (modified: string): Promise<unknown> => {
    headers = { etag: '"5f-3e8"', date, 'last-modified': modified }
    const store = openHttpStore(url)
    const answer = await ask(store)
    store.close()
    return answer.kind === 'found' ? answer.etag : undefined
  }
  expect(await tagAt('Sat, 21 Nov 2026 10:00:10 GMT')).toBe('')
  expect(await tagAt('Sat, 21 Nov 2026 10:00:09 GMT')).toBe('')
  expect(await tagAt('Sat, 21 Nov 2026 10:00:08 GMT')).toBe('"5f-3e8"')
})
