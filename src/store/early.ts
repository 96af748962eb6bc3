/** Questions that are sent before the code that wants the answers is loaded: all of it takes its time together. */
import type http from 'node:http'
import { conditional, newAgent, type Sent, send } from './http-request.ts'
import type { Etag } from './store.ts'
import { warmUp } from './warm.ts'

export interface Question {
  readonly key: string
  readonly tag?: Etag | undefined
}

/** What was asked of a web server. */
export interface Early {
  /** Its connections are good for more. */
  readonly agent: http.Agent
  /** What was sent for this very question, once: from now on the process waits for the answer. */
  take(question: Question): Sent | undefined
  /** Nobody wants what is left. */
  end(): void
}

const asked = new Map<string, Early>()

/**
 * Asks a web server for some objects at once.
 * @param connections that are opened beside, because more will be asked
 * @throws TypeError for what is no address, or cannot be sent
 */
export function askEarly(address: string, questions: readonly Question[], connections: number): void {
  const base = new URL(address)
  const agent = newAgent(base)
  const left = new Map(
    questions.map(({ key, tag }) => [key, { tag, ...unawaited(send(base, key, agent, conditional(tag))) }]),
  )
  const [first] = left.values()
  first?.sent.request.on('socket', (socket) => {
    socket.once('connect', () => warmUp(address, connections))
  })
  const end = (): void => {
    for (const { sent } of left.values()) sent.request.destroy()
    left.clear()
  }
  const take = ({ key, tag }: Question): Sent | undefined => {
    const found = left.get(key)
    left.delete(key)
    if (found === undefined || found.tag === tag) return found?.wait()
    found.sent.request.destroy()
    return undefined
  }
  asked.set(base.href, { agent, take, end })
}

/** Nobody may want the answer: until somebody does, nobody hears of what goes wrong, and no process waits for it. */
function unawaited(sent: Sent): { readonly sent: Sent; wait(): Sent } {
  const { request, answer } = sent
  let isWanted = false
  answer.catch(() => {})
  request.on('socket', (socket) => {
    if (!isWanted) socket.unref()
  })
  const wait = (): Sent => {
    isWanted = true
    request.socket?.ref()
    return sent
  }
  return { sent, wait }
}

/** What was asked of this store, for the first who opens it. */
export function takeEarly({ href }: URL): Early | undefined {
  const early = asked.get(href)
  asked.delete(href)
  return early
}
