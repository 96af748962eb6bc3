/**
 * A gate in front of any S3 endpoint: passes everything on as it is, writes down what passed, and can be closed,
 * which is how a machine goes offline here. It knows nothing of its clients.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Passed {
  readonly method: string
  /** The key below the bucket; with `?list-type=2&prefix=…` for a listing. */
  readonly key: string
  /** `If-None-Match`, `If-Match` or `Range`, where the request has one. */
  readonly condition: string | undefined
  readonly status: number
  /** Bytes of the bodies, from the client and to it. */
  readonly up: number
  readonly down: number
}

export interface Gate {
  readonly endpoint: string
  /** Every request so far, in the order of the answers. */
  readonly passed: readonly Passed[]
  close(): Promise<void>
  reopen(): Promise<void>
}

export async function openGate(upstream: string): Promise<Gate> {
  const passed: Passed[] = []
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(upstream)
  const server = createServer((message, response) => {
    forward(message, response, { hostname, port, agent }, passed)
  })
  const listen = (at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(at, '127.0.0.1', resolve)
    })
  await listen(0)
  const own = (server.address() as AddressInfo).port
  return {
    endpoint: `http://127.0.0.1:${own}`,
    passed,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
      agent.destroy()
    },
    reopen: () => listen(own),
  }
}

function forward(
  message: IncomingMessage,
  response: ServerResponse,
  to: { hostname: string; port: string; agent: Agent },
  passed: Passed[],
): void {
  const { method = '', url = '', headers } = message
  // Answered here already; the signature never covers it.
  const { expect: _expect, ...forwarded } = headers
  let up = 0
  const onward = request({ ...to, method, path: url, headers: forwarded }, (answer) => {
    let down = 0
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.on('data', (chunk: Buffer) => {
      down += chunk.length
    })
    answer.on('end', () => {
      const condition = conditionOf(message)
      passed.push({ method, key: keyOf(url), condition, status: answer.statusCode ?? 502, up, down })
    })
    answer.on('error', () => response.destroy())
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  message.on('data', (chunk: Buffer) => {
    up += chunk.length
  })
  message.pipe(onward)
}

function keyOf(url: string): string {
  const { pathname, searchParams } = new URL(url, 'http://gate')
  const key = decodeURIComponent(pathname).replace(/^\/[^/]*\/?/, '')
  const listed = searchParams.get('prefix')
  return searchParams.has('list-type') ? `?list-type=2&prefix=${listed ?? ''}` : key
}

function conditionOf({ headers }: IncomingMessage): string | undefined {
  const names = ['if-none-match', 'if-match', 'range'] as const
  const name = names.find((candidate) => headers[candidate] !== undefined)
  if (name === undefined) return undefined
  return name === 'range' || headers[name] === '*' ? `${name}: ${headers[name]}` : name
}
