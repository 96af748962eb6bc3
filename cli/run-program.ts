/** `skillsctl run` and `after-switch`: other programs, before and after the release that they need. */
import { type Command, Option } from 'commander'
import { define, examples, parseAge } from './define.ts'

const RUN = 'run'

export function runCommand(program: Command): void {
  define(
    program,
    `${RUN} <command...>`,
    'run a command on one fresh release',
    async () => (await import('./commands/run.ts')).run,
  )
    .addOption(
      new Option('--if-older-than <age>', 'ask the store when it last answered longer ago')
        .argParser(parseAge)
        .default(parseAge('5m'), '5m'),
    )
    .addOption(
      new Option('--timeout <age>', 'longest wait for it; then it goes on in the background')
        .argParser(parseAge)
        .default(parseAge('3s'), '3s'),
    )
    .addHelpText('after', '\n$SKILLSCTL_RELEASE is where it is, $SKILLSCTL_VERSION which one it is.')
    .addHelpText(
      'after',
      examples(
        'skillsctl run -- ./nightly.sh --all',
        '*/5 * * * * skillsctl run --quiet --timeout 10s -- agent -p "go on"',
      ),
    )
}

export function afterSwitchCommand(program: Command): void {
  define(
    program,
    'after-switch',
    'a command of yours to run after a switch',
    async () => (await import('./commands/after-switch.ts')).afterSwitch,
  )
    .option('--set <command>', 'a line for sh -c')
    .addOption(new Option('--limit <age>', 'end it after this (default: 60s)').argParser(parseAge))
    .option('--clear', 'run none')
    .addOption(new Option('--due', 'run it if anything was switched').hideHelp())
    .addHelpText(
      'after',
      examples(
        'skillsctl after-switch --set \'reindex "$SKILLSCTL_RELEASE"\' --limit 5m',
        'skillsctl after-switch',
      ),
    )
}

/**
 * Whatever follows the first word of the command belongs to it, as it does behind `--`: none of its options is read as
 * ours.
 */
export function separateCommand(program: Command, args: readonly string[]): readonly string[] {
  const own = firstWord(program.options, args, 0)
  const run = program.commands.find((command) => command.name() === RUN)
  if (run === undefined || args[own] !== RUN) return args
  const first = firstWord([...program.options, ...run.options], args, own + 1)
  return [...args.slice(0, first), '--', ...args.slice(args[first] === '--' ? first + 1 : first)]
}

/** Where the first word is that is neither an option nor its value; `--` is one. */
function firstWord(options: readonly Option[], args: readonly string[], from: number): number {
  let at = from
  for (; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (!arg.startsWith('-') || arg === '--' || arg === '-') break
    if (options.some((option) => option.required && [option.short, option.long].includes(arg))) at++
  }
  return Math.min(at, args.length)
}
