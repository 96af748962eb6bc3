/** The command line: every command under its heading. How each is called is declared when it is asked for. */
import { Command } from 'commander'
import { type Commands, define, examples, reading } from './define.ts'
import { editCommand, editsCommands } from './edits-program.ts'
import { exportCommand } from './export-program.ts'
import { keptCommands, leaveCommand } from './kept-program.ts'
import { keysCommands } from './keys-program.ts'
import { HEALTH_COMMANDS, MACHINE_COMMANDS } from './machine-program.ts'
import { proposeCommand } from './propose-program.ts'
import { PUBLISH_COMMANDS } from './publish-program.ts'
import { afterSwitchCommand, runCommand } from './run-program.ts'
import { sessionCommands } from './session-program.ts'
import { surfaceCommands } from './surface-program.ts'

const other = () => import('./commands/other.ts')

const OTHER_COMMANDS: Commands = {
  inspect: (program) =>
    reading(
      define(
        program,
        'inspect <subject>',
        'explain a file, version, URL or token of ours',
        async () => (await other()).inspect,
      ),
    ).addHelpText(
      'after',
      examples('skillsctl inspect 3f2a9c1', 'skillsctl inspect s3://acme/skills', 'skillsctl inspect ci.key'),
    ),
  completion: (program, whole) =>
    define(program, 'completion <shell>', 'for bash, zsh or fish: print a script', async () =>
      (await other()).completion(whole()),
    ).addHelpText(
      'after',
      examples(
        'source <(skillsctl completion bash)',
        'skillsctl completion fish > ~/.config/fish/completions/skillsctl.fish',
      ),
    ),
}

const HEADINGS: readonly (readonly [heading: string, Commands])[] = [
  ['On a machine:', { ...MACHINE_COMMANDS, edit: editCommand, edits: editsCommands, ...HEALTH_COMMANDS }],
  [
    'Where agents look:',
    {
      surface: surfaceCommands,
      session: sessionCommands,
      export: exportCommand,
      propose: proposeCommand,
      run: runCommand,
      'after-switch': afterSwitchCommand,
      kept: keptCommands,
      leave: leaveCommand,
    },
  ],
  ['Publish:', { ...PUBLISH_COMMANDS, keys: keysCommands }],
  ['Both:', OTHER_COMMANDS],
]

/** @param only name of a command: the others are not needed; anything else brings all of them */
export function buildProgram(version: string, only?: string): Command {
  const program = emptyProgram(version)
  const whole = (): Command => buildProgram(version)
  const declare = HEADINGS.flatMap(([, commands]) => ownOf(commands, only) ?? [])[0]
  if (declare !== undefined) {
    declare(program, whole)
    return program.helpCommand(false)
  }
  for (const [heading, commands] of HEADINGS) {
    program.commandsGroup(heading)
    for (const declareOne of Object.values(commands)) declareOne(program, whole)
  }
  return program.helpCommand('help [command]', 'show help for a command')
}

/** Not what every object has: somebody may type `constructor`. */
function ownOf(commands: Commands, name: string | undefined): Commands[string] | undefined {
  return name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined
}

function emptyProgram(version: string): Command {
  return (
    new Command('skillsctl')
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
  )
}

function usageOf(command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [command.name(), ...args].join(' ')
}
