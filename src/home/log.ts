/**
 * `log`: a line for each thing that went wrong where nobody was there to tell, in a hook of an agent or a command of the
 * person's own. It is bounded, and nothing ever fails for its sake.
 */
import { closeSync, constants, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { formatInstant } from '../core/parse.ts'
import type { Layout } from './layout.ts'

/** Of a file; the one before it is kept. Bytes. */
const MOST = 256 * 1024
const LONGEST_LINE = 2000
/** Should anything else lie in its place, a pipe say, nobody waits for it. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/** @param program who tells, as in `hook claude-code` @param now milliseconds since the epoch */
export function note({ log }: Layout, program: string, message: string, now: number): void {
  try {
    const text = `${formatInstant(now)} ${program}: ${message}`.replace(/[\x00-\x1f\x7f]+/g, ' ')
    makeRoom(log)
    const file = openSync(log, APPEND, 0o600)
    try {
      // One write, so that lines of two processes do not mix.
      writeSync(file, `${text.slice(0, LONGEST_LINE)}\n`)
    } finally {
      closeSync(file)
    }
  } catch {
    // No home, a full disk, a read-only one: whoever notes something has nobody to tell.
  }
}

function makeRoom(log: string): void {
  const info = statSync(log, { throwIfNoEntry: false })
  if (info?.isFile() === true && info.size > MOST) renameSync(log, `${log}.old`)
}
