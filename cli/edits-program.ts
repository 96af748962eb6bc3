/** `skillsctl edits …` and `skillsctl edit`: what a person has changed on this machine, and what is to become of it. */
import type { Command } from 'commander'
import { define, examples } from './define.ts'

const SURFACE = ['--surface <name>', 'of this surface alone (default: of all)'] as const

const load = () => import('./commands/edits.ts')

export function editCommand(program: Command): void {
  define(program, 'edit <skill>', 'change a skill on purpose', async () => (await load()).edit)
    .option(...SURFACE)
    .option('--print', 'only print where the copy is')
    .addHelpText(
      'after',
      `
Makes a writable copy, which no agent reads, and opens it in $VISUAL or $EDITOR.
Nothing is active before: skillsctl edits save
${examples('skillsctl edit quarterback', 'cd "$(skillsctl edit quarterback --print)"')}`,
    )
}

export function editsCommands(program: Command): void {
  const edits = program
    .command('edits')
    .description('what was edited here, and what becomes of it')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples('skillsctl edits', 'skillsctl edits resolve quarterback', 'skillsctl edits drop --help'),
    )
  define(
    edits,
    'list [skill]',
    'what differs from the release, skill by skill',
    async () => (await load()).list,
    { isDefault: true },
  )
    .option('--full', 'read every file, whatever its times say')
    .addHelpText(
      'after',
      examples('skillsctl edits', 'skillsctl edits --full', 'skillsctl edits list quarterback --json'),
    )
  define(edits, 'save [skill]', 'make active what skillsctl edit began', async () => (await load()).save)
    .option('--from <directory>', 'the skill as it should be, from anywhere')
    .option(...SURFACE)
    .addHelpText(
      'after',
      examples('skillsctl edits save', 'skillsctl edits save quarterback --from ~/src/quarterback'),
    )
  define(
    edits,
    'drop <skill>',
    'back to the release; the edit goes to kept/',
    async () => (await load()).drop,
  )
    .option(...SURFACE)
    .addHelpText('after', examples('skillsctl edits drop quarterback'))
  define(
    edits,
    'resolve <skill>',
    'settle what both you and a release have changed',
    async () => (await load()).resolve,
  )
    .option('--keep', 'yours stays as it is')
    .option('--take', 'the release wins; yours goes to kept/')
    .option('--merged <directory>', 'the skill as it should be, merged by you')
    .option(...SURFACE)
    .option('--dry-run', 'show what agents would see differently, change nothing')
    .addHelpText(
      'after',
      examples(
        'skillsctl edits resolve quarterback',
        'skillsctl edits resolve quarterback --take --dry-run',
        'skillsctl edits resolve quarterback --merged ~/merged/quarterback',
      ),
    )
  define(edits, 'bless <skill>', 'this one differs on purpose: warn nobody', async () => (await load()).bless)
    .requiredOption('--why <text>', 'the reason, for whoever wonders')
    .option(...SURFACE)
    .addHelpText('after', examples("skillsctl edits bless legal --why 'ACME has its own terms'"))
  define(edits, 'unbless <skill>', 'take that back', async () => (await load()).unbless)
    .option(...SURFACE)
    .addHelpText('after', examples('skillsctl edits unbless legal'))
  define(
    edits,
    'policy [policy] [skill]',
    'whether edits (keep) or the release (take) win here',
    async () => (await load()).policy,
  )
    .option(...SURFACE)
    .option('--remove', 'take a rule back')
    .addHelpText(
      'after',
      examples(
        'skillsctl edits policy',
        'skillsctl edits policy take',
        'skillsctl edits policy keep legal --surface claude-code',
        'skillsctl edits policy --remove legal',
      ),
    )
}
