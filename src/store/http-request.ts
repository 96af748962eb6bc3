/** One request to a web server, and the connections that it goes over. */
import http from 'node:http'
import type https from 'node:https'
import { SkillsctlError } from '../core/errors.ts'
import { takeWarm } from './warm.ts'

export interface Sent {
  readonly request: http.ClientRequest
  /** Its head has arrived, not its body. @throws SkillsctlError `unreachable` */
  readonly answer: Promise<http.IncomingMessage>
}

/** Connections that are kept; the first are those that were opened early, if there are any. */
export function newAgent({ protocol, origin }: URL): http.Agent {
  const options = { keepAlive: true, maxSockets: 8 }
  const agent = new (clientFor(protocol).Agent)(options)
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => takeWarm(origin) ?? connect(options, callback)
  return agent
}

/** TLS is loaded for those who speak it. */
function clientFor(protocol: string): typeof http | typeof https {
  return protocol === 'https:' ? process.getBuiltinModule('node:https') : http
}

/** @param base a query string (a signed CDN token, say) is sent with every request */
export function send(base: URL, key: string, agent: http.Agent, headers: http.OutgoingHttpHeaders): Sent {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${key.split('/').map(encodeURIComponent).join('/')}`
  const request = clientFor(url.protocol).get(url, {
    agent,
    headers: { 'accept-encoding': 'identity', ...headers },
  })
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', (response) => {
      // Whoever reads it hears of it; nobody may.
      response.on('error', () => {})
      resolve(response)
    })
    request.on('error', (error) => reject(networkError(error, `${publicAddress(base)}/${key}`)))
  })
  return { request, answer }
}

/** Only of a pointer: whether it still has the tag that was seen last. */
export function conditional(tag: string | undefined): http.OutgoingHttpHeaders {
  return tag === undefined ? {} : { 'if-none-match': tag }
}

/** Credentials and tokens stay out of messages and state. */
export function publicAddress({ origin, pathname }: URL): string {
  return `${origin}${pathname}`.replace(/\/$/, '')
}

export function networkError(error: unknown, subject: string): SkillsctlError {
  if (error instanceof SkillsctlError) return error
  const found = error instanceof Error && 'code' in error ? String(error.code) : undefined
  return new SkillsctlError('unreachable', 'the store does not answer', {
    subject,
    found,
    hint: 'check the network and the address',
    cause: error,
  })
}
