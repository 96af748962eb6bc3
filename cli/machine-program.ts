/** What `skillsctl` does on a machine: install, follow, go back, tell. */
import { Option } from 'commander'
import { type Commands, define, examples, list, parseAge } from './define.ts'
import { adoption } from './surface-program.ts'

const load = () => import('./commands/machine.ts')
const health = () => import('./commands/doctor.ts')

export const MACHINE_COMMANDS: Commands = {
  join: (program) =>
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
      ),
  pull: (program) =>
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
      .addHelpText('after', examples('skillsctl pull', '*/5 * * * * skillsctl pull --quiet --best-effort')),
  rollback: (program) =>
    define(
      program,
      'rollback [version]',
      'go back to what ran before, and stay there',
      async () => (await load()).rollback,
    ).addHelpText('after', examples('skillsctl rollback', 'skillsctl rollback 2026.11.20-3f2a9c1')),
  pin: (program) =>
    define(
      program,
      'pin [version]',
      'stay at a release whatever the channel says',
      async () => (await load()).pin,
    ).addHelpText('after', examples('skillsctl pin', 'skillsctl pin 3f2a')),
  unpin: (program) =>
    define(program, 'unpin', 'follow the channel again', async () => (await load()).unpin).addHelpText(
      'after',
      examples('skillsctl unpin && skillsctl pull'),
    ),
  channel: (program) =>
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
      ),
  try: (program) =>
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
      ),
  status: (program) =>
    define(
      program,
      'status',
      'what runs here, and why if not the newest',
      async () => (await load()).status,
    ).addHelpText('after', examples('skillsctl status', 'skillsctl status --json')),
  verify: (program) =>
    define(program, 'verify', 're-hash the installed release', async () => (await load()).verify)
      .option('--repair', 'set local edits aside and restore the release')
      .addHelpText('after', examples('skillsctl verify', 'skillsctl verify --repair')),
  diff: (program) =>
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
      ),
}

export const HEALTH_COMMANDS: Commands = {
  doctor: (program) =>
    define(
      program,
      'doctor',
      'what is wrong here, and whether agents see it',
      async () => (await health()).doctor,
    )
      .option('--fix', 'fix what can be fixed without asking you')
      .option('--all', 'also what is right, and every skill')
      .addHelpText('after', examples('skillsctl doctor', 'skillsctl doctor --fix', 'skillsctl doctor --all')),
  why: (program) =>
    define(
      program,
      'why <skill>',
      'which bytes of a skill are active, and why',
      async () => (await health()).why,
    ).addHelpText('after', examples('skillsctl why quarterback', 'skillsctl why commands/plan.md --json')),
  history: (program) =>
    define(program, 'history', 'what ran here, when and why', async () => (await load()).history).addHelpText(
      'after',
      examples('skillsctl history'),
    ),
}
