/** What an agent tells its hook on stdin, in the words of Claude Code: JSON of which little is of interest. */
import { SkillsctlError } from '../src/core/errors.ts'
import { object, optional, parseJson, string } from '../src/core/parse.ts'
import { SESSION_ID } from '../src/surfaces/lease.ts'

export interface HookInput {
  readonly event: string
  readonly session: string
  /** Why it begins. */
  readonly source: string | undefined
  /** Why it ends. */
  readonly reason: string | undefined
}

/** Of what an agent says; it is less than a thousand. Bytes. */
const MOST = 64 * 1024
/** Milliseconds. */
const PATIENCE = 1000
const WORD = /^[\x20-\x7e]{1,40}$/

/** @throws SkillsctlError `corrupt` for anything else */
export function parseInput(text: string): HookInput {
  const fields = object(parseJson(text, 'what the agent said'), 'what the agent said')
  const word = (key: string): string | undefined =>
    optional(fields[key], key, (value) => string(value, key, WORD))
  return {
    event: string(fields['hook_event_name'], 'hook_event_name', WORD),
    session: string(fields['session_id'], 'session_id', SESSION_ID),
    source: word('source'),
    reason: word('reason'),
  }
}

/**
 * What comes on stdin until it is JSON as a whole: an agent may leave its end open, or never say anything.
 * @throws SkillsctlError `usage` when nothing came, `corrupt`
 */
export async function readInput(stdin: NodeJS.ReadStream): Promise<HookInput> {
  if (stdin.isTTY) throw nothingSaid()
  const text = await new Promise<string>((resolve) => {
    let said = ''
    const enough = (): void => {
      clearTimeout(timer)
      resolve(said)
    }
    const timer = setTimeout(enough, PATIENCE)
    stdin.setEncoding('utf8')
    stdin.on('data', (chunk) => {
      said += String(chunk)
      if (said.length > MOST || isWhole(said)) enough()
    })
    stdin.on('end', enough)
    // Nothing can be read: what came before that has to do.
    stdin.on('error', enough)
  })
  if (text.trim() === '') throw nothingSaid()
  if (text.length > MOST) throw new SkillsctlError('corrupt', 'the agent said more than any agent says')
  return parseInput(text)
}

function isWhole(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    // The end of some inner object: more is to come.
    return false
  }
}

function nothingSaid(): SkillsctlError {
  return new SkillsctlError('usage', 'the agent said nothing', {
    expected: 'JSON with hook_event_name and session_id on stdin',
  })
}
