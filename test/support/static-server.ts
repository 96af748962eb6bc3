import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

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
  readonly fault?: (request: StaticRequest) => StaticFault | undefined
}

export interface StaticServer {
  readonly url: string
  readonly requests: LoggedStaticRequest[]
  close(): Promise<void>
}

export async function startStaticServer(
  readObject: (key: string) => Promise<StaticObject | undefined>,
  { fault }: StaticServerOptions = {},
): Promise<StaticServer> {
  const requests: LoggedStaticRequest[] = []

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = parseRequest(message)
    const injected = fault?.(request)
    if (injected?.kind === 'drop') message.socket.destroy()
    else if (injected?.kind === 'status') respond(response, injected.status)
    else if (injected?.kind === 'redirect') respond(response, 302, { location: injected.location })
    else if (injected?.kind === 'endless') sendForever(response)
    else sendObject(request, response, await readObject(request.key), injected)
    requests.push({ ...request, status: injected?.kind === 'drop' ? 0 : response.statusCode })
  }

  const server = createServer((message, response) => {
    answer(message, response).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : String(error))
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
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
  else sendBody(response, object, fault?.kind === 'ignore-range' ? 0 : rangeStart(headers.range), fault)
}

function sendBody(
  response: ServerResponse,
  { body, etag }: StaticObject,
  start: number,
  fault: StaticFault | undefined,
): void {
  if (start > 0 && start >= body.length) {
    respond(response, 416, { 'content-range': `bytes */${body.length}` })
    return
  }
  const first = fault?.kind === 'wrong-range' ? 0 : start
  const wanted = body.subarray(first)
  const range = { 'content-range': `bytes ${first}-${body.length - 1}/${body.length}` }
  const headers = { etag, 'content-length': wanted.length, ...(start > 0 ? range : {}) }
  response.writeHead(start > 0 ? 206 : 200, headers)
  if (fault?.kind === 'truncated') response.write(wanted.subarray(0, fault.after), () => response.destroy())
  else if (fault?.kind === 'stalled') response.write(wanted.subarray(0, fault.after))
  else response.end(wanted)
}

/** Only open ranges, which is all that resuming needs; others are ignored, as the protocol allows. */
function rangeStart(header: string | undefined): number {
  const match = /^bytes=(\d+)-$/.exec(header ?? '')
  return match === null ? 0 : Number(match[1])
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
