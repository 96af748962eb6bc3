/** `skillsctl kept`: what was set aside on this machine, and getting it back. */
import { existsSync, lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { makeDirectory, makePath } from '../disk/atomic-file.ts'
import { copyWhole, fingerprint, partsOf } from '../disk/copy-whole.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { type Kept, listKept } from '../home/kept.ts'
import type { Layout } from '../home/layout.ts'
import { type RestoredPlace, restoreRoot } from '../surfaces/restore-snapshot.ts'
import { readSnapshot, type SnapshotRoot } from '../surfaces/snapshot.ts'
import { sha256Hex } from '../trust/digest.ts'
import type { LocalContext } from './machine.ts'

export interface KeptFiles extends Kept {
  /** As they were: below the roots of surfaces, or below the release. */
  readonly paths: readonly { readonly path: string; readonly bytes: number }[]
  /** Of a snapshot: where each part of it was. */
  readonly roots: readonly Pick<SnapshotRoot, 'surface' | 'root' | 'links'>[]
}

/** @throws SkillsctlError `absent` with near misses */
export function showKept(layout: Layout, name: string): KeptFiles {
  const kept = requireKept(layout, name)
  const root = join(kept.path, kept.below)
  const parts = onDiskNow(root, () => (existsSync(root) ? [...partsOf(root)] : []))
  return {
    ...kept,
    paths: parts.map(({ path, info }) => ({ path: path === '' ? kept.name : path, bytes: info.size })),
    roots: (readSnapshot(layout, kept.name)?.roots ?? []).map(({ surface, root, links }) => {
      return { surface, root, links }
    }),
  }
}

/** By its name, or the beginning of it. */
function requireKept(layout: Layout, wanted: string): Kept {
  const name = wanted.replace(/\/+$/, '')
  const all = listKept(layout)
  const exact = all.find((one) => one.name === name)
  const [first, ...others] = all.filter((one) => name !== '' && one.name.startsWith(name))
  const found = exact ?? (others.length === 0 ? first : undefined)
  if (found !== undefined) return found
  if (first !== undefined) {
    throw new SkillsctlError('usage', 'the names of several begin like this', {
      subject: wanted,
      found: [first, ...others].map((one) => one.name).join(', '),
    })
  }
  const names = all.map((one) => one.name)
  const near = nearMisses(wanted, names)
  throw new SkillsctlError('absent', 'nothing of this name was kept', {
    subject: wanted,
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'see what was: skillsctl kept list',
  })
}

export interface Restored {
  readonly name: string
  /** Absolute paths. */
  readonly places: readonly Pick<RestoredPlace, 'path' | 'outcome'>[]
}

/**
 * Into a directory; a snapshot also back to where it was. What is there already stays, and is named.
 * @param to absolute
 * @throws SkillsctlError `absent`, `usage` for what has no place of its own
 */
export async function restoreKept(
  context: Pick<LocalContext, 'layout' | 'now'>,
  wanted: string,
  to: string | undefined,
): Promise<Restored> {
  const { layout, now } = context
  const kept = requireKept(layout, wanted)
  if (to !== undefined) return { name: kept.name, places: await copyInto(kept, to) }
  const snapshot = readSnapshot(layout, kept.name)
  if (snapshot === undefined) {
    throw new SkillsctlError('usage', 'where to? only a snapshot knows its place', {
      subject: kept.name,
      hint: `skillsctl kept restore ${kept.name} --to <directory>`,
    })
  }
  const places = await withLock(layout.lock, async () => {
    const all: RestoredPlace[] = []
    for (const root of snapshot.roots) all.push(...(await restoreRoot(layout, snapshot, root, now())))
    return all
  })
  return { name: kept.name, places }
}

/** File by file. */
async function copyInto({ path, below, name }: Kept, to: string): Promise<Restored['places']> {
  const root = join(path, below)
  await onDisk(to, () => makeDirectory(to))
  const places: Restored['places'][number][] = []
  for (const part of onDiskNow(root, () => [...partsOf(root)])) {
    const from = join(root, part.path)
    const target = join(to, part.path === '' ? name : part.path)
    const outcome = await onDisk(target, async () => {
      if (isBelowFile(target, to)) return 'taken'
      makePath(dirname(target))
      if (lstatSync(target, { throwIfNoEntry: false }) !== undefined)
        return fingerprint(from, sha256Hex) === fingerprint(target, sha256Hex) ? 'same' : 'taken'
      await copyWhole(from, target)
      return 'restored'
    })
    places.push({ path: target, outcome })
  }
  return places
}

/** A file, or a link that leads elsewhere, in the place of a directory: nothing is written through it. */
function isBelowFile(path: string, top: string): boolean {
  for (let above = dirname(path); above.length > top.length; above = dirname(above)) {
    const info = lstatSync(above, { throwIfNoEntry: false })
    if (info !== undefined && !info.isDirectory()) return true
  }
  return false
}
