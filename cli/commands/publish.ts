/** The commands of whoever publishes. */
import { basename } from 'node:path'
import type { FileChanges } from '../../src/core/changes.ts'
import { type Channel, isDraft, parseChannel } from '../../src/core/channel.ts'
import { SkillsctlError } from '../../src/core/errors.ts'
import { PUBLISH_CONFIG, parsePublishConfig } from '../../src/core/publish-config.ts'
import { readIfThere, writeFileAtomic } from '../../src/disk/atomic-file.ts'
import type { PublishReport } from '../../src/index.ts'
import {
  type Cli,
  checkout,
  checkoutConfig,
  defaultKeys,
  layoutFor,
  passphraseSource,
  type RepositoryFlags,
  type SigningFlags,
  withPublisher,
  withRepository,
} from '../context.ts'
import { changeLines, changeSummary, releaseLines, supersededBy } from '../describe.ts'
import { formatBytes, type Result } from '../output.ts'
import { confirmer } from '../prompt.ts'

type Args = readonly string[]

interface InitFlags {
  name?: string
  keys?: string
  passphraseFile?: string
}

export async function init(_cli: Cli, [url = '']: Args, flags: InitFlags): Promise<Result> {
  const { init } = await import('../../src/flows/init.ts')
  const { openWritableStore } = await import('../../src/store/open.ts')
  const store = await openWritableStore(url)
  try {
    const name = checkedName(flags.name ?? nameFrom(url))
    const keys = flags.keys ?? defaultKeys(name)
    const ask = await passphraseSource('passphrase for the root key', flags.passphraseFile)
    const report = await init({ store, name, keys, passphrase: ask, now: Date.now() })
    const config = { store: report.store, root: `${report.root.version}:sha256:${report.root.sha256}` }
    const written = await writeCheckoutConfig(config)
    return { data: { ...report, config, written: written ?? null }, text: initLines(report, config, written) }
  } finally {
    store.close()
  }
}

function nameFrom(url: string): string {
  const { hostname, pathname } = new URL(url)
  return basename(pathname) || hostname || 'skills'
}

/** The name goes into every manifest, and is the name of a directory of keys. */
function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name
  throw new SkillsctlError('usage', 'this cannot be the name of a repository', {
    subject: name,
    expected: 'up to 64 letters, digits, dots, dashes and underscores',
    hint: 'give one with --name',
  })
}

/** `skillsctl.json` in the checkout we are in, unless there is one. */
async function writeCheckoutConfig(config: object): Promise<string | undefined> {
  const { Git } = await import('../../src/archive/git.ts')
  const top = await new Git(process.cwd()).topLevel()
  if (top === undefined) return undefined
  const path = `${top}/${PUBLISH_CONFIG}`
  if ((await readIfThere(path)) !== undefined) return undefined
  await writeFileAtomic(path, `${JSON.stringify(config, null, 2)}\n`)
  return path
}

function initLines(
  {
    name,
    store,
    root,
    files,
    keysReused,
    tokens,
  }: Awaited<ReturnType<typeof import('../../src/flows/init.ts').init>>,
  config: object,
  written: string | undefined,
): string[] {
  return [
    `created ${name} at ${store}`,
    '',
    keysReused
      ? 'Keys (these files were there already and are used again; for keys of its own: --name or --keys):'
      : 'Keys (mode 600, outside of any checkout):',
    `  ${files.root}`,
    '    The root key. Only its passphrase opens it. Keep two copies offline. Whoever loses it can never again',
    '    change keys here: after 365 days every machine would have to join a new repository.',
    `  ${files.ci}`,
    '    Signs canary. Put its one line into the CI secret SKILLSCTL_KEY, then delete the file.',
    `  ${files.release}`,
    '    Signs stable. Put its one line into the secret SKILLSCTL_KEY of a protected environment, or keep it',
    '    with whoever promotes. Never where main builds: a build that was taken over must not promote itself.',
    '',
    written === undefined ? `Commit this as ${PUBLISH_CONFIG}:` : `Wrote ${written}; commit it:`,
    `  ${JSON.stringify(config)}`,
    '',
    `Root ${root.version}: sha256:${root.sha256}`,
    'Machines join with one line:',
    `  skillsctl join ${tokens.stable}`,
    'and those that try releases first:',
    `  skillsctl join ${tokens.canary}`,
    '',
    'Next: skillsctl publish --key <the CI key>, then skillsctl promote canary stable --key <the release key>',
  ]
}

interface PublishFlags extends SigningFlags {
  commit: string
  channel?: string
  include?: string[]
  exclude?: string[]
  workingTree?: boolean
  dryRun?: boolean
  allowOlder?: boolean
  allowRemovals?: boolean
  restore?: boolean
}

export async function publish(cli: Cli, _args: Args, flags: PublishFlags): Promise<Result> {
  const { publish } = await import('../../src/flows/publish.ts')
  const { Git } = await import('../../src/archive/git.ts')
  const git = (await checkout()) ?? new Git(process.cwd())
  const file = flags.workingTree === true ? await checkoutConfig() : await configAt(flags.commit)
  const report = await withPublisher(cli, flags, (context) =>
    publish(context, {
      git,
      revision: flags.commit,
      channel: publishedTo(
        flags.channel ?? fromEnvironment('SKILLSCTL_CHANNEL') ?? file?.channel ?? 'canary',
      ),
      selection: {
        include: flags.include ?? listFromEnvironment('SKILLSCTL_INCLUDE') ?? file?.include ?? [],
        exclude: flags.exclude ?? listFromEnvironment('SKILLSCTL_EXCLUDE') ?? file?.exclude ?? [],
      },
      workingTree: flags.workingTree ?? false,
      dryRun: flags.dryRun ?? false,
      allowOlder: flags.allowOlder ?? false,
      allowRemovals: flags.allowRemovals ?? false,
      restore: flags.restore ?? false,
    }),
  )
  return { data: report, text: publishLines(report) }
}

/** What lies behind canary is promoted to, so that it holds only what canary has had. */
function publishedTo(name: string): Channel {
  const channel = parseChannel(name)
  if (channel.name === 'canary' || isDraft(channel)) return channel
  throw new SkillsctlError('usage', 'commits are published to canary, or to a draft', {
    subject: name,
    hint: `publish to canary, then: skillsctl promote canary ${name}`,
  })
}

/** What is packed is decided by the commit, not by the working tree that happens to be checked out. */
async function configAt(revision: string) {
  const { Git } = await import('../../src/archive/git.ts')
  const text = await new Git(process.cwd()).fileAt(revision, PUBLISH_CONFIG)
  return text === undefined ? checkoutConfig() : parsePublishConfig(text, `${PUBLISH_CONFIG} of ${revision}`)
}

function fromEnvironment(name: string): string | undefined {
  const text = process.env[name]
  return text === '' ? undefined : text
}

function listFromEnvironment(name: string): string[] | undefined {
  return fromEnvironment(name)
    ?.split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

export function publishLines(report: PublishReport): string[] {
  const { outcome, version, channel, previous, changes, files, archive, commit, uncommitted } = report
  const moved = previous === undefined ? version : `${previous} → ${version}`
  const size =
    archive === undefined ? '' : `, ${formatBytes(archive.size)}${archive.reused ? ' (stored already)' : ''}`
  const first = {
    published: `published ${moved} on ${channel} (${files} files${size})`,
    planned: `would publish ${moved} on ${channel} (${files} files${size})`,
    unchanged: `${version} is the head of ${channel} already`,
    restored: `wrote archive and manifest of ${version} on ${channel} again`,
    superseded: `superseded: ${supersededBy(report)}; nothing was written`,
  }[outcome]
  return [
    first,
    ...(uncommitted === undefined ? [] : [uncommittedLine(uncommitted, commit)]),
    ...(changes === undefined || outcome === 'superseded' ? [] : changeLines(changes)),
  ]
}

function uncommittedLine(changes: FileChanges, commit: string): string {
  const { added, removed, renamed, modified } = changes
  const count = added.length + removed.length + renamed.length + modified.length
  if (count === 0) return `  the working tree is that of ${commit.slice(0, 12)}, nothing is uncommitted in it`
  const differ = count === 1 ? '1 file differs' : `${count} files differ`
  return `  ${differ} from ${commit.slice(0, 12)}: ${changeSummary(changes)}`
}

interface MoveFlags extends SigningFlags {
  yes?: boolean
  to?: string
}

export async function promote(cli: Cli, [from = '', to = '']: Args, flags: MoveFlags): Promise<Result> {
  const { promote } = await import('../../src/flows/promote.ts')
  const report = await withPublisher(cli, flags, (context) =>
    promote(context, from, parseChannel(to), confirmer(flags.yes ?? false)),
  )
  return { data: report, text: moveLines(report) }
}

export async function revert(cli: Cli, [name = '']: Args, flags: MoveFlags): Promise<Result> {
  const { revert } = await import('../../src/flows/promote.ts')
  const report = await withPublisher(cli, flags, (context) =>
    revert(context, parseChannel(name), flags.to, confirmer(flags.yes ?? false)),
  )
  return { data: report, text: moveLines(report) }
}

function moveLines(
  report: Awaited<ReturnType<typeof import('../../src/flows/promote.ts').promote>>,
): string[] {
  const { outcome, channel, version, previous, changes, approvals } = report
  const moved = `${previous ?? 'nothing'} → ${version} on ${channel}`
  const first = {
    moved,
    unchanged: `${version} is the head of ${channel} already`,
    approved: `approved ${moved}: ${approvals?.have} of ${approvals?.need} signatures; the next signer runs the same command within 7 days`,
  }[outcome]
  return [first, ...(outcome === 'unchanged' ? [] : changeLines(changes))]
}

export async function renew(cli: Cli, _args: Args, flags: SigningFlags): Promise<Result> {
  const { renew } = await import('../../src/flows/renew.ts')
  const report = await withPublisher(cli, flags, renew)
  for (const warning of report.warnings) cli.output.warn(warning)
  const also = report.renewed.length === 0 ? '' : `, and ${report.renewed.join(', ')}`
  return { data: report, text: [`signed the timestamp anew${also}`] }
}

export async function releases(
  cli: Cli,
  _args: Args,
  flags: RepositoryFlags & { channel?: string; limit: number },
): Promise<Result> {
  const { releases } = await import('../../src/flows/releases.ts')
  const { readConfig } = await import('../../src/home/config.ts')
  const joined = flags.store === undefined ? await readConfig(layoutFor(cli.globals)) : undefined
  const channel = parseChannel(flags.channel ?? joined?.channel ?? 'canary')
  const entries = await withRepository(cli, flags, (context) =>
    releases({ ...context, channel, limit: flags.limit }),
  )
  const text = entries.length === 0 ? [`nothing was published on ${channel.name} yet`] : releaseLines(entries)
  return { data: { channel: channel.name, releases: entries }, text }
}

export async function gc(
  cli: Cli,
  _args: Args,
  { dryRun = false, ...flags }: RepositoryFlags & { dryRun?: boolean },
): Promise<Result> {
  const { collectGarbage } = await import('../../src/flows/gc.ts')
  const report = await withPublisher(cli, flags, (context) => collectGarbage(context, { dryRun }))
  const verb = dryRun ? 'would remove' : 'removed'
  const summary = `${verb} ${report.removed.length} objects (${formatBytes(report.freed)}), ${report.kept} stay`
  return { data: report, text: [...(dryRun ? report.removed.map(({ key }) => `  ${key}`) : []), summary] }
}
