/** Where a machine keeps everything, unless it is told otherwise (SPEC.md, "The home"). */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** `$SKILLSCTL_HOME`, else `${XDG_DATA_HOME:-~/.local/share}/skillsctl`. */
export function defaultHome(environment: NodeJS.ProcessEnv): string {
  const { SKILLSCTL_HOME: home, XDG_DATA_HOME: data } = environment
  if (home !== undefined && home !== '') return resolve(home)
  return join(
    data !== undefined && data !== '' ? resolve(data) : join(homedir(), '.local', 'share'),
    'skillsctl',
  )
}
