/** `skillsctl kept …` and `skillsctl leave`: what was set aside, and getting everything back as it was. */
import type { Command } from 'commander'
import { define, examples } from './define.ts'

const load = () => import('./commands/kept.ts')

export function keptCommands(program: Command): void {
  const kept = program
    .command('kept')
    .description('what was set aside here, and getting it back')
    .helpCommand(false)
    .addHelpText('after', examples('skillsctl kept', 'skillsctl kept restore --help'))
  define(kept, 'list', 'what there is and why, newest first', async () => (await load()).listAll, {
    isDefault: true,
  }).addHelpText('after', examples('skillsctl kept', 'skillsctl kept list --json'))
  define(kept, 'show <name>', 'the files of one of them', async () => (await load()).show).addHelpText(
    'after',
    examples('skillsctl kept show before-join-20261121T090000Z'),
  )
  define(
    kept,
    'restore <name>',
    'put it back; nothing that is there now is put over',
    async () => (await load()).restore,
  )
    .option('--to <directory>', 'into this directory (default: where a snapshot was taken from)')
    .addHelpText(
      'after',
      examples(
        'skillsctl kept restore before-join-20261121T090000Z',
        'skillsctl kept restore 2026.11.20-3f2a9c1-1b2c3d4e --to ~/edits',
      ),
    )
}

export function leaveCommand(program: Command): void {
  define(
    program,
    'leave',
    'undo everything here, but for what you wrote',
    async () => (await load()).leaveAll,
  )
    .option('--restore', 'put back what was there before the surfaces were filled')
    .option('-y, --yes', 'do not ask, also when somebody is reading a release')
    .addHelpText(
      'after',
      `
Takes away every entry, every hook and the releases. What you wrote is moved to
kept/ in the home first, which stays. Killed in the middle, run it again.
${examples('skillsctl leave', 'skillsctl leave --restore --yes')}`,
    )
}
