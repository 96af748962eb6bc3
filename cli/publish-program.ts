/** What `skillsctl` does to a repository: publish, promote, keep it fresh and small. */
import { Option } from 'commander'
import { type Commands, define, examples, list, parseCount, reading, signing } from './define.ts'

const load = () => import('./commands/publish.ts')

export const PUBLISH_COMMANDS: Commands = {
  init: (program) =>
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
      ),
  publish: (program) =>
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
      ),
  promote: (program) =>
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
      ),
  revert: (program) =>
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
      ),
  renew: (program) =>
    signing(
      define(program, 'renew', 'sign freshness anew; run it twice a day', async () => (await load()).renew),
    ).addHelpText('after', examples('skillsctl renew')),
  releases: (program) =>
    reading(define(program, 'releases', 'the history of a channel', async () => (await load()).releases))
      .option('--channel <name>', 'default: the channel of this machine, else canary')
      .addOption(new Option('--limit <count>', 'newest first').argParser(parseCount).default(20))
      .addHelpText('after', examples('skillsctl releases --channel stable')),
  gc: (program) =>
    reading(define(program, 'gc', 'remove what nothing points at any more', async () => (await load()).gc))
      .option('--dry-run', 'show what would go, remove nothing')
      .addHelpText('after', examples('skillsctl gc --dry-run', 'skillsctl gc')),
}
