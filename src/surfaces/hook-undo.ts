/**
 * `ledgers/<surface>.hook.json`: what an agent's settings were before our entry, told as the one place in which they
 * differ: a copy of them would be one more place for the secrets in them.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'
import { integer, object, parseJson, SHA256_HEX, string } from '../core/parse.ts'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { sha256Hex } from '../trust/digest.ts'
import { createSurfaceDirectories } from './surface-directories.ts'

export interface Undo {
  /** Whether these are the settings that it undoes. */
  fits(text: string): boolean
  /** There were no settings before. */
  readonly made: boolean
  readonly offset: number
  readonly length: number
  readonly content: string
}

// No surface has a dot in its name.
function pathOf({ ledgers }: Layout, surface: string): string {
  return join(ledgers, `${surface}.hook.json`)
}

/** Undefined when there is none, or it is damaged: then our entries are looked for. */
export async function readUndo(layout: Layout, surface: string): Promise<Undo | undefined> {
  const path = pathOf(layout, surface)
  const bytes = await readIfThere(path)
  if (bytes === undefined) return undefined
  try {
    const fields = object(parseJson(bytes.toString('utf8'), path), path)
    const after = string(fields['after'], path, SHA256_HEX)
    return {
      fits: (text) => sha256Hex(text) === after,
      made: fields['made'] === true,
      offset: integer(fields['offset'], path),
      length: integer(fields['length'], path),
      content: string(fields['content'], path),
    }
  } catch (error) {
    if (isError(error, 'corrupt')) return undefined
    throw error
  }
}

/** @returns undefined when there were no settings */
export function undone({ made, offset, length, content }: Undo, text: string): string | undefined {
  return made ? undefined : text.slice(0, offset) + content + text.slice(offset + length)
}

/** Written first: until the settings are `after`, it fits nothing. The caller holds the lock. */
export async function writeUndo(
  layout: Layout,
  surface: string,
  before: string | undefined,
  after: string,
): Promise<void> {
  createSurfaceDirectories(layout)
  const undo = { made: before === undefined, after: sha256Hex(after), ...difference(after, before ?? '') }
  await writeFileAtomic(pathOf(layout, surface), `${JSON.stringify(undo)}\n`, {
    mode: 0o600,
    via: layout.staging,
  })
}

export async function forgetUndo(layout: Layout, surface: string): Promise<void> {
  const path = pathOf(layout, surface)
  await onDisk(path, () => rm(path, { force: true }))
}

/** What to put in place of which part of one text to have the other. */
function difference(from: string, to: string): { offset: number; length: number; content: string } {
  const most = Math.min(from.length, to.length)
  let [start, end] = [0, 0]
  while (start < most && from[start] === to[start]) start += 1
  while (end < most - start && from.at(-1 - end) === to.at(-1 - end)) end += 1
  return { offset: start, length: from.length - end - start, content: to.slice(start, to.length - end) }
}
