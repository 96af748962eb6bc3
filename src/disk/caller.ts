/** Which program has us called: a hook is a child of its agent, mostly with a shell or two between. */
import { basename } from 'node:path'
import { findProcess, identityOf, type ProcessIdentity } from './process-identity.ts'

/** A login shell has a hyphen before its name. */
const SHELL = /^-?(?:sh|bash|dash|zsh|fish|ash|ksh|busybox)$/
/** Nobody nests so many; and a process that takes the place of another's pid meanwhile must not send us round. */
const MOST_SHELLS = 16

/** The nearest process above us that is no shell; undefined where nobody can tell: then there is none to watch. */
export function callingProcess(parent: number = process.ppid): ProcessIdentity | undefined {
  let pid = parent
  for (let level = 0; level < MOST_SHELLS; level++) {
    // The first process adopts those whose parents have ended, and outlives them.
    if (pid <= 1) return undefined
    const found = findProcess(pid)
    if (found === undefined) return undefined
    if (!SHELL.test(basename(found.program))) return identityOf(found)
    pid = found.parent
  }
  return undefined
}
