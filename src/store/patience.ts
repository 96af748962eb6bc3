/** How long we wait for bytes: a body that stops or drips is a store that does not answer. */
import { SkillsctlError } from '../core/errors.ts'

/** Longest wait for a connection and the first byte. Milliseconds. */
export const ANSWER_MS = 10_000
/** Longest silence in the middle of a body. Milliseconds. */
export const STALL_MS = 15_000
/** After this, a body has to average `SLOWEST` or is given up. Milliseconds. */
const DRIP_MS = 30_000
/** Bytes per second. */
const SLOWEST = 1024

export interface Patience {
  readonly stallMs: number
  readonly dripMs: number
}

/** Passes a body on; `unreachable` when it stalls or drips. Time in which the consumer is busy does not count. */
export async function* patient(
  chunks: AsyncIterable<Buffer>,
  key: string,
  { stallMs, dripMs }: Patience = { stallMs: STALL_MS, dripMs: DRIP_MS },
): AsyncGenerator<Buffer> {
  const body = chunks[Symbol.asyncIterator]()
  let waited = 0
  let bytes = 0
  try {
    for (;;) {
      const asked = performance.now()
      const next = await within(body.next(), stallMs, key)
      if (next.done === true) return
      waited += performance.now() - asked
      bytes += next.value.length
      if (waited > dripMs && bytes / (waited / 1000) < SLOWEST) throw tooSlow(key)
      yield next.value
    }
  } finally {
    // Not awaited: a stalled source may never settle, and destroying it is all we want.
    void body.return?.()
  }
}

/**
 * Settles like `work`, or throws `unreachable` after `ms` milliseconds. A process that was suspended meanwhile has not
 * waited: what has come by then is read first.
 */
export async function within<T>(work: Promise<T>, ms: number, key: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    // Timers go before sockets in a turn of the event loop, and immediates after them.
    timer = setTimeout(() => setImmediate(() => reject(tooSlow(key))), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function tooSlow(key: string): SkillsctlError {
  return new SkillsctlError('unreachable', 'the store stopped answering', {
    subject: key,
    hint: 'check the network and try again',
  })
}
