/**
 * Opens the connection of a pull before anything else is loaded. A guess that costs nothing when it is wrong: whatever
 * cannot be read here is read again, and complained about, by the command itself.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultHome } from '../src/home/default-home.ts'
import { warmUp } from '../src/store/warm.ts'

export function preconnect(args: readonly string[]): void {
  if (!args.includes('pull') || args.includes('--help') || args.includes('-h')) return
  try {
    const { store } = JSON.parse(readFileSync(join(homeOf(args), 'config.json'), 'utf8'))
    if (typeof store === 'string') warmUp(store)
  } catch {
    // Not joined yet, or not readable: the command says so.
  }
}

function homeOf(args: readonly string[]): string {
  const flag = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='))
  if (flag < 0) return defaultHome(process.env)
  const [, value] = /^--home=(.*)$/s.exec(args[flag] ?? '') ?? []
  return value ?? args[flag + 1] ?? ''
}
