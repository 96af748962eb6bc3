import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { isIPv6 } from 'node:net'

/** A plain web server in front of objects, with ETag, If-None-Match and Range, that misbehaves on demand. */

export interface StaticObject {
  readonly body: Buffer
  readonly etag: string
}

export type StaticFault =
  /** Another status instead of the object. */
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'redirect'; readonly location: string }
  /** The connection breaks without an answer. */
  | { readonly kind: 'drop' }
  /** The whole length is announced, then the connection breaks after so many bytes. */
  | { readonly kind: 'truncated'; readonly after: number }
  /** The whole length is announced, then nothing comes after so many bytes. */
  | { readonly kind: 'stalled'; readonly after: number }
  /** A body without announced length and without end. */
  | { readonly kind: 'endless' }
  /** The whole object whatever range was asked for, as simple servers do. */
  | { readonly kind: 'ignore-range' }
  /** A part again, and honestly labelled, but from the first byte on: not the part that was asked for. */
  | { readonly kind: 'wrong-range' }
  /** Everything from the first byte that was asked for, beyond the last one. */
  | { readonly kind: 'ignore-end' }
  /** So many bytes of the part, honestly labelled. */
  | { readonly kind: 'smaller-range'; readonly bytes: number }
  /** Labelled as it was asked for, but so many bytes more (or fewer). */
  | { readonly kind: 'other-length'; readonly more: number }

export interface StaticRequest {
  readonly method: string
  readonly key: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: IncomingMessage['headers']
}

export interface LoggedStaticRequest extends StaticRequest {
  /** 0 when the connection was dropped instead of an answer. */
  readonly status: number
}

export interface StaticServerOptions {
  /** Before the answer, which waits for it. */
  readonly fault?: (request: StaticRequest) => StaticFault | undefined | Promise<StaticFault | undefined>
  /** Where it listens: 127.0.0.1 when left out. */
  readonly host?: string
  /** Key and certificate, to speak https. */
  readonly tls?: Pick<ServerOptions, 'key' | 'cert'>
}

export interface StaticServer {
  readonly url: string
  readonly requests: LoggedStaticRequest[]
  /** Resolves once nobody waits for an answer, or the rest of one. */
  idle(): Promise<void>
  close(): Promise<void>
}

export async function startStaticServer(
  readObject: (key: string) => Promise<StaticObject | undefined>,
  { fault, host = '127.0.0.1', tls }: StaticServerOptions = {},
): Promise<StaticServer> {
  const requests: LoggedStaticRequest[] = []

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = parseRequest(message)
    const injected = await fault?.(request)
    if (injected?.kind === 'drop') message.socket.destroy()
    else if (injected?.kind === 'status') respond(response, injected.status)
    else if (injected?.kind === 'redirect') respond(response, 302, { location: injected.location })
    else if (injected?.kind === 'endless') sendForever(response)
    else sendObject(request, response, await readObject(request.key), injected)
    requests.push({ ...request, status: injected?.kind === 'drop' ? 0 : response.statusCode })
  }

  const underWay = new Set<ServerResponse>()
  const serve = (message: IncomingMessage, response: ServerResponse): void => {
    underWay.add(response)
    response.on('close', () => underWay.delete(response))
    answer(message, response).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : String(error))
      response.destroy()
    })
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${isIPv6(host) ? `[${host}]` : host}:${address.port}`,
    requests,
    async idle() {
      for (const response of underWay) await new Promise((resolve) => response.once('close', resolve))
    },
    close() {
      return new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)))
        server.closeAllConnections()
      })
    },
  }
}

function parseRequest({ method = '', url = '/', headers }: IncomingMessage): StaticRequest {
  const [path = '', query = ''] = url.split('?')
  return { method, key: decodeURIComponent(path.slice(1)), query, headers }
}

function sendObject(
  { method, headers }: StaticRequest,
  response: ServerResponse,
  object: StaticObject | undefined,
  fault: StaticFault | undefined,
): void {
  if (method !== 'GET' && method !== 'HEAD') respond(response, 405)
  else if (object === undefined) respond(response, 404)
  else if (headers['if-none-match'] === object.etag) respond(response, 304, { etag: object.etag })
  else sendBody(response, object, fault?.kind === 'ignore-range' ? undefined : rangeOf(headers.range), fault)
}

function sendBody(
  response: ServerResponse,
  { body, etag }: StaticObject,
  range: Range | undefined,
  fault: StaticFault | undefined,
): void {
  if (range !== undefined && range.start >= body.length) {
    respond(response, 416, { 'content-range': `bytes */${body.length}` })
    return
  }
  const { start, end } = sentRange(range ?? { start: 0 }, body.length, fault)
  const wanted = partOf(body, start, end, fault)
  const headers = { etag, 'content-length': wanted.length }
  if (range === undefined) response.writeHead(200, headers)
  else response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end - 1}/${body.length}` })
  if (fault?.kind === 'truncated') response.write(wanted.subarray(0, fault.after), () => response.destroy())
  else if (fault?.kind === 'stalled') response.write(wanted.subarray(0, fault.after))
  else response.end(wanted)
}

interface Range {
  readonly start: number
  /** After the last byte; the end of the object when it is left out. */
  readonly end?: number
}

function rangeOf(header: string | undefined): Range | undefined {
  const [, start, last = ''] = /^bytes=(\d+)-(\d*)$/.exec(header ?? '') ?? []
  if (start === undefined) return undefined
  return { start: Number(start), ...(last === '' ? {} : { end: Number(last) + 1 }) }
}

/** What the answer says that it holds. */
function sentRange(range: Range, size: number, fault: StaticFault | undefined): Required<Range> {
  const { start, end = size } = range
  if (fault?.kind === 'wrong-range') return { start: 0, end: Math.min(end, size) }
  if (fault?.kind === 'ignore-end') return { start, end: size }
  if (fault?.kind === 'smaller-range') return { start, end: start + fault.bytes }
  return { start, end: Math.min(end, size) }
}

function partOf(body: Buffer, start: number, end: number, fault: StaticFault | undefined): Buffer {
  const more = fault?.kind === 'other-length' ? fault.more : 0
  return Buffer.concat([body.subarray(start, end + Math.min(more, 0)), Buffer.alloc(Math.max(more, 0))])
}

/** Writes as fast as the other side reads, until it hangs up. */
function sendForever(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const fill = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', fill)
  response.writeHead(200, { etag: '"endless"' })
  fill()
}

function respond(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers)
  response.end(status === 304 ? undefined : `status ${status}\n`)
}
