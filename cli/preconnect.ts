/**
 * Sends the first question of a pull before anything else is loaded. A guess that costs nothing when it is wrong:
 * whatever cannot be read here is read again, and complained about, by the command itself.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultHome } from '../src/home/default-home.ts'
import { POINTER } from '../src/store/store.ts'
import { warmUp } from '../src/store/warm.ts'

export async function preconnect(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return
  try {
    const { store, etag } = args.includes('pull')
      ? { store: read(args, 'config.json').store, etag: read(args, 'state.json').probe?.etag }
      : { store: joining(args), etag: undefined }
    if (typeof store !== 'string' || !/^https?:/.test(store)) return
    // Connecting takes a round trip, in which the rest of what asking needs is loaded.
    warmUp(store)
    const { askEarly } = await import('../src/store/early.ts')
    askEarly(store, POINTER, typeof etag === 'string' && etag !== '' ? etag : undefined)
  } catch {
    // Not joined yet, or not readable: the command says so.
  }
}

/** Fields of a file in the home; none when it is not there. */
function read(args: readonly string[], name: string) {
  try {
    return JSON.parse(readFileSync(join(homeOf(args), name), 'utf8'))
  } catch {
    return {}
  }
}

/** The store that a machine is about to join: a URL, or in a token. */
function joining(args: readonly string[]): unknown {
  const where = args[args.indexOf('join') + 1] ?? ''
  if (!args.includes('join')) return undefined
  const [, token] = /^skillsctl-join-1\.(.+)$/.exec(where) ?? []
  return token === undefined ? where : JSON.parse(Buffer.from(token, 'base64url').toString('utf8')).store
}

function homeOf(args: readonly string[]): string {
  const flag = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='))
  if (flag < 0) return defaultHome(process.env)
  const [, value] = /^--home=(.*)$/s.exec(args[flag] ?? '') ?? []
  return value ?? args[flag + 1] ?? ''
}
