/** Which installed releases stay on disk (SPEC.md, "Retention"). */

export interface InstalledRelease {
  /** Name of its directory. */
  readonly directory: string
  /** Bytes of its files. */
  readonly size: number
  /** When it was last `current`, in milliseconds since the epoch. */
  readonly lastUsed: number
  /** Current, pinned, leased: never removed. */
  readonly held: boolean
}

export const RECENT_MS = 14 * 24 * 60 * 60 * 1000
export const RECENT_BYTES = 2 * 1024 ** 3
const BEFORE_CURRENT = 2

export interface Retention {
  readonly keep: readonly string[]
  readonly remove: readonly string[]
  /** Releases used in the last 14 days that go all the same, because together they exceed 2 GB. */
  readonly crowdedOut: readonly string[]
}

/**
 * Keeps what is held, the `BEFORE_CURRENT` releases that ran before, and whatever ran in the last 14 days as long
 * as everything kept fits in `RECENT_BYTES`.
 * @param previous directories that were current before, most recent first
 */
export function decideRetention(
  releases: readonly InstalledRelease[],
  previous: readonly string[],
  now: number,
): Retention {
  const before = new Set(previous.slice(0, BEFORE_CURRENT))
  const firm = releases.filter(({ held, directory }) => held || before.has(directory))
  const rest = releases
    .filter((release) => !firm.includes(release))
    .sort((left, right) => right.lastUsed - left.lastUsed)
  const keep = firm.map(({ directory }) => directory)
  const remove: string[] = []
  const crowdedOut: string[] = []
  let bytes = firm.reduce((sum, { size }) => sum + size, 0)
  for (const { directory, size, lastUsed } of rest) {
    if (now - lastUsed > RECENT_MS) {
      remove.push(directory)
    } else if (bytes + size > RECENT_BYTES) {
      remove.push(directory)
      crowdedOut.push(directory)
    } else {
      bytes += size
      keep.push(directory)
    }
  }
  return { keep, remove, crowdedOut }
}
