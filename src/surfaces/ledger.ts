/**
 * `ledgers/<surface>.json`: what we have made on a surface, and what it shows. We touch nothing that is not in it. It is
 * written before anything is made, so that a crash leaves nothing of ours unknown.
 */
import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isError, SkillsctlError } from '../core/errors.ts'
import { describe, type Fields, instant, list, object, optional, parseJson, string } from '../core/parse.ts'
import { readIfThere, writeFileAtomicNow } from '../disk/atomic-file.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { pointerOf } from './pointer.ts'

const FORMAT = 'skillsctl-ledger/1'
/** How long a release stays on disk after a surface has shown it. Milliseconds. */
export const READ_FOR = 14 * 24 * 60 * 60 * 1000
/** Of the views among them: a skill that writes into itself makes one with every pull. Sessions lease theirs. */
export const MOST_FORMER_VIEWS = 20

/** Something of ours below the root of a surface. */
export interface OwnEntry {
  readonly by: 'link' | 'copy'
  readonly kind: 'directory' | 'file'
  /** Of the content that it shows. */
  readonly digest: string
  /** Of a link: where it leads. */
  readonly target?: string | undefined
  /** Of a copy: the tree that it was made of. */
  readonly release?: string | undefined
  /** Of a copy: its stamps when it was made, as in `stat-record.ts`; absent while it is being made. */
  readonly stamps?: string | undefined
  /** Of a copy of a directory: what tells it from one that somebody puts in its place. */
  readonly identity?: string | undefined
}

export interface Former {
  /** Name of a tree. */
  readonly release: string
  readonly until: string
}

export interface Ledger {
  /** By place. */
  readonly entries: ReadonlyMap<string, OwnEntry>
  /** Name of a tree, once everything on the surface is of that tree. */
  readonly shows?: { readonly release: string; readonly since: string } | undefined
  /** Name of a tree: of which entries are being made. Absent when nothing is under way. */
  readonly makes?: string | undefined
  /** Trees that it showed before, as long as somebody may still read them. */
  readonly former: readonly Former[]
  /** Places that something else has taken. */
  readonly shadowed: readonly string[]
  /** Those of them that held a copy of ours before. */
  readonly lost?: readonly string[] | undefined
  /** Since when it waits for sessions to end. */
  readonly waitsSince?: string | undefined
  /** Of a place that no file reaches: what was last exported for it. */
  readonly exported?: Exported | undefined
}

/** Bundles that somebody was to upload. Whether they were, nobody here knows. */
export interface Exported {
  /** Version of the last one. */
  readonly release: string
  readonly at: string
  /** Name of each skill that was ever exported → digest of its content then. */
  readonly skills: ReadonlyMap<string, string>
}

export const EMPTY: Ledger = { entries: new Map(), former: [], shadowed: [] }

export function ledgerPath({ ledgers }: Layout, surface: string): string {
  return join(ledgers, `${surface}.json`)
}

/** Surfaces of which there is one. What lies beside them has a dot in its name, as `hook-undo.ts` has. */
export function ledgerNames({ ledgers }: Layout): string[] {
  const names = onDiskNow(ledgers, () => (existsSync(ledgers) ? readdirSync(ledgers) : []))
  return names.flatMap((name) => /^([^.]+)\.json$/.exec(name)?.[1] ?? [])
}

/** Whether something was shown, as the pointer tells, and nobody knows any more what: that is not the same as nothing. */
export function isLost(layout: Layout, surface: string): boolean {
  return !existsSync(ledgerPath(layout, surface)) && pointerOf(layout, surface) !== undefined
}

/** @throws SkillsctlError `corrupt`: without it nobody knows what is ours; `unsupported` for that of a newer skillsctl */
export async function readLedger(layout: Layout, surface: string): Promise<Ledger> {
  const path = ledgerPath(layout, surface)
  const bytes = await readIfThere(path)
  if (bytes === undefined && !isLost(layout, surface)) return EMPTY
  try {
    if (bytes !== undefined) return parseLedger(bytes.toString('utf8'), path)
  } catch (cause) {
    if (!isError(cause, 'corrupt')) throw cause
    throw unreadable(path, 'damaged', cause)
  }
  throw unreadable(path, 'lost')
}

function unreadable(subject: string, what: 'damaged' | 'lost', cause?: SkillsctlError): SkillsctlError {
  const message = `the ledger of this surface is ${what}: nobody knows what is ours there`
  return new SkillsctlError('corrupt', message, { subject, hint: 'run: skillsctl doctor --fix', cause })
}

/** @throws SkillsctlError `corrupt`, `unsupported` */
export function parseLedger(text: string, path: string): Ledger {
  const fields = object(parseJson(text, path), path)
  if (fields['format'] !== FORMAT) {
    throw new SkillsctlError('unsupported', 'this surface was managed by another version of skillsctl', {
      subject: path,
      expected: FORMAT,
      found: describe(fields['format']),
      hint: 'install a newer skillsctl',
    })
  }
  return {
    entries: new Map(
      Object.entries(object(fields['entries'], path)).map(([place, value]) => [place, parseOwn(value, path)]),
    ),
    shows: optional(fields['shows'], path, (value) => {
      const { release, since } = object(value, path)
      return { release: string(release, path), since: instant(since, path) }
    }),
    makes: optional(fields['makes'], path, string),
    former: list(fields['former'], path).map((value) => {
      const { release, until } = object(value, path)
      return { release: string(release, path), until: instant(until, path) }
    }),
    shadowed: list(fields['shadowed'], path).map((place) => string(place, path)),
    lost: optional(fields['lost'], path, (value) => list(value, path).map((place) => string(place, path))),
    waitsSince: optional(fields['waitsSince'], path, instant),
    exported: optional(fields['exported'], path, (value) => {
      const { release, at, skills } = object(value, path)
      return {
        release: string(release, path),
        at: instant(at, path),
        skills: new Map(
          Object.entries(object(skills, path)).map(([name, digest]) => [name, string(digest, path)]),
        ),
      }
    }),
  }
}

function parseOwn(value: unknown, path: string): OwnEntry {
  const fields: Fields = object(value, path)
  return {
    by: string(fields['by'], path, /^(?:link|copy)$/) === 'copy' ? 'copy' : 'link',
    kind: string(fields['kind'], path, /^(?:directory|file)$/) === 'file' ? 'file' : 'directory',
    digest: string(fields['digest'], path),
    target: optional(fields['target'], path, string),
    release: optional(fields['release'], path, string),
    stamps: optional(fields['stamps'], path, string),
    identity: optional(fields['identity'], path, string),
  }
}

/** The caller holds the lock. */
export function writeLedger(layout: Layout, surface: string, ledger: Ledger): void {
  const { entries, exported } = ledger
  const content = {
    format: FORMAT,
    ...ledger,
    entries: Object.fromEntries(entries),
    exported: exported && { ...exported, skills: Object.fromEntries(exported.skills) },
  }
  writeFileAtomicNow(ledgerPath(layout, surface), `${JSON.stringify(content, null, 1)}\n`, {
    mode: 0o600,
    via: layout.staging,
  })
}

export async function removeLedger(layout: Layout, surface: string): Promise<void> {
  const path = ledgerPath(layout, surface)
  await onDisk(path, () => rm(path, { force: true }))
}
