/**
 * Runs in a process of its own: takes the lock named by its first argument. With `once` it appends a line to a log
 * at both ends of what it guards and ends; otherwise it says `held` and holds on until it is killed.
 */
import { appendFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { withLock } from '../../build/src/disk/lock.js'

const [, , lock, mode, log] = process.argv

await withLock(
  lock,
  async () => {
    if (mode === 'once') {
      appendFileSync(log, `enter ${process.pid}\n`)
      // Gives the others every chance to come in.
      for (let count = 0; count < 500; count++) await turn()
      appendFileSync(log, `leave ${process.pid}\n`)
    } else {
      process.stdout.write(`held ${process.pid}\n`)
      await new Promise(() => setInterval(() => {}, 60_000))
    }
  },
  60_000,
)
