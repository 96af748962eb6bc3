/**
 * Sends the first question of a pull before anything else is loaded. A guess that costs nothing when it is wrong:
 * whatever cannot be read here is read again, and complained about, by the command itself.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultHome } from '../src/home/default-home.ts'
import { POINTER } from '../src/store/store.ts'
import { warmUp } from '../src/store/warm.ts'
import { commandOf } from './command-word.ts'

/** An archive comes in four parts, and for two questions there are connections already. */
const FIRST_CONNECTIONS = 2

export async function preconnect(args: readonly string[]): Promise<void> {
  const command = commandOf(args)
  if (command !== 'pull' && command !== 'join') return
  if (args.includes('--help') || args.includes('-h')) return
  // Of several that start at once, only one is to ask.
  if (args.includes('--alone')) return
  try {
    const known = read(args, 'config.json').store
    const wanted = known === undefined && command === 'join' ? joining(args) : undefined
    const store = known ?? wanted?.store
    if (typeof store !== 'string' || !/^https?:/.test(store)) return
    // Connecting takes a round trip, in which the rest of what asking needs is loaded.
    warmUp(store, wanted === undefined ? 1 : 2)
    const { askEarly } = await import('../src/store/early.ts')
    const etag = known === undefined ? undefined : read(args, 'state.json').probe?.etag
    // Who finds something new asks for two things at once. But over TLS, connecting costs more than asking.
    const connections = known === undefined ? FIRST_CONNECTIONS : store.startsWith('http:') ? 1 : 0
    const pointer = { key: POINTER, tag: typeof etag === 'string' && etag !== '' ? etag : undefined }
    const root = wanted === undefined ? [] : [{ key: `metadata/${wanted.root}.root.json` }]
    askEarly(store, [pointer, ...root], connections)
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

/** What a machine is about to join: the store, and the version of the root. Whoever trusts them reads them properly. */
function joining(args: readonly string[]): { store: unknown; root: number } {
  const where = args[args.indexOf('join') + 1] ?? ''
  const [, token] = /^skillsctl-join-1\.(.+)$/.exec(where) ?? []
  if (token !== undefined) {
    const { store, root } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    return { store, root: Number(root.version ?? 1) }
  }
  const [version] = args.flatMap((arg) => /^(?:--root=)?(\d+):sha256:/.exec(arg)?.[1] ?? [])
  return { store: where, root: Number(version ?? 1) }
}

/** @throws TypeError when there is none after the flag */
function homeOf(args: readonly string[]): string {
  const flag = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='))
  if (flag < 0) return defaultHome(process.env)
  const [, value = args[flag + 1]] = /^--home=(.*)$/s.exec(args[flag] ?? '') ?? []
  if (value === undefined) throw new TypeError('--home of what?')
  return value
}
