/** `state.json`: what this machine knows. Losing it costs a request, never correctness. */
import { SkillsctlError } from '../core/errors.ts'
import {
  describe,
  type Fields,
  instant,
  object,
  optional,
  parseJson,
  SHA256_HEX,
  string,
} from '../core/parse.ts'
import { parseTrial, type Trial } from '../core/trial.ts'
import { parseVersion } from '../core/version.ts'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import type { Layout } from './layout.ts'

export interface ReleaseName {
  readonly version: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest: string
}

/** Only the name of something that also is a release. */
export function nameOf({ version, manifest }: ReleaseName): ReleaseName {
  return { version, manifest }
}

export interface Problem {
  readonly code: string
  readonly message: string
  readonly at: string
}

const FORMAT = 'skillsctl-state/1'

export interface MachineState {
  /** Hold this release whatever the channel says. */
  readonly pin?: ReleaseName | undefined
  /** A draft that is followed, or shown on some surfaces, until its time is over. */
  readonly trial?: Trial | undefined
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
  /** Manifest of a release of which no standby could be made: it is not tried again and again. */
  readonly unprepared?: string | undefined
  /** Tag of the timestamp, and what it was the end of. */
  readonly probe?: { readonly etag: string; readonly binding: string } | undefined
}

/**
 * A file that cannot be read counts as none, and so does each field of it: the next pull learns it anew.
 * @throws SkillsctlError `unsupported` for the file of a newer skillsctl: a pin that we cannot read would not hold
 */
export async function readState(layout: Layout): Promise<MachineState> {
  return parseState(await readFields(layout))
}

async function readFields(layout: Layout): Promise<Fields> {
  const bytes = await readIfThere(layout.state)
  const fields =
    bytes && readable(bytes.toString('utf8'), (text) => object(parseJson(text, 'state'), 'state'))
  const { format = FORMAT } = fields ?? {}
  if (format === FORMAT) return fields ?? {}
  throw new SkillsctlError('unsupported', 'this home was used by a newer skillsctl', {
    subject: layout.state,
    expected: FORMAT,
    found: describe(format),
    hint: 'install a newer skillsctl; the installed release keeps running',
  })
}

/** What `read` makes of a value, or undefined when it is damaged. */
function readable<V, T>(value: V, read: (value: V) => T): T | undefined {
  try {
    return read(value)
  } catch (error) {
    if (error instanceof SkillsctlError && error.code === 'corrupt') return undefined
    throw error
  }
}

/** Fields of a newer skillsctl are carried along. */
function parseState(fields: Fields): MachineState {
  const field = <T>(key: string, read: (value: unknown, subject: string) => T): T | undefined =>
    readable(fields[key], (value) => optional(value, `state.${key}`, read))
  return {
    ...fields,
    pin: field('pin', parseName),
    trial: field('trial', parseTrial),
    head: field('head', parseName),
    checkedAt: field('checkedAt', instant),
    rootCheckedAt: field('rootCheckedAt', instant),
    signedAt: field('signedAt', instant),
    expiresAt: field('expiresAt', instant),
    problem: field('problem', parseProblem),
    crowdedOut: field('crowdedOut', string),
    unprepared: field('unprepared', string),
    probe: field('probe', parseProbe),
  }
}

function parseProblem(value: unknown, subject: string): Problem {
  const { code, message, at } = object(value, subject)
  return { code: string(code, subject), message: string(message, subject), at: instant(at, subject) }
}

/** What may be sent as a header (RFC 9110, section 5.5). A tag that a bad disk has changed could never be sent. */
const HEADER = /^[\t\x20-\x7e\x80-\xff]*$/

function parseProbe(value: unknown, subject: string): { etag: string; binding: string } {
  const { etag, binding } = object(value, subject)
  return { etag: string(etag, subject, HEADER), binding: string(binding, subject) }
}

function parseName(value: unknown, subject: string): ReleaseName {
  const fields = object(value, subject)
  return {
    version: parseVersion(fields['version']),
    manifest: string(fields['manifest'], subject, SHA256_HEX),
  }
}

/** Changes some fields. The caller holds the lock, so that no other change is lost. */
export async function updateState(layout: Layout, change: Partial<MachineState>): Promise<void> {
  // As it was read, so that also what a newer skillsctl has added to one of our fields survives.
  const state = { ...(await readFields(layout)), format: FORMAT, ...change }
  await writeFileAtomic(layout.state, `${JSON.stringify(state, null, 2)}\n`, {
    mode: 0o600,
    via: layout.staging,
  })
}
