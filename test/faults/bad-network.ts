/** What may lie between us and a server: a real proxy that forwards each request and spoils the answer. */
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { damaged, PAGE } from './damage.ts'
import type { Dice } from './dice.ts'

export const NETWORK_FAULTS = [
  'page with status 200',
  'flipped on the wire',
  'short body',
  'forbidden',
  'not found',
  'not found, without end',
  'redirect',
  'unavailable',
  'too many requests',
  'always not modified',
  'lying etag',
  'cut off',
  'length too long',
  'length too short',
  'gzip',
  'dripping on the wire',
  'endless body',
  'endless header',
  'no HTTP at all',
  'hung up',
  'answer lost',
  'silent',
] as const
export type NetworkFault = (typeof NETWORK_FAULTS)[number]

/** These show only when somebody has lost patience. */
export const TRY_PATIENCE: ReadonlySet<NetworkFault> = new Set(['silent', 'length too long'])

export interface NetworkWeather {
  readonly kinds: readonly NetworkFault[]
  readonly rate: number
  readonly most: number
}

export interface BadNetwork {
  readonly url: string
  readonly fired: ReadonlySet<NetworkFault>
  /** Requests so far. */
  readonly requests: number
  /** Open connections of clients. */
  connections(): Promise<number>
  /** What the next requests meet. */
  expect(weather: NetworkWeather): void
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** @param upstream address of an honest server */
export async function startBadNetwork(upstream: string, dice: Dice): Promise<BadNetwork> {
  const fired = new Set<NetworkFault>()
  let weather: NetworkWeather = { kinds: [], rate: 0, most: 0 }
  let left = 0
  let requests = 0

  const next = (): NetworkFault | undefined => {
    requests += 1
    if (left === 0 || weather.kinds.length === 0 || !dice.chance(weather.rate)) return undefined
    left -= 1
    const kind = dice.pick(weather.kinds)
    fired.add(kind)
    return kind
  }
  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const fault = next()
    const isLate = fault === 'answer lost'
    if (fault !== undefined && !isLate && spoilRequest(fault, response)) return
    const answer = await forward(upstream, message)
    if (isLate) response.socket?.destroy()
    else send(response, answer, message.method ?? '', fault, dice)
  }
  const server = http.createServer((message, response) => {
    handle(message, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    fired,
    get requests() {
      return requests
    },
    expect(next) {
      weather = next
      left = next.most
      fired.clear()
      requests = 0
    },
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
      }),
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

async function forward(upstream: string, message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  const { method, url = '/', headers } = message
  return new Promise((resolve, reject) => {
    // The host stays what the client has signed.
    const request = http.request(new URL(url, upstream), { method, headers, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      )
    })
    request.on('error', reject)
    request.end(Buffer.concat(chunks))
  })
}

/** Faults that never let the request through. @returns whether this was one */
function spoilRequest(fault: NetworkFault, response: ServerResponse): boolean {
  switch (fault) {
    case 'page with status 200':
      return reply(response, 200, { 'content-type': 'text/html', etag: '"portal"' }, PAGE)
    case 'forbidden':
      return reply(response, 403)
    case 'not found':
      return reply(response, 404)
    case 'not found, without end':
      return pour(response, 404)
    case 'redirect':
      return reply(response, 302, { location: 'http://portal.example/login' })
    case 'unavailable':
      return reply(response, 503)
    case 'too many requests':
      return reply(response, 429, { 'retry-after': '3600' })
    case 'always not modified':
      return reply(response, 304)
    case 'endless body':
      return pour(response, 200)
    case 'endless header':
      return endlessHeader(response)
    case 'no HTTP at all':
      response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n')
      return true
    case 'hung up':
      response.socket?.destroy()
      return true
    case 'silent':
      return true
    default:
      return false
  }
}

function send(
  response: ServerResponse,
  { status, headers, body }: Answer,
  method: string,
  fault: NetworkFault | undefined,
  dice: Dice,
): void {
  const { 'transfer-encoding': _chunked, ...rest } = headers
  const plain = { ...rest, ...(method === 'HEAD' ? {} : { 'content-length': String(body.length) }) }
  const withLength = (length: number, more: http.OutgoingHttpHeaders = {}): ServerResponse =>
    response.writeHead(status, { ...plain, ...more, 'content-length': String(length) })
  // Only answers with a body can be spoiled in it.
  if (method === 'HEAD' || status === 304 || status === 204 || body.length === 0) {
    response.writeHead(status, status === 304 || status === 204 ? rest : plain).end()
    return
  }
  switch (fault) {
    case 'flipped on the wire':
      withLength(body.length).end(damaged(body, 'flipped', dice))
      return
    case 'short body': {
      const short = damaged(body, 'truncated', dice)
      withLength(short.length).end(short)
      return
    }
    case 'cut off':
      withLength(body.length).write(body.subarray(0, body.length >> 1), () => response.destroy())
      return
    case 'length too long':
      withLength(body.length + 1000).write(body)
      return
    case 'length too short':
      withLength(body.length >> 1).socket?.write(body)
      return
    case 'gzip': {
      const zipped = gzipSync(body)
      withLength(zipped.length, { 'content-encoding': 'gzip' }).end(zipped)
      return
    }
    case 'lying etag':
      withLength(body.length, { etag: `"${dice.below(10 ** 9)}"` }).end(body)
      return
    case 'dripping on the wire':
      drip(withLength(body.length), body, 0)
      return
    default:
      withLength(body.length).end(body)
  }
}

function reply(
  response: ServerResponse,
  status: number,
  headers: http.OutgoingHttpHeaders = {},
  body: Buffer = Buffer.alloc(0),
): true {
  response.writeHead(status, status === 304 ? headers : { ...headers, 'content-length': body.length })
  response.end(status === 304 ? undefined : body)
  return true
}

/** As fast as the other side reads, until it hangs up. */
function pour(response: ServerResponse, status: number): true {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const fill = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.writeHead(status, { etag: '"endless"' })
  response.on('drain', fill)
  fill()
  return true
}

function endlessHeader({ socket }: ServerResponse): true {
  const line = `x-more: ${'y'.repeat(8000)}\r\n`
  const fill = (): void => {
    while (socket !== null && !socket.destroyed && socket.write(line));
  }
  socket?.on('drain', fill)
  socket?.on('error', () => {})
  socket?.write('HTTP/1.1 200 OK\r\n')
  fill()
  return true
}

function drip(response: ServerResponse, body: Buffer, from: number): void {
  const piece = Math.max(1, Math.ceil(body.length / 20))
  if (response.destroyed) return
  if (from >= body.length) response.end()
  else
    response.write(body.subarray(from, from + piece), () => setImmediate(drip, response, body, from + piece))
}
