/** Asking a person. Where there is no terminal nothing is asked. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { SkillsctlError } from '../src/core/errors.ts'
import type { Confirm } from '../src/index.ts'

function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Answers yes with `--yes`, asks on a terminal, and answers no everywhere else. */
export function confirmer(yes: boolean): Confirm {
  return async (question) => {
    if (yes) return true
    if (!isInteractive()) return false
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    try {
      return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
    } finally {
      terminal.close()
    }
  }
}

/** Reads a line without showing it. @throws SkillsctlError `usage` without a terminal, or when two answers differ */
export async function askSecret(question: string, twice: boolean): Promise<string> {
  if (!isInteractive()) {
    throw new SkillsctlError('usage', `there is no terminal to ask for the ${question}`, {
      hint: 'put it into a file and give it with --passphrase-file',
    })
  }
  const first = await readHidden(`${question}: `)
  if (twice && (await readHidden('once more: ')) !== first) {
    throw new SkillsctlError('usage', 'the two passphrases differ', { hint: 'run the command again' })
  }
  return first
}

async function readHidden(prompt: string): Promise<string> {
  process.stderr.write(prompt)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
