/** `state.json`: what this machine knows. Losing it costs a request, never correctness. */
import { SkillsctlError } from '../core/errors.ts'
import { type Fields, instant, object, optional, parseJson, SHA256_HEX, string } from '../core/parse.ts'
import { parseVersion } from '../core/version.ts'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import type { Layout } from './layout.ts'

export interface ReleaseName {
  readonly version: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest: string
}

export interface Problem {
  readonly code: string
  readonly message: string
  readonly at: string
}

export interface MachineState {
  /** Hold this release whatever the channel says. */
  readonly pin?: ReleaseName | undefined
  /** The channel's head as last verified. */
  readonly head?: ReleaseName | undefined
  /** When the store last gave a verified answer. */
  readonly checkedAt?: string | undefined
  /** When a newer root was last asked for. */
  readonly rootCheckedAt?: string | undefined
  /** The repository's own signed time, as last seen. */
  readonly signedAt?: string | undefined
  /** When the timestamp that we accepted last expires. */
  readonly expiresAt?: string | undefined
  /** Why the last check failed; absent after one that did not. */
  readonly problem?: Problem | undefined
  /** Recent releases that had to go, because together they exceeded 2 GB. */
  readonly crowdedOut?: string | undefined
  /** Tag of the timestamp, and what it was the end of. */
  readonly probe?: { readonly etag: string; readonly binding: string } | undefined
}

/** A state that cannot be read counts as none: it is rebuilt by the next pull. */
export async function readState(layout: Layout): Promise<MachineState> {
  const bytes = await readIfThere(layout.state)
  if (bytes === undefined) return {}
  try {
    return parseState(object(parseJson(bytes.toString('utf8'), layout.state), layout.state))
  } catch (error) {
    if (error instanceof SkillsctlError && error.code === 'corrupt') return {}
    throw error
  }
}

function parseState(fields: Fields): MachineState {
  const problem = optional(fields['problem'], 'state.problem', object)
  const probe = optional(fields['probe'], 'state.probe', object)
  const at = (key: string): string | undefined => optional(fields[key], `state.${key}`, instant)
  return {
    pin: optional(fields['pin'], 'state.pin', parseName),
    head: optional(fields['head'], 'state.head', parseName),
    checkedAt: at('checkedAt'),
    rootCheckedAt: at('rootCheckedAt'),
    signedAt: at('signedAt'),
    expiresAt: at('expiresAt'),
    problem: problem && {
      code: string(problem['code'], 'state.problem'),
      message: string(problem['message'], 'state.problem'),
      at: instant(problem['at'], 'state.problem'),
    },
    crowdedOut: optional(fields['crowdedOut'], 'state.crowdedOut', string),
    probe: probe && {
      etag: string(probe['etag'], 'state.probe'),
      binding: string(probe['binding'], 'state.probe'),
    },
  }
}

function parseName(value: unknown, subject: string): ReleaseName {
  const fields = object(value, subject)
  return {
    version: parseVersion(fields['version']),
    manifest: string(fields['manifest'], subject, SHA256_HEX),
  }
}

/** Changes some fields. The caller holds the lock, so that no other change is lost. */
export async function updateState(layout: Layout, change: Partial<MachineState>): Promise<MachineState> {
  const state = { ...(await readState(layout)), ...change }
  await writeFileAtomic(layout.state, `${JSON.stringify(state, null, 2)}\n`, {
    mode: 0o600,
    via: layout.staging,
  })
  return state
}
