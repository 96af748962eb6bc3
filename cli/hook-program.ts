/** Which program an agent is told to call. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultHome } from '../src/home/default-home.ts'
import type { Layout } from '../src/home/layout.ts'
import type { HookProgram } from '../src/surfaces/hook-command.ts'

/** An agent that a desktop has started knows nothing of the variables of a shell, so that those are no default. */
export function hookProgram({ root }: Layout): HookProgram {
  const home = resolve(root)
  return {
    node: process.execPath,
    program: fileURLToPath(new URL('../hook/main.cjs', import.meta.url)),
    home: home === defaultHome({}) ? undefined : home,
  }
}
