/** The way between a machine and the servers, with a round trip, and what has passed on it. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Traffic {
  /** Bytes that came to the client, with the headers of HTTP and without those of TCP. */
  readonly received: number
  readonly requests: number
  /** Times that a request had to wait for an answer to another, plus one; opening connections is not counted. */
  readonly rounds: number
}

const PROXY = fileURLToPath(new URL('./delay-proxy.js', import.meta.url))

export interface Network {
  readonly roundTripMs: number
  /** In the order of the servers' ports that were given. */
  readonly ports: readonly number[]
  /** What has passed since the last time; undefined where nobody counts. */
  take(): Promise<Traffic | undefined>
  close(): Promise<void>
}

/** No distance, and nothing in between that would cost time. */
export function nearby(ports: readonly number[]): Network {
  return { roundTripMs: 0, ports, take: async () => undefined, close: async () => {} }
}

export async function distant(roundTripMs: number, servers: readonly number[]): Promise<Network> {
  const proxy = fork(PROXY, [roundTripMs, ...servers].map(String))
  const ports = await answer<number[]>(proxy)
  return {
    roundTripMs,
    ports,
    take() {
      const taken = answer<Traffic>(proxy)
      proxy.send('take')
      return taken
    },
    async close() {
      const ended = new Promise((resolve) => proxy.once('exit', resolve))
      proxy.disconnect()
      await ended
    },
  }
}

function answer<T>(proxy: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`the delay proxy ended with ${code}`))
    proxy.once('exit', failed)
    proxy.once('message', (message) => {
      proxy.off('exit', failed)
      resolve(message as T)
    })
  })
}
