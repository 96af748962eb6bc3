/** Version names `YYYY.MM.DD-<sha7>`, and how a person may abbreviate them. A name is never an order (DESIGN §2). */
import { distance } from 'fastest-levenshtein'
import { SkillsctlError } from './errors.ts'
import { string } from './parse.ts'

const VERSION = /^\d{4}\.\d\d\.\d\d-[0-9a-f]{7}(?:\+[0-9a-f]{8})?$/

/** @throws SkillsctlError `corrupt` when this is not a version name: it becomes the name of a directory */
export function parseVersion(value: unknown): string {
  return string(value, 'version', VERSION)
}

/**
 * @param committedAt `YYYY-MM-DDTHH:MM:SSZ`
 * @param workingTree hex digest of a working tree that is no commit
 */
export function versionName(commit: string, committedAt: string, workingTree?: string): string {
  const suffix = workingTree === undefined ? '' : `+${workingTree.slice(0, 8)}`
  return `${committedAt.slice(0, 10).replaceAll('-', '.')}-${commit.slice(0, 7)}${suffix}`
}

export interface Candidate {
  readonly version: string
  readonly commit: string
  /** SHA-256 of the manifest, hex: tells two packings of one commit apart. */
  readonly manifest: string
}

/**
 * Finds the one release that a person means by a unique prefix of a version, a commit or a manifest digest.
 * @throws SkillsctlError `absent` with the near misses, `usage` when the prefix fits several
 */
export function resolveVersion<T extends Candidate>(wanted: string, candidates: readonly T[]): T {
  const exact = candidates.filter(({ version, commit, manifest }) =>
    [version, commit, manifest].includes(wanted),
  )
  const hits = distinct(
    exact.length > 0 ? exact : candidates.filter((candidate) => startsWith(candidate, wanted)),
  )
  const [hit] = hits
  if (hit === undefined || wanted.length < 4) {
    throw new SkillsctlError('absent', `no release is called ${wanted}`, {
      subject: wanted,
      hint: nearMisses(wanted, candidates),
    })
  }
  if (hits.length > 1) {
    const names = hits.map(({ version, manifest }) => `${version} (${manifest.slice(0, 8)})`)
    throw new SkillsctlError('usage', `${wanted} fits ${hits.length} releases`, {
      subject: wanted,
      found: names.slice(0, 5).join(', '),
      hint: 'give more characters, or the digest in parentheses',
    })
  }
  return hit
}

function startsWith({ version, commit, manifest }: Candidate, wanted: string): boolean {
  const text = wanted.toLowerCase()
  const short = version.slice(version.indexOf('-') + 1)
  return [version, short, commit, manifest].some((name) => name.startsWith(text))
}

function distinct<T extends Candidate>(candidates: readonly T[]): T[] {
  return [...new Map(candidates.map((candidate) => [candidate.manifest, candidate])).values()]
}

function nearMisses(wanted: string, candidates: readonly Candidate[]): string {
  const names = [...new Set(candidates.map(({ version }) => version))]
  if (names.length === 0) return 'no release is known yet'
  const tail = (name: string): string => name.slice(-Math.max(wanted.length, 7))
  const near = (name: string): number => Math.min(distance(wanted, name), distance(wanted, tail(name)))
  const best = names.sort((left, right) => near(left) - near(right)).slice(0, 3)
  return `did you mean ${best.join(' or ')}? at least 4 characters of a version or commit are needed`
}
