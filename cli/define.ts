/** How a command is declared: its arguments, the flags that several share, and what runs when it is called. */
import { setImmediate } from 'node:timers/promises'
import { type Command, type CommandOptions, InvalidArgumentError, Option } from 'commander'
import { announceSwitch } from './announce.ts'
import type { Cli } from './context.ts'
import { EXIT } from './exit.ts'
import { type Globals, Output, type Result } from './output.ts'

/** Flags arrive as commander parsed them; each command declares the ones that it reads. */
type Action<F> = (cli: Cli, args: readonly string[], flags: F) => Promise<Result>

/** Ways to declare commands, by name. @param whole gives the program with all commands */
export type Commands = Readonly<Record<string, (program: Command, whole: () => Command) => void>>

export function globalsOf(program: Command): Globals {
  const {
    json = false,
    quiet = false,
    home,
  } = program.opts<{ json?: boolean; quiet?: boolean; home?: string }>()
  return { json, quiet, home }
}

export function define<F extends object>(
  parent: Command,
  nameAndArguments: string,
  description: string,
  load: () => Promise<Action<F>>,
  options: CommandOptions = {},
): Command {
  const [name = '', ...args] = nameAndArguments.split(' ')
  const command = parent.command(name, options).description(description).exitOverride()
  for (const argument of args) command.argument(argument)
  command.configureHelp({ showGlobalOptions: true })
  return command.action(async (...given: unknown[]) => {
    const root = topOf(command)
    const globals = globalsOf(root)
    const output = new Output(globals)
    // A question that was asked early waits for its connection: let it go out before more is loaded.
    await setImmediate()
    const action = await load()
    const values = given
      .slice(0, args.length)
      .flat()
      .filter((value) => typeof value === 'string')
    const cli = { globals, output }
    let result: Result
    try {
      result = await action(cli, values, command.opts<F>())
      output.result(result)
    } finally {
      // Here, so that no command forgets it, whichever way it ends.
      await announceSwitch(cli)
    }
    process.exitCode = result.exit ?? EXIT.done
    await result.afterwards?.()
  })
}

function topOf(command: Command): Command {
  return command.parent === null ? command : topOf(command.parent)
}

/** Flags that say which repository. */
export function reading(command: Command): Command {
  return command
    .option(
      '--store <url>',
      'repository (default: $SKILLSCTL_STORE, skillsctl.json, or what this machine joined)',
    )
    .option('--root <digest>', 'sha256:… of the root to trust (default: likewise)')
}

export function signing(command: Command): Command {
  return reading(command)
    .addOption(
      list(
        '--key <file>',
        'key file to sign with (repeatable; default: $SKILLSCTL_KEY, $SKILLSCTL_KEY_FILE)',
      ),
    )
    .option('--passphrase-file <file>', 'opens a sealed key (default: ask)')
}

export function ceremony(command: Command): Command {
  return signing(command).option('--root-key <file>', 'the sealed root key')
}

export function list(flag: string, description: string): Option {
  return new Option(flag, description).argParser((value: string, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ])
}

export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export function parseAge(text: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (count === undefined) throw new InvalidArgumentError('Give a number and a unit: 90s, 30m, 24h or 7d.')
  return Number(count) * (UNITS[unit] ?? 0)
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number above zero.')
  return Number(text)
}

export function parseProcess(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('Give the number of a process.')
  return Number(text)
}
