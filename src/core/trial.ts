/** A draft that is tried on a machine for a while (SPEC.md, "Trials"). */
import { type Fields, instant, list, object, SHA256_HEX, string } from './parse.ts'
import { parseVersion } from './version.ts'

interface TriedRelease {
  readonly version: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest: string
}

interface Terms {
  /** `drafts/<name>` */
  readonly channel: string
  readonly until: string
}

/** The machine follows the draft, and knows what ran before. */
export interface MachineTrial extends Terms {
  readonly before: TriedRelease
  readonly release?: undefined
  readonly surfaces?: undefined
}

/** Some surfaces show a release of the draft; `current` stays where it is. */
export interface SurfaceTrial extends Terms {
  readonly release: TriedRelease
  readonly surfaces: readonly string[]
  /** Tag of the timestamp when the draft was last looked at. */
  readonly seen?: string | undefined
  readonly before?: undefined
}

export type Trial = MachineTrial | SurfaceTrial

/** A machine whose clock is wrong must not be held for ever. Milliseconds. */
export const LONGEST_TRIAL = 14 * 24 * 60 * 60 * 1000
/** Clocks are set back by a little. Milliseconds. */
const SKEW = 10 * 60 * 1000

/** Also one that would last longer than any may: it was begun while a clock was wrong. */
export function isOver({ until }: Terms, now: number): boolean {
  const left = Date.parse(until) - now
  return left <= 0 || left > LONGEST_TRIAL + SKEW
}

/** @returns the trial unless there is none, or it is over */
export function trialInForce(trial: Trial | undefined, now: number): Trial | undefined {
  return trial === undefined || isOver(trial, now) ? undefined : trial
}

/** What the machine follows in the place of its own channel. */
export function triedChannel(trial: Trial | undefined, now: number): string | undefined {
  const inForce = trialInForce(trial, now)
  return inForce?.surfaces === undefined ? inForce?.channel : undefined
}

/** Whether what this surface shows is on trial. */
export function isTriedOn(trial: Trial, surface: string): boolean {
  return trial.surfaces === undefined || trial.surfaces.includes(surface)
}

/** `drafts/idea until 2026-11-21T19:00:00Z on claude-code`. */
export function describeTrial({ channel, until, surfaces }: Trial): string {
  return `${channel} until ${until}${surfaces === undefined ? '' : ` on ${surfaces.join(', ')}`}`
}

const DRAFT = /^drafts\/[a-z0-9][a-z0-9._-]{0,63}$/
const MOST_SURFACES = 1000

/** Fields of a newer skillsctl are carried along. @throws SkillsctlError `corrupt` */
export function parseTrial(value: unknown, subject: string): Trial {
  const fields = object(value, subject)
  const terms: Fields & Terms = {
    ...fields,
    channel: string(fields['channel'], subject, DRAFT),
    until: instant(fields['until'], subject),
  }
  if (fields['surfaces'] === undefined)
    return {
      ...terms,
      before: parseRelease(fields['before'], subject),
      release: undefined,
      surfaces: undefined,
    }
  return {
    ...terms,
    release: parseRelease(fields['release'], subject),
    surfaces: list(fields['surfaces'], subject, MOST_SURFACES).map((name) => string(name, subject)),
    seen: fields['seen'] === undefined ? undefined : string(fields['seen'], subject),
    before: undefined,
  }
}

function parseRelease(value: unknown, subject: string): TriedRelease {
  const { version, manifest } = object(value, subject)
  return { version: parseVersion(version), manifest: string(manifest, subject, SHA256_HEX) }
}
