/** Asking a person. Where there is no terminal nothing is asked. */
import { Writable } from 'node:stream'
import { SkillsctlError } from '../src/core/errors.ts'
import type { Confirm } from '../src/index.ts'
import { changeLines } from './describe.ts'
import { visible } from './output.ts'

export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Answers yes with `--yes`, asks on a terminal, and answers no everywhere else. */
export function confirmer(yes: boolean): Confirm {
  return async (question, changes) => {
    if (yes) return true
    if (!isInteractive()) return false
    for (const line of changes === undefined ? [] : changeLines(changes)) process.stderr.write(`${line}\n`)
    const answer = await atTerminal(process.stderr, (ask) => ask(`${question} [y/N] `))
    return /^y(?:es)?$/i.test(answer.trim())
  }
}

/**
 * Has a person choose, of words that begin differently.
 * @returns undefined where there is no terminal, and for any other answer
 */
export async function choose<T extends string>(
  lines: readonly string[],
  question: string,
  words: readonly T[],
): Promise<T | undefined> {
  if (!isInteractive()) return undefined
  for (const line of lines) process.stderr.write(`${visible(line)}\n`)
  const answer = await atTerminal(process.stderr, (ask) => ask(`${question} [${words.join('/')}] `))
  const typed = answer.trim().toLowerCase()
  return typed === '' ? undefined : words.find((word) => word.startsWith(typed))
}

/** Reads a line without showing it. @throws SkillsctlError `usage` without a terminal, or when two answers differ */
export async function askSecret(question: string, twice: boolean): Promise<string> {
  if (!isInteractive()) {
    throw new SkillsctlError('usage', `there is no terminal to ask for the ${question}`, {
      hint: 'put it into a file and give it with --passphrase-file',
    })
  }
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  return atTerminal(nowhere, async (ask) => {
    const hidden = async (prompt: string): Promise<string> => {
      process.stderr.write(prompt)
      const answer = await ask('')
      process.stderr.write('\n')
      return answer
    }
    const first = await hidden(`${question}: `)
    if (twice && (await hidden('once more: ')) !== first) {
      throw new SkillsctlError('usage', 'the two passphrases differ', { hint: 'run the command again' })
    }
    return first
  })
}

/**
 * Takes over the terminal, which stops echoing, before anything is asked: nothing that is typed early shows.
 * @throws SkillsctlError `refused` when Ctrl-C or Ctrl-D ends it
 */
async function atTerminal<T>(
  output: NodeJS.WritableStream,
  work: (ask: (question: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output, terminal: true })
  // Without this a closed terminal leaves the question open for ever, and Node ends with a warning of its own.
  const cancelled = new Promise<never>((_resolve, reject) => {
    terminal.once('close', () => reject(new SkillsctlError('refused', 'cancelled; nothing was changed')))
  })
  try {
    return await Promise.race([work((question) => terminal.question(question)), cancelled])
  } finally {
    terminal.close()
  }
}
