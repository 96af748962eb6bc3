/** Where the team of a test keeps its repository: in memory, or on the S3 server that the environment names. */
import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { openWritableStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { ClockedStore } from './clocked-store.ts'
import { foreignUrl } from './foreign-store.ts'
import { MemoryStore } from './memory-store.ts'

/** A new, empty store that goes when the test ends. @param now the time by which its objects age */
export async function openTestStore(now: () => number = Date.now): Promise<Store> {
  const url = await foreignUrl()
  if (url === undefined) return new MemoryStore({ url: `memory:${randomBytes(4).toString('hex')}`, now })
  // As the command line opens it, so with its retries.
  const store = await openWritableStore(url)
  onTestFinished(() => store.close())
  return new ClockedStore(store, now)
}
