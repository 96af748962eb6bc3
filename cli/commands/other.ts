/** `skillsctl inspect` and `completion`. */
import type { Command } from 'commander'
import { isError, SkillsctlError } from '../../src/core/errors.ts'
import type { InspectReport } from '../../src/flows/inspect.ts'
import { openStore } from '../../src/store/open.ts'
import type { RootPin } from '../../src/trust/root-chain.ts'
import { parseRootDigest } from '../../src/trust/token.ts'
import { completionScript } from '../completion.ts'
import { type Cli, layoutFor, type RepositoryFlags, repositoryAddress } from '../context.ts'
import { EXIT } from '../exit.ts'
import type { Result } from '../output.ts'

type Args = readonly string[]

export async function inspect(cli: Cli, [subject = '']: Args, flags: RepositoryFlags): Promise<Result> {
  const { inspect } = await import('../../src/flows/inspect.ts')
  const report = await (/^[a-z][a-z0-9+.-]*:\/\//.test(subject)
    ? repository(cli, subject, flags)
    : inspect(subject, layoutFor(cli.globals)))
  const fields = Object.entries(report.fields).map(
    ([name, value]) => `  ${name}: ${Array.isArray(value) ? value.join(', ') : value}`,
  )
  const checks = report.checks.map(
    ({ name, ok, detail }) => `  ${ok ? 'ok  ' : 'NOT '} ${name}${ok || !detail ? '' : `: ${detail}`}`,
  )
  const exit = report.checks.every(({ ok }) => ok) ? EXIT.done : EXIT.unverified
  return { data: report, text: [report.kind, ...fields, ...checks], exit }
}

/** The pin is that of `--root`, or of the repository we know, if it is this one. */
async function repository(cli: Cli, url: string, flags: RepositoryFlags): Promise<InspectReport> {
  const { inspectRepository } = await import('../../src/flows/inspect.ts')
  const pin = await knownPin(cli, url, flags)
  const store = await openStore(url)
  try {
    return await inspectRepository(store, pin, Date.now())
  } finally {
    store.close()
  }
}

async function knownPin(cli: Cli, url: string, { root }: RepositoryFlags): Promise<RootPin | undefined> {
  if (root !== undefined) return parseRootDigest(root)
  try {
    const { store, pin } = await repositoryAddress(cli, {})
    return store === url ? pin : undefined
  } catch (error) {
    // Nothing is configured here: a look without trust.
    if (isError(error, 'usage')) return undefined
    throw error
  }
}

export function completion(program: Command) {
  return async (_cli: Cli, [shell = '']: Args): Promise<Result> => {
    const script = completionScript(program, shell)
    if (script === undefined) {
      throw new SkillsctlError('usage', 'no completion for this shell', {
        subject: shell,
        expected: 'bash, zsh or fish',
      })
    }
    return { data: { shell, script }, text: [script] }
  }
}
