/** `history.jsonl`: append-only, one line per activation. */
import { open } from 'node:fs/promises'
import { SkillsctlError } from '../core/errors.ts'
import { instant, object, optional, parseJson, string } from '../core/parse.ts'
import type { Activation } from '../core/timeline.ts'
import { readIfThere } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import type { Layout } from './layout.ts'

const REASON = /^[a-z][a-z-]*$/

/** Oldest first. A line that a crash cut short is passed over: the link itself says what is current. */
export async function readHistory(layout: Layout): Promise<Activation[]> {
  const bytes = await readIfThere(layout.history)
  const lines = bytes?.toString('utf8').split('\n') ?? []
  return lines.flatMap((line) => (line === '' ? [] : parseLine(line)))
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
