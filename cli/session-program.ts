/** `skillsctl session …`: for agents whose hooks call us, and for scripts that stand in for one. */
import { type Command, Option } from 'commander'
import { define, examples, parseProcess } from './define.ts'

export function sessionCommands(program: Command): void {
  const session = program
    .command('session')
    .description('who reads the release right now')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples('skillsctl session list', 'skillsctl session begin --surface claude-code --id 7f3a'),
    )
  const load = () => import('./commands/session.ts')
  const ofSession = (command: Command): Command =>
    command
      .requiredOption('--surface <name>', 'the surface that it reads')
      .requiredOption('--id <id>', 'tells it apart from others')
  ofSession(define(session, 'begin', 'a session starts to read a surface', async () => (await load()).begin))
    .addOption(
      new Option('--source <why>', 'only a startup moves the surface').choices([
        'startup',
        'resume',
        'clear',
        'compact',
        'fork',
      ]),
    )
    .addOption(
      new Option(
        '--pid <pid>',
        'process that reads (default: the nearest above this one that is no shell)',
      ).argParser(parseProcess),
    )
    .addHelpText('after', examples('skillsctl session begin --surface claude-code --id 7f3a --pid $PPID'))
  ofSession(define(session, 'end', 'a session has ended', async () => (await load()).end)).addHelpText(
    'after',
    examples('skillsctl session end --surface claude-code --id 7f3a'),
  )
  define(session, 'list', 'who reads what, since when', async () => (await load()).listAll).addHelpText(
    'after',
    examples('skillsctl session list', 'skillsctl session list --json'),
  )
}
