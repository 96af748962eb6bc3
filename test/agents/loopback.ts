/** The least that a stand-in for somebody's API needs: a server on loopback that takes JSON and answers with events. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Fields, object, parseJson } from '../../src/core/parse.ts'

/** Undefined for a path that the stand-in does not know. */
export type Answer = (path: string, body: Fields) => readonly Event[] | undefined

/** One server-sent event; some APIs name theirs. */
export type Event = { readonly type?: string } & Fields

export class Loopback {
  readonly url: string
  readonly #close: () => Promise<void>

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url
    this.#close = close
  }

  static async start(answer: Answer): Promise<Loopback> {
    const server = createServer((request, response) => {
      void respond(request, response, answer)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    return new Loopback(`http://127.0.0.1:${address.port}`, async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
  }

  close(): Promise<void> {
    return this.#close()
  }
}

async function respond(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const isQuestion = request.method === 'POST' && chunks.length > 0
  const body = isQuestion ? object(parseJson(Buffer.concat(chunks).toString(), pathname), pathname) : {}
  const events = isQuestion ? answer(pathname, body) : undefined
  if (events === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    const name = event.type === undefined ? '' : `event: ${event.type}\n`
    response.write(`${name}data: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}

/** Every text in a request, in its order, whatever it is wrapped in. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (typeof value !== 'object' || value === null) return []
  const { text, content, parts } = { text: undefined, content: undefined, parts: undefined, ...value }
  return [...textsIn(text), ...textsIn(content), ...textsIn(parts)]
}
