/** `skillsctl surface …`: where agents look. */
import { type Command, Option } from 'commander'
import { ADOPTIONS, PRESETS } from '../src/core/surface.ts'
import { define, examples, list, parseAge } from './define.ts'

export function surfaceCommands(program: Command): void {
  const surface = program
    .command('surface')
    .description('where the agents here look for the release')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples('skillsctl surface add claude-code', 'skillsctl surface list', 'skillsctl surface add --help'),
    )
  const load = () => import('./commands/surface.ts')
  define(surface, 'add <preset>', 'show the release to an agent', async () => (await load()).add)
    .option('--as <name>', 'name of the surface (default: that of the preset)')
    .option('--root <directory>', 'where the agent looks (default: by the preset)')
    .addOption(
      list('--folder <name>', 'skills, commands, agents or prompts (repeatable; default: by the preset)'),
    )
    .option('--copy', 'make copies, for places where links break')
    .option('--link', 'make links into the home (default)')
    .addOption(
      new Option('--switch <when>', 'follow updates at once, or between sessions').choices([
        'now',
        'session',
      ]),
    )
    .addOption(
      new Option('--max-wait <age>', 'longest wait for sessions to end (default: 24h)').argParser(parseAge),
    )
    .addOption(list('--only <pattern>', "only these entries (repeatable; '' for all)"))
    .addOption(list('--except <pattern>', "not these entries (repeatable; '' for none)"))
    .addOption(adoption())
    .addHelpText('after', presets())
    .addHelpText(
      'after',
      examples(
        'skillsctl surface add claude-code --switch session',
        "skillsctl surface add agents --except 'legal-*'",
        'skillsctl surface add custom --as notes --root ~/Notes/agent --copy',
      ),
    )
  define(surface, 'list', 'what each agent sees', async () => (await load()).listAll).addHelpText(
    'after',
    examples('skillsctl surface list', 'skillsctl surface list --json'),
  )
  define(
    surface,
    'remove <name>',
    'take away what was made there, and nothing else',
    async () => (await load()).remove,
  )
    .option('--gone', 'its directory was deleted for good: forget what was made there')
    .addHelpText(
      'after',
      examples('skillsctl surface remove claude-code', 'skillsctl surface remove notes --gone'),
    )
  define(
    surface,
    'adopt <entry>',
    'give a shadowed entry its place; what lies there goes to kept/',
    async () => (await load()).adoptEntry,
  )
    .option('--on <surface>', 'default: wherever it is shadowed')
    .addHelpText('after', examples('skillsctl surface adopt quarterback'))
  define(
    surface,
    'hook <name>',
    'have the agent tell when its sessions begin and end',
    async () => (await load()).hook,
  )
    .option('--install', "add the hook to the agent's settings, or bring it up to date")
    .option('--remove', 'take it out again')
    .addHelpText(
      'after',
      examples(
        'skillsctl surface hook claude-code',
        'skillsctl surface hook claude-code --install',
        'skillsctl surface hook claude-code --remove',
      ),
    )
}

export function adoption(): Option {
  return new Option(
    '--adopt <how>',
    "skills of yours that differ: keep yours as edits, take the release's, or skip (default: ask, else skip)",
  ).choices([...ADOPTIONS])
}

function presets(): string {
  const rows = [
    ...PRESETS.map(({ name, agents }) => [name, agents]),
    ['custom', 'any other place: give --as and --root'],
  ]
  return `\nPresets:\n${rows.map(([name = '', agents]) => `  ${name.padEnd(15)} ${agents}`).join('\n')}`
}
