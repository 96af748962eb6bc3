/** The machine and the person whose agents are meant: where their directories are, which agents they have. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Place, ScanRules } from '../core/scan-rules.ts'
import { findPreset, type Surface } from '../core/surface.ts'
import { rootOf, type User } from './root.ts'

export interface Host {
  readonly user: User
  readonly platform: 'linux' | 'darwin'
  /** What `/` is; tests have one of their own. */
  readonly root: string
}

/** Of this process. */
export function hostOf(user: User): Host {
  return { user, platform: process.platform === 'darwin' ? 'darwin' : 'linux', root: '/' }
}

/** Absolute path of a place, or undefined where this agent reads nothing. @param surfaces those of this machine */
export function pathOf(
  { of, folder = 'skills', home, at, unless = [] }: Place,
  surfaces: readonly Surface[],
  host: Host,
): string | undefined {
  if (unless.some((name) => isSet(host.user.variables[name]))) return undefined
  if (at !== undefined) return join(host.root, at[host.platform])
  if (home !== undefined) return join(host.user.directory, home)
  const preset = findPreset(of ?? '')
  const chosen = surfaces.find((surface) => surface.preset === of)?.root
  const root = chosen ?? (preset && rootOf(preset, host.user))
  return root && join(root, folder)
}

/** As agents read a switch in the environment. */
export function isSet(value: string | undefined): boolean {
  return value !== undefined && /^(?:1|true|yes|on)$/i.test(value)
}

/** Whether the person has this agent, as far as its own directory tells. */
export function isPresent({ preset }: ScanRules, { user }: Host): boolean {
  const known = findPreset(preset)
  const root = known && rootOf(known, user)
  try {
    return root !== undefined && statSync(root).isDirectory()
  } catch {
    // Not there, or not for us to see: then it is not this person's.
    return false
  }
}
