/** How current a machine's knowledge is, judged from signed times and its own clock (DESIGN §3, "Freshness"). */

/** An idle CI renews twice a day, so three days of silence mean something. Milliseconds. */
export const QUIET_AFTER = 3 * 24 * 60 * 60 * 1000
/** Clocks differ by a little; beyond this it is worth saying. Milliseconds. */
const SKEW = 10 * 60 * 1000

export interface Knowledge {
  readonly checkedAt?: string | undefined
  readonly signedAt?: string | undefined
  readonly expiresAt?: string | undefined
}

export interface Freshness {
  /** Milliseconds since the store last gave a verified answer; undefined when it never did. */
  readonly sinceCheck: number | undefined
  /** Milliseconds since the repository was last signed. */
  readonly sinceSigned: number | undefined
  readonly expired: boolean
  /** A reason per entry; empty when all is well. */
  readonly warnings: readonly string[]
}

/** @param now milliseconds since the epoch */
export function judgeFreshness({ checkedAt, signedAt, expiresAt }: Knowledge, now: number): Freshness {
  const since = (instant: string | undefined): number | undefined =>
    instant === undefined ? undefined : now - Date.parse(instant)
  const sinceSigned = since(signedAt)
  const sinceCheck = since(checkedAt)
  const expired = expiresAt !== undefined && now >= Date.parse(expiresAt)
  const warnings: string[] = []
  if (expired)
    warnings.push(
      `the repository's signature expired at ${expiresAt}: updates may be withheld, or nobody renews`,
    )
  else if (sinceSigned !== undefined && sinceSigned > QUIET_AFTER) {
    warnings.push(
      `the repository was last signed ${formatAge(sinceSigned)} ago: a frozen mirror, or nobody renews`,
    )
  }
  if (sinceSigned !== undefined && sinceSigned < -SKEW) {
    warnings.push(
      `the repository was signed ${formatAge(-sinceSigned)} in the future: check this machine's clock`,
    )
  }
  if (sinceCheck !== undefined && sinceCheck > QUIET_AFTER)
    warnings.push(`not checked for ${formatAge(sinceCheck)}`)
  return { sinceCheck, sinceSigned, expired, warnings }
}

/** `45 s`, `12 min`, `7 h`, `3 days`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}
