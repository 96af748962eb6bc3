/** `edits.json`: what became of a person's edits on this machine (SPEC.md, "Local edits"). */
import { SkillsctlError } from './errors.ts'
import { COMMIT, describe, instant, list, object, optional, parseJson, SHA256_HEX, string } from './parse.ts'
import { parseVersion } from './version.ts'

const FORMAT = 'skillsctl-edits/1'

/** A release, as far as an edit has to know where it started. */
export interface EditedRelease {
  readonly version: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest: string
  readonly commit: string
  readonly committedAt: string
}

/** A newer release that an overlay cannot follow by itself. */
export interface Waiting {
  /** `conflict`: both changed the same. `removed`: the release has it no more. */
  readonly because: 'conflict' | 'removed'
  readonly release: EditedRelease
  /** Where they disagree. */
  readonly paths: readonly string[]
  /** Of what that release has of the unit. */
  readonly digest: string
}

/** A unit as a person made it, in the place of what the release has. */
export interface Overlay {
  /** Path in the release. */
  readonly unit: string
  /** The one surface that shows it; absent for all. */
  readonly surface?: string | undefined
  /** Directory of `overlays/` that holds what it was and what it is. */
  readonly content: string
  /** What the person's version includes already. */
  readonly base: EditedRelease
  readonly since: string
  readonly changedAt: string
  /** Whether we have merged it since the person wrote it: what they wrote is in `kept/`. */
  readonly isMerged?: boolean | undefined
  /** Set on purpose: nobody is warned. */
  readonly blessed?: { readonly why: string; readonly at: string } | undefined
  readonly waits?: Waiting | undefined
}

export interface Edits {
  readonly overlays: readonly Overlay[]
  /** Manifest of the release that the overlays were last brought to. */
  readonly followed?: string | undefined
  /** Name of a tree → unit → digest of what was found edited there and is in an overlay or in `kept/` since. */
  readonly taken: ReadonlyMap<string, ReadonlyMap<string, string>>
}

export const NO_EDITS: Edits = { overlays: [], taken: new Map() }

/** @throws SkillsctlError `corrupt`, `unsupported` */
export function parseEdits(text: string, path: string): Edits {
  const fields = object(parseJson(text, path), path)
  if (fields['format'] !== FORMAT) {
    throw new SkillsctlError(
      'unsupported',
      'the edits on this machine were managed by another version of skillsctl',
      {
        subject: path,
        expected: FORMAT,
        found: describe(fields['format']),
        hint: 'install a newer skillsctl',
      },
    )
  }
  return {
    overlays: list(fields['overlays'], path).map((value) => parseOverlay(value, path)),
    followed: optional(fields['followed'], path, (value) => string(value, path, SHA256_HEX)),
    taken: new Map(
      Object.entries(object(fields['taken'], path)).map(([tree, units]) => [
        tree,
        new Map(Object.entries(object(units, path)).map(([unit, digest]) => [unit, string(digest, path)])),
      ]),
    ),
  }
}

function parseOverlay(value: unknown, path: string): Overlay {
  const fields = object(value, path)
  return {
    ...fields,
    unit: string(fields['unit'], path),
    surface: optional(fields['surface'], path, string),
    content: string(fields['content'], path, CONTENT),
    base: parseEditedRelease(fields['base'], path),
    since: instant(fields['since'], path),
    changedAt: instant(fields['changedAt'], path),
    isMerged: fields['isMerged'] === true ? true : undefined,
    blessed: optional(fields['blessed'], path, (blessed) => {
      const { why, at } = object(blessed, path)
      return { why: string(why, path), at: instant(at, path) }
    }),
    waits: optional(fields['waits'], path, (waits) => {
      const { because, release, paths, digest } = object(waits, path)
      return {
        because: string(because, path, /^(?:conflict|removed)$/) === 'removed' ? 'removed' : 'conflict',
        release: parseEditedRelease(release, path),
        paths: list(paths, path).map((one) => string(one, path)),
        digest: string(digest, path),
      }
    }),
  }
}

/** Name of a directory, and nothing that leads out of where it is. */
export const CONTENT = /^[A-Za-z0-9][A-Za-z0-9._-]*~[0-9a-f]{12}$/

export function parseEditedRelease(value: unknown, path: string): EditedRelease {
  const fields = object(value, path)
  return {
    version: parseVersion(fields['version']),
    manifest: string(fields['manifest'], path, SHA256_HEX),
    commit: string(fields['commit'], path, COMMIT),
    committedAt: instant(fields['committedAt'], path),
  }
}

export function serializeEdits({ taken, ...edits }: Edits): string {
  const content = {
    format: FORMAT,
    ...edits,
    taken: Object.fromEntries([...taken].map(([tree, units]) => [tree, Object.fromEntries(units)])),
  }
  return `${JSON.stringify(content, null, 1)}\n`
}

/** Whether anybody has to be told of it again and again. */
export function isUnresolved({ waits, blessed }: Overlay): boolean {
  return waits !== undefined && blessed === undefined
}
