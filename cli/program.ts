/** The command line: every command with its arguments, flags and examples. What they do is loaded when used. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Cli } from './context.ts'
import { EXIT } from './exit.ts'
import { type Globals, Output, type Result } from './output.ts'
import { version } from './version.ts'

/** Flags arrive as commander parsed them; each command declares the ones that it reads. */
type Action<F> = (cli: Cli, args: readonly string[], flags: F) => Promise<Result>

export function globalsOf(program: Command): Globals {
  const {
    json = false,
    quiet = false,
    home,
  } = program.opts<{ json?: boolean; quiet?: boolean; home?: string }>()
  return { json, quiet, home }
}

export function buildProgram(): Command {
  const program = new Command('skillsctl')
    .description('Keep every machine on the same agent skills: signed, atomic, with instant rollback.')
    .version(version(), '--version', 'print the version')
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'print errors only')
    .option(
      '--home <directory>',
      'home of this machine (default: $SKILLSCTL_HOME, else ~/.local/share/skillsctl)',
    )
    .helpOption('-h, --help', 'show help, also for a command')
    .helpCommand(false)
    .showHelpAfterError('(skillsctl --help lists the commands)')
    .exitOverride()
    .configureHelp({
      sortSubcommands: false,
      showGlobalOptions: false,
      subcommandTerm: (command) => usageOf(command),
    })
    .addHelpText(
      'after',
      '\nStart: skillsctl join <token> on a machine, skillsctl init <store-url> to publish.',
    )
  program.action(() => program.help({ error: true }))
  machineCommands(program)
  publishCommands(program)
  otherCommands(program)
  return program
}

function usageOf(command: Command): string {
  const args = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  )
  return [command.name(), ...args].join(' ')
}

function machineCommands(program: Command): void {
  program.commandsGroup('On a machine:')
  const load = () => import('./commands/machine.ts')
  define(
    program,
    'join <token-or-url>',
    'follow a repository and install its current release',
    async () => (await load()).join,
  )
    .option('--root <digest>', 'sha256:… of the root, when joining by URL')
    .option(
      '--channel <name>',
      'canary, stable or drafts/<name> (default: the one in the token, else stable)',
    )
    .addHelpText(
      'after',
      examples(
        'skillsctl join skillsctl-join-1.eyJ…',
        'skillsctl join s3://acme/skills --root sha256:4f… --channel canary',
      ),
    )
  define(program, 'pull', 'bring this machine to what its channel says', async () => (await load()).pull)
    .option('--check', 'only tell whether there is something new (exit 3)')
    .option('--dry-run', 'show what would change, install nothing')
    .option('--best-effort', 'exit 0 when the store cannot be reached and a release is installed')
    .addOption(
      new Option(
        '--require-fresh <age>',
        'fail when the repository was signed longer ago, as in 24h',
      ).argParser(parseAge),
    )
    .addHelpText('after', examples('skillsctl pull', '*/5 * * * * skillsctl pull --quiet --best-effort'))
  define(
    program,
    'rollback [version]',
    'go back to what ran before, or to a version, and stay there',
    async () => (await load()).rollback,
  ).addHelpText('after', examples('skillsctl rollback', 'skillsctl rollback 2026.11.20-3f2a9c1'))
  define(
    program,
    'pin [version]',
    'stay at a release whatever the channel says',
    async () => (await load()).pin,
  ).addHelpText('after', examples('skillsctl pin', 'skillsctl pin 3f2a'))
  define(program, 'unpin', 'follow the channel again', async () => (await load()).unpin).addHelpText(
    'after',
    examples('skillsctl unpin && skillsctl pull'),
  )
  define(
    program,
    'channel [name]',
    'show what this machine follows, or follow something else',
    async () => (await load()).channel,
  )
    .option('-y, --yes', 'step back to an older release without asking')
    .addHelpText(
      'after',
      examples('skillsctl channel', 'skillsctl channel canary', 'skillsctl channel drafts/alice'),
    )
  define(
    program,
    'status',
    'what runs here, and why if it is not the newest',
    async () => (await load()).status,
  ).addHelpText('after', examples('skillsctl status', 'skillsctl status --json'))
  define(program, 'verify', 're-hash the installed release', async () => (await load()).verify)
    .option('--repair', 'set local edits aside and restore the release')
    .addHelpText('after', examples('skillsctl verify', 'skillsctl verify --repair'))
  define(program, 'history', 'what ran here, when and why', async () => (await load()).history).addHelpText(
    'after',
    examples('skillsctl history'),
  )
}

function publishCommands(program: Command): void {
  program.commandsGroup('Publish:')
  const load = () => import('./commands/publish.ts')
  define(
    program,
    'init <store-url>',
    'create a repository: keys, root of trust, channels',
    async () => (await load()).init,
  )
    .option('--name <name>', 'name of the repository (default: last part of the URL)')
    .option('--keys <directory>', 'where the key files go (default: ~/.config/skillsctl/keys/<name>)')
    .option('--passphrase-file <file>', 'holds the passphrase for the root key (default: ask)')
    .addHelpText(
      'after',
      examples(
        'skillsctl init s3://acme-skills/prod?region=eu-central-1',
        'skillsctl init file:///mnt/nas/skills --name acme-skills',
      ),
    )
  signing(
    define(program, 'publish', 'make a commit the head of a channel', async () => (await load()).publish),
  )
    .option('--commit <revision>', 'what to publish', 'HEAD')
    .option('--channel <name>', 'canary, or drafts/<name> (default: skillsctl.json, else canary)')
    .addOption(list('--include <pattern>', 'only these paths (repeatable)'))
    .addOption(list('--exclude <pattern>', 'not these paths (repeatable)'))
    .option('--working-tree', 'publish uncommitted files to a draft')
    .option('--dry-run', 'show what would change, write nothing')
    .option('--allow-older', 'also publish a commit that is behind, diverged or of unknown ancestry')
    .option('--allow-removals', 'also publish when many skills disappear')
    .addHelpText(
      'after',
      examples('skillsctl publish', 'skillsctl publish --channel drafts/alice --working-tree'),
    )
  signing(
    define(
      program,
      'promote <from> <channel>',
      'point a channel at a release of canary',
      async () => (await load()).promote,
    ),
  )
    .option('-y, --yes', 'approve without asking')
    .addHelpText(
      'after',
      examples('skillsctl promote canary stable', 'skillsctl promote 3f2a9c1 stable --key release.key'),
    )
  signing(
    define(
      program,
      'revert <channel>',
      'point a channel at an older release',
      async () => (await load()).revert,
    ),
  )
    .option('--to <version>', 'default: the release before the head')
    .option('-y, --yes', 'approve without asking')
    .addHelpText(
      'after',
      examples('skillsctl revert stable', 'skillsctl revert canary --to 2026.11.20-3f2a9c1'),
    )
  signing(
    define(program, 'renew', 'sign freshness anew; run it twice a day', async () => (await load()).renew),
  ).addHelpText('after', examples('skillsctl renew'))
  reading(define(program, 'releases', 'the history of a channel', async () => (await load()).releases))
    .option('--channel <name>', 'default: the channel of this machine, else canary')
    .addOption(new Option('--limit <count>', 'newest first').argParser(parseCount).default(20))
    .addHelpText('after', examples('skillsctl releases --channel stable'))
  reading(define(program, 'gc', 'remove what nothing points at any more', async () => (await load()).gc))
    .option('--dry-run', 'show what would go, remove nothing')
    .addHelpText('after', examples('skillsctl gc --dry-run', 'skillsctl gc'))
  keysCommands(program)
}

function keysCommands(program: Command): void {
  const keys = program.command('keys').description('who may sign what, and changing it')
  keys.action(() => keys.help({ error: true }))
  const load = () => import('./commands/keys.ts')
  define(keys, 'new <file>', 'make a key pair; prints the public key', async () => (await load()).newKey)
    .option('--comment <text>', 'whose key it is')
    .addHelpText('after', examples('skillsctl keys new ~/.config/skillsctl/keys/alice.key --comment alice'))
  define(
    keys,
    'show <file>',
    'print the public key and key id of a key file',
    async () => (await load()).showKey,
  ).addHelpText('after', examples('skillsctl keys show release.key'))
  reading(define(keys, 'list', 'who may sign what', async () => (await load()).listKeys)).addHelpText(
    'after',
    examples('skillsctl keys list'),
  )
  ceremony(
    define(
      keys,
      'add <channel> <public-key>',
      'let somebody sign for a channel',
      async () => (await load()).addKey,
    ),
  ).addHelpText(
    'after',
    examples(
      'skillsctl keys add stable skillsctl-public-key-1:… --root-key root.sealed.json --key release.key',
    ),
  )
  ceremony(
    define(keys, 'remove <channel> <key-id>', 'take that away', async () => (await load()).removeKey),
  ).addHelpText(
    'after',
    examples('skillsctl keys remove stable 1f2e3d4c --root-key root.sealed.json --key release.key'),
  )
  ceremony(
    define(
      keys,
      'threshold <channel> <count>',
      'ask for several signers',
      async () => (await load()).setThreshold,
    ),
  ).addHelpText(
    'after',
    examples('skillsctl keys threshold stable 2 --root-key root.sealed.json --key release.key'),
  )
  signing(
    define(
      keys,
      'cosign <channel>',
      'add your signature, so that the threshold can be raised',
      async () => (await load()).cosign,
    ),
  ).addHelpText('after', examples('skillsctl keys cosign stable --key alice.key'))
  ceremony(
    define(
      keys,
      'rotate <old-key-file> <new-key-file>',
      'replace a key everywhere it is listed',
      async () => (await load()).rotate,
    ),
  ).addHelpText(
    'after',
    examples(
      'skillsctl keys rotate ci.key ci-2.key --root-key root.sealed.json',
      'skillsctl keys rotate root.sealed.json root-2.sealed.json --key ci.key',
    ),
  )
  ceremony(
    define(
      keys,
      'renew',
      'sign root and targets anew, long before they expire',
      async () => (await load()).renewRoot,
    ),
  ).addHelpText('after', examples('skillsctl keys renew --root-key root.sealed.json --key ci.key'))
}

function otherCommands(program: Command): void {
  program.commandsGroup('Both:')
  const load = () => import('./commands/other.ts')
  reading(
    define(
      program,
      'inspect <file-version-or-url>',
      'explain an artifact, and which checks it passes',
      async () => (await load()).inspect,
    ),
  ).addHelpText(
    'after',
    examples('skillsctl inspect 3f2a9c1', 'skillsctl inspect s3://acme/skills', 'skillsctl inspect ci.key'),
  )
  define(program, 'completion <shell>', 'print a completion script for bash, zsh or fish', async () =>
    (await load()).completion(program),
  ).addHelpText(
    'after',
    examples('skillsctl completion bash > ~/.local/share/bash-completion/completions/skillsctl'),
  )
}

function define<F extends object>(
  parent: Command,
  nameAndArguments: string,
  description: string,
  load: () => Promise<Action<F>>,
): Command {
  const [name = '', ...args] = nameAndArguments.split(' ')
  const command = parent.command(name).description(description).exitOverride()
  for (const argument of args) command.argument(argument)
  command.configureHelp({ showGlobalOptions: true })
  return command.action(async (...given: unknown[]) => {
    const root = topOf(command)
    const globals = globalsOf(root)
    const output = new Output(globals)
    const action = await load()
    const values = given.slice(0, args.length).filter((value): value is string => typeof value === 'string')
    const result = await action({ globals, output }, values, command.opts<F>())
    output.result(result)
    process.exitCode = result.exit ?? EXIT.done
  })
}

function topOf(command: Command): Command {
  return command.parent === null ? command : topOf(command.parent)
}

/** Flags that say which repository. */
function reading(command: Command): Command {
  return command
    .option(
      '--store <url>',
      'repository (default: $SKILLSCTL_STORE, skillsctl.json, or what this machine joined)',
    )
    .option('--root <digest>', 'sha256:… of the root to trust (default: likewise)')
}

function signing(command: Command): Command {
  return reading(command)
    .addOption(
      list(
        '--key <file>',
        'key file to sign with (repeatable; default: $SKILLSCTL_KEY, $SKILLSCTL_KEY_FILE)',
      ),
    )
    .option('--passphrase-file <file>', 'opens a sealed key (default: ask)')
}

function ceremony(command: Command): Command {
  return signing(command).option('--root-key <file>', 'the sealed root key')
}

function list(flag: string, description: string): Option {
  return new Option(flag, description).argParser((value: string, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ])
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function parseAge(text: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (count === undefined) throw new InvalidArgumentError('Give a number and a unit: 90s, 30m, 24h or 7d.')
  return Number(count) * (UNITS[unit] ?? 0)
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number above zero.')
  return Number(text)
}
