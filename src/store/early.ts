/** A question that is sent before the code that wants the answer is loaded: both take their time together. */
import type http from 'node:http'
import { conditional, newAgent, type Sent, send } from './http-request.ts'
import type { Etag } from './store.ts'
import { warmUp } from './warm.ts'

export interface Question {
  readonly key: string
  readonly tag: Etag | undefined
  /** Its connections are good for more. */
  readonly agent: http.Agent
  /** From now on the process waits for the answer. */
  take(): Sent
}

const asked = new Map<string, Question>()

/**
 * Asks a web server for one object.
 * @param connections that are opened beside it, because more will be asked
 * @throws TypeError for what is no address, or cannot be sent
 */
export function askEarly(address: string, key: string, tag: Etag | undefined, connections: number): void {
  const base = new URL(address)
  const agent = newAgent(base)
  const sent = send(base, key, agent, conditional(tag))
  let isTaken = false
  const { request, answer } = sent
  // Nobody may want it: whoever takes it hears of what went wrong.
  answer.catch(() => {})
  request.on('socket', (socket) => {
    if (!isTaken) socket.unref()
    socket.once('connect', () => warmUp(address, connections))
  })
  const take = (): Sent => {
    isTaken = true
    request.socket?.ref()
    return sent
  }
  asked.set(base.href, { key, tag, agent, take })
}

/** What was asked of this store, once. */
export function takeEarly({ href }: URL): Question | undefined {
  const question = asked.get(href)
  asked.delete(href)
  return question
}
