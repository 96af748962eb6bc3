/** `history.jsonl`: append-only, one line per activation. */
import { open } from 'node:fs/promises'
import { SkillsctlError } from '../core/errors.ts'
import { instant, object, optional, parseJson, string } from '../core/parse.ts'
import type { Activation } from '../core/timeline.ts'
import { readIfThere } from '../disk/atomic-file.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import type { Layout } from './layout.ts'

const REASON = /^[a-z][a-z-]*$/

/** More than a thousand activations: beyond the two weeks of retention, and whatever one steps back to. Bytes. */
const RECENT = 256 * 1024

/**
 * Oldest first, as far back as decisions look: what a machine does costs the same however long it has run. A line that
 * a crash cut short is passed over: the link itself says what is current.
 */
export async function readHistory(layout: Layout): Promise<Activation[]> {
  return parse(await endOf(layout.history, RECENT))
}

/** From the first activation on, for people. */
export async function readWholeHistory(layout: Layout): Promise<Activation[]> {
  return parse((await readIfThere(layout.history))?.toString('utf8') ?? '')
}

/** The last lines of a file, or nothing when it is not there. */
async function endOf(path: string, most: number): Promise<string> {
  return onDisk(path, async () => {
    const file = await unlessAbsent(open(path, 'r'), undefined)
    if (file === undefined) return ''
    try {
      const { size } = await file.stat()
      const start = Math.max(0, size - most)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
      const text = buffer.toString('utf8', 0, bytesRead)
      return start === 0 ? text : text.slice(text.indexOf('\n') + 1)
    } finally {
      await file.close()
    }
  })
}

function parse(text: string): Activation[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : parseLine(line)))
}

function parseLine(line: string): Activation[] {
  try {
    const fields = object(parseJson(line, 'history'), 'history')
    return [
      {
        at: instant(fields['at'], 'history.at'),
        from: optional(fields['from'], 'history.from', string),
        to: string(fields['to'], 'history.to'),
        why: string(fields['why'], 'history.why', REASON),
        by: string(fields['by'], 'history.by'),
      },
    ]
  } catch (error) {
    if (error instanceof SkillsctlError) return []
    throw error
  }
}

/** The caller holds the lock. */
export async function appendHistory(layout: Layout, activation: Activation): Promise<void> {
  await onDisk(layout.history, async () => {
    const file = await open(layout.history, 'a+', 0o600)
    try {
      const { size } = await file.stat()
      const last = Buffer.alloc(1)
      if (size > 0) await file.read(last, 0, 1, size - 1)
      const torn = size > 0 && last[0] !== 10
      await file.appendFile(`${torn ? '\n' : ''}${JSON.stringify(activation)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  })
}

/** Whoever wrote the last line may have been killed before it was on disk. */
export async function syncHistory({ history }: Layout): Promise<void> {
  await onDisk(history, async () => {
    const file = await unlessAbsent(open(history, 'r'), undefined)
    try {
      await file?.sync()
    } finally {
      await file?.close()
    }
  })
}
