/** `skillsctl export`: bundles for places that no surface reaches. */
import type { Command } from 'commander'
import { define, examples } from './define.ts'

export function exportCommand(program: Command): void {
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
