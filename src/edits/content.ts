/**
 * `overlays/<name>/`: what a person made of a unit (`mine/`), beside what it was made from (`base/`), below their paths
 * in the release. Written once and never changed; which of them count, `edits.json` says.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { CONTENT } from '../core/edits.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { type Entry, type FileEntry, parseEntry } from '../core/manifest.ts'
import { list, object, parseJson, string } from '../core/parse.ts'
import { linesOf } from '../core/unit.ts'
import { syncDirectory, temporaryName, uniqueHex, writeAndSync } from '../disk/atomic-file.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type Placed, type Source, sourceIn } from './source.ts'
import { writeSource } from './write-source.ts'

export interface Content {
  /** Name of its directory. */
  readonly name: string
  /** Path in the release. */
  readonly unit: string
  readonly base: Source
  /** Files of `base` of which nobody here had the bytes any more. */
  readonly lacking: readonly string[]
  readonly mine: Placed
}

const LIST = 'content.json'

/** Absolute directory below which lies what a person made. */
export function minePath({ overlays }: Pick<Layout, 'overlays'>, name: string): string {
  return join(overlays, name, 'mine')
}

/** @throws SkillsctlError `corrupt` when it is not there, or not what was written */
export function readContent({ overlays }: Layout, name: string): Content {
  const root = join(overlays, name)
  const path = join(root, LIST)
  const text = onDiskNow(path, () => (existsSync(path) ? readFileSync(path, 'utf8') : undefined))
  if (text === undefined) {
    throw new SkillsctlError('corrupt', 'the files of an edit are not there any more', {
      subject: root,
      hint: 'bring them back from a backup, or give the edit up: skillsctl edits drop <skill>',
    })
  }
  const fields = object(parseJson(text, path), path)
  const entries = (key: 'base' | 'mine'): Entry[] => list(fields[key], path).map(parseEntry)
  return {
    name,
    unit: string(fields['unit'], path),
    base: sourceIn(join(root, 'base'), entries('base')),
    lacking: list(fields['lacking'], path).map((one) => string(one, path)),
    mine: sourceIn(minePath({ overlays }, name), entries('mine')),
  }
}

/**
 * Writes both down, durably. What was written before is found again.
 * @throws SkillsctlError `failed` when bytes that the person made are not to be had; `no-space`
 */
export async function storeContent(
  layout: Layout,
  unit: string,
  base: Source,
  mine: Source,
): Promise<Content> {
  const lacking = base.entries.flatMap((one) =>
    one.mode !== 'link' && base.read(one) === undefined ? [one.path] : [],
  )
  const text = [unit, linesOf(base.entries), linesOf(mine.entries), ...lacking].join('\n')
  const name = `${nameFor(unit)}~${sha256Hex(text).slice(0, 12)}`
  const path = join(layout.overlays, name)
  if (isIntact(layout, name)) {
    // Whoever wrote it may have been killed between the rename and its sync.
    await onDisk(path, () => syncNames(layout))
    return readContent(layout, name)
  }
  await onDisk(path, async () => {
    await mkdir(layout.overlays, { recursive: true })
    const temporary = join(layout.staging, temporaryName('overlay'))
    const there = base.entries.filter((entry) => !lacking.includes(entry.path))
    await writeSource(join(temporary, 'base'), { ...base, entries: there }, gone)
    await writeSource(join(temporary, 'mine'), mine, gone)
    const content = { unit, base: base.entries, mine: mine.entries, lacking }
    await writeAndSync(join(temporary, LIST), `${JSON.stringify(content, null, 1)}\n`)
    await syncAll(temporary, there, mine.entries)
    // A damaged one of the same name may be all that is left of an edit.
    await setAside(layout, name)
    await rename(temporary, path)
    await syncNames(layout)
  })
  return readContent(layout, name)
}

async function syncNames({ overlays, root }: Layout): Promise<void> {
  for (const names of [overlays, root]) await syncDirectory(names)
}

/** Moves what is there to `kept/`. @returns its directory there, or undefined when nothing is there */
export async function setAside(layout: Layout, name: string): Promise<string | undefined> {
  const path = join(layout.overlays, name)
  if (!existsSync(path)) return undefined
  const kept = join(layout.kept, `overlay-${name}-${uniqueHex()}`)
  await onDisk(path, () => rename(path, kept))
  return kept
}

/** As `readContent`, with every byte of what the person made. @throws SkillsctlError `corrupt` */
export function readIntact(layout: Layout, name: string): Content {
  const content = readContent(layout, name)
  const { mine } = content
  const damaged = mine.entries.find((entry) => entry.mode !== 'link' && mine.read(entry) === undefined)
  if (damaged === undefined) return content
  throw new SkillsctlError('corrupt', 'a file of an edit has other bytes than the person wrote', {
    subject: mine.locate(damaged.path),
    hint: 'bring it back from a backup, or give the edit up: skillsctl edits drop <skill>',
  })
}

export function isIntact(layout: Layout, name: string): boolean {
  try {
    readIntact(layout, name)
    return true
  } catch (error) {
    if (isError(error, 'corrupt')) return false
    throw error
  }
}

function gone({ path }: FileEntry): never {
  throw new SkillsctlError('failed', 'this changed while it was read', {
    subject: path,
    hint: 'run the command again, when nobody writes to it',
  })
}

async function syncAll(root: string, base: readonly Entry[], mine: readonly Entry[]): Promise<void> {
  const paths = (links: boolean): string[] =>
    [base, mine].flatMap((entries, index) =>
      entries
        .filter(({ mode }) => (mode === 'link') === links)
        .map(({ path }) => join(index === 0 ? 'base' : 'mine', path)),
    )
  await syncTree(root, paths(false), paths(true))
}

/** What the directory is called, for people who look for it. */
function nameFor(unit: string): string {
  const last = unit.slice(unit.lastIndexOf('/') + 1)
  return (
    last
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 60) || 'edit'
  )
}

/** Names of all that is there. */
export function contentNames({ overlays }: Layout): string[] {
  return onDiskNow(overlays, () => (existsSync(overlays) ? readdirSync(overlays) : [])).filter((name) =>
    CONTENT.test(name),
  )
}

/** Whether there are edits of which no record tells. */
export function isRecordLost(layout: Layout): boolean {
  return !existsSync(layout.edits) && contentNames(layout).length > 0
}
