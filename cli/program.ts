/** The command line: every command with its arguments, flags and examples. What they do is loaded when used. */
import { Command, Option } from 'commander'
import { define, examples, list, parseAge, parseCount, reading, signing } from './define.ts'
import { editsCommands } from './edits-program.ts'
import { keptCommands } from './kept-program.ts'
import { keysCommands } from './keys-program.ts'
import { proposeCommand } from './propose-program.ts'
import { runCommands } from './run-program.ts'
import { sessionCommands } from './session-program.ts'
import { adoption, surfaceCommands } from './surface-program.ts'

/** @param first word of the command line: where that names a command of a machine, the others are not needed */
export function buildProgram(version: string, first?: string): Command {
  const program = new Command('skillsctl')
    .description('Keep every machine on the same agent skills: signed, atomic, with instant rollback.')
    .version(version, '--version', 'print the version')
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'print errors only')
    .option(
      '--home <directory>',
      'home of this machine (default: $SKILLSCTL_HOME, else ~/.local/share/skillsctl)',
    )
    .helpOption('-h, --help', 'show help, also for a command')
    // What went wrong is shown by main, as every error is.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .configureHelp({
      sortSubcommands: false,
      showGlobalOptions: false,
      subcommandTerm: (command) => usageOf(command),
    })
    .addHelpText('after', '\nStart: skillsctl join <token> on a machine, skillsctl init <url> to publish.')
  machineCommands(program)
  if (program.commands.some((command) => command.name() === first)) return program
  publishCommands(program)
  otherCommands(program)
  return program
}

function usageOf(command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [command.name(), ...args].join(' ')
}

function machineCommands(program: Command): void {
  program.commandsGroup('On a machine:')
  const load = () => import('./commands/machine.ts')
  define(
    program,
    'join <token-or-url>',
    'follow a repository, install its release',
    async () => (await load()).join,
  )
    .option('--root <digest>', 'sha256:… of the root, when joining by URL')
    .option(
      '--channel <name>',
      'canary, stable or drafts/<name> (default: the one in the token, else stable)',
    )
    .option('--surface <presets>', 'show it to these agents, as in claude-code,agents')
    .addOption(adoption())
    .addHelpText(
      'after',
      examples(
        'skillsctl join skillsctl-join-1.eyJ…',
        'skillsctl join skillsctl-join-1.eyJ… --surface claude-code,agents',
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
    // How `skillsctl run` refreshes.
    .addOption(new Option('--alone', 'leave it to another such pull that is under way').hideHelp())
    .addHelpText('after', examples('skillsctl pull', '*/5 * * * * skillsctl pull --quiet --best-effort'))
  define(
    program,
    'rollback [version]',
    'go back to what ran before, and stay there',
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
    'show what this machine follows, or change it',
    async () => (await load()).channel,
  )
    .option('-y, --yes', 'step back to an older release without asking')
    .addHelpText(
      'after',
      examples('skillsctl channel', 'skillsctl channel canary', 'skillsctl channel drafts/alice'),
    )
  define(
    program,
    'try [draft]',
    'run a draft for a while, then go back by itself',
    async () => (await import('./commands/try.ts')).tryOut,
  )
    .addOption(
      new Option('--for <age>', 'how long, at most 14d').argParser(parseAge).default(parseAge('2h'), '2h'),
    )
    .addOption(list('--surface <name>', 'show it only there (repeatable; default: the whole machine)'))
    .option('--stop', 'go back now; works offline')
    .addHelpText(
      'after',
      examples(
        'skillsctl try drafts/alice',
        'skillsctl try drafts/alice --for 3d --surface claude-code',
        'skillsctl try --stop',
      ),
    )
  define(
    program,
    'status',
    'what runs here, and why if not the newest',
    async () => (await load()).status,
  ).addHelpText('after', examples('skillsctl status', 'skillsctl status --json'))
  define(program, 'verify', 're-hash the installed release', async () => (await load()).verify)
    .option('--repair', 'set local edits aside and restore the release')
    .addHelpText('after', examples('skillsctl verify', 'skillsctl verify --repair'))
  diffCommand(program)
  editsCommands(program)
  const health = () => import('./commands/doctor.ts')
  define(
    program,
    'doctor',
    'what is wrong here, and whether agents see it',
    async () => (await health()).doctor,
  )
    .option('--fix', 'fix what can be fixed without asking you')
    .option('--all', 'also what is right, and every skill')
    .addHelpText('after', examples('skillsctl doctor', 'skillsctl doctor --fix', 'skillsctl doctor --all'))
  define(
    program,
    'why <skill>',
    'which bytes of a skill are active, and why',
    async () => (await health()).why,
  ).addHelpText('after', examples('skillsctl why quarterback', 'skillsctl why commands/plan.md --json'))
  define(program, 'history', 'what ran here, when and why', async () => (await load()).history).addHelpText(
    'after',
    examples('skillsctl history'),
  )
  program.commandsGroup('Where agents look:')
  surfaceCommands(program)
  sessionCommands(program)
  exportCommand(program)
  proposeCommand(program)
  runCommands(program)
  keptCommands(program)
}

function diffCommand(program: Command): void {
  define(
    program,
    'diff [what...]',
    'show edits made here, or compare releases',
    async () => (await import('./commands/diff.ts')).diff,
  )
    .option('--against <release>', 'hold the edits against this version or channel')
    .option('--skill <name>', 'only this skill, between two releases')
    .option('--surface <name>', 'the edits of this surface, where surfaces differ')
    .option('--stat', 'count lines instead of showing them')
    .option('--name-only', 'only name the files')
    .option('--exit-code', 'exit 3 when something differs')
    .addHelpText(
      'after',
      `
Nothing or a skill: what was edited on this machine. Two versions, commits or
channels: what differs between them. A pipe gets a patch for git apply, byte for
byte; on a terminal, control characters are spelled out, as in \\u001b.
${examples(
  'skillsctl diff quarterback',
  'skillsctl diff --against canary --stat',
  'skillsctl diff 2026.11.20-3f2a9c1 stable --skill quarterback',
)}`,
    )
}

function exportCommand(program: Command): void {
  define(
    program,
    'export [skill...]',
    'make bundles of skills, to upload by hand',
    async () => (await import('./commands/export.ts')).exportBundles,
  )
    .option('--zip', 'one <skill>.zip each, as claude.ai takes them (required: there is no other form yet)')
    .option('--all', 'every skill of the release')
    .option('--output <directory>', 'where the files go (default: the current directory)')
    .addHelpText(
      'after',
      examples(
        'skillsctl export quarterback --zip',
        'skillsctl export --all --zip --output ~/Desktop/skills',
      ),
    )
}

function publishCommands(program: Command): void {
  program.commandsGroup('Publish:')
  const load = () => import('./commands/publish.ts')
  define(
    program,
    'init <store-url>',
    'create a repository: keys, trust, channels',
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
    .option('--restore', 'write the bytes of a published commit again, for a store that lost them')
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

function otherCommands(program: Command): void {
  program.commandsGroup('Both:').helpCommand('help [command]', 'show help for a command')
  const load = () => import('./commands/other.ts')
  reading(
    define(
      program,
      'inspect <subject>',
      'explain a file, version, URL or token of ours',
      async () => (await load()).inspect,
    ),
  ).addHelpText(
    'after',
    examples('skillsctl inspect 3f2a9c1', 'skillsctl inspect s3://acme/skills', 'skillsctl inspect ci.key'),
  )
  define(program, 'completion <shell>', 'for bash, zsh or fish: print a script', async () =>
    (await load()).completion(program),
  ).addHelpText(
    'after',
    examples(
      'source <(skillsctl completion bash)',
      'skillsctl completion fish > ~/.config/fish/completions/skillsctl.fish',
    ),
  )
}
