/**
 * Each step is a process of its own, as each command is: what the one before could not clear away on a disk that
 * refused belongs to a dead process, and may be swept.
 */
import type * as identity from '../../src/disk/process-identity.ts'

let life = 1

export function nextLife(): void {
  life += 1
}

/** Stands in for `src/disk/process-identity.ts`. */
export function mortal(original: typeof identity): typeof identity {
  return {
    ...original,
    ownIdentity: () => ({ ...original.ownIdentity(), started: `life ${life}` }),
    isAlive: ({ started }) => started === `life ${life}`,
  }
}
