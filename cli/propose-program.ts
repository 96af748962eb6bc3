/** `skillsctl propose`: an edit goes home. */
import type { Command } from 'commander'
import { define, examples } from './define.ts'

export function proposeCommand(program: Command): void {
  define(
    program,
    'propose <skill>',
    'make an edit a commit in a checkout',
    async () => (await import('./commands/propose.ts')).proposeEdit,
  )
    .option('--repo <checkout>', 'where the source is checked out', '.')
    .option('--branch <name>', 'name of the new branch (default: made of the edit)')
    .option('--push', 'push the branch as well, never by force')
    .option('--why <text>', 'the reason, for the commit message')
    .option('--surface <name>', 'the edit of this surface, where surfaces differ')
    .addHelpText(
      'after',
      examples(
        'skillsctl propose quarterback --repo ~/src/skills',
        "skillsctl propose plan --repo ~/src/skills --why 'Plan in days' --push",
      ),
    )
}
