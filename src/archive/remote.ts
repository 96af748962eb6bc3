/** Where a checkout came from, and where its branches go. */
import { SkillsctlError } from '../core/errors.ts'
import type { Checkout } from './checkout.ts'

/** What a remote says its default branch is at. */
export interface RemoteHead {
  /** Its name, as in `main`; undefined where it does not say. */
  readonly branch: string | undefined
  readonly commit: string
}

export interface Pushed {
  readonly remote: string
  readonly outcome: 'pushed' | 'unchanged'
  /** What the server had to say, as a link to open a pull request. */
  readonly told: readonly string[]
}

const MOST_LINES = 12

export interface Remotes {
  /** The one that this checkout follows: that of its branch, else `origin`, else its only one. */
  readonly followed: string | undefined
  /** The one that takes its branches: where somebody works in a fork, that is another. */
  readonly pushed: string | undefined
}

export function remotesOf(
  { branch }: Pick<Checkout, 'branch'>,
  settings: ReadonlyMap<string, string>,
): Remotes {
  const names = [...settings.keys()].flatMap((name) => /^remote\.(.+)\.url$/.exec(name)?.[1] ?? [])
  const [only, ...others] = new Set(names)
  const wanted = [settings.get(`branch.${branch}.remote`), 'origin']
  const known = wanted.find((name) => name !== undefined && names.includes(name))
  const followed = known ?? (others.length === 0 ? only : undefined)
  return { followed, pushed: settings.get('remote.pushdefault') ?? followed }
}

/**
 * Without asking anybody for a password.
 * @param limit milliseconds
 * @returns undefined when it could not be reached in that time; null when it has no commits
 */
export async function askHead(
  checkout: Checkout,
  remote: string,
  limit: number,
): Promise<RemoteHead | null | undefined> {
  const { exit, stdout } = await checkout.ask(['ls-remote', '--symref', '--', remote, 'HEAD'], { limit })
  if (exit !== 0) return undefined
  const lines = stdout.toString('utf8').split('\n')
  const value = (pattern: RegExp): string | undefined =>
    lines.flatMap((line) => pattern.exec(line)?.[1] ?? [])[0]
  const commit = value(/^([0-9a-f]{40,64})\tHEAD$/)
  return commit === undefined ? null : { commit, branch: value(/^ref: refs\/heads\/(.+)\tHEAD$/) }
}

/** Fetches the objects of a commit and nothing else: no branch, tag or note of it changes. @returns whether it is here now */
export async function fetchCommit(
  checkout: Checkout,
  remote: string,
  commit: string,
  limit: number,
): Promise<boolean> {
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-prune', '--no-write-fetch-head']
  await checkout.ask([...fetch, '--no-recurse-submodules', '--', remote, commit], { limit })
  return checkout.knows(commit)
}

/**
 * Never by force. A person at a terminal may be asked for a password: it was them who wanted this.
 * @throws SkillsctlError `refused` when the remote does not take it, `unreachable`
 */
export async function push(checkout: Checkout, remote: string, branch: string): Promise<Pushed> {
  const options = ['--porcelain', '--no-follow-tags', '--recurse-submodules=no', '--no-verify']
  const spec = `refs/heads/${branch}:refs/heads/${branch}`
  const { stdout, stderr } = await checkout.ask(['push', ...options, '--', remote, spec], {
    variables: { GIT_TERMINAL_PROMPT: process.env['GIT_TERMINAL_PROMPT'] },
  })
  // `<flag>\t<from>:<to>\t<summary>`
  const line = stdout
    .toString('utf8')
    .split('\n')
    .find((text) => text[1] === '\t' && text.split('\t')[1] === spec)
  const words = stderr.split('\n').flatMap((text) => /^remote:\s*(\S.*)/.exec(text)?.[1]?.trim() ?? [])
  const told = words.slice(0, MOST_LINES)
  if (line === undefined) {
    throw new SkillsctlError(
      'unreachable',
      'git could not push; the branch is in the checkout all the same',
      {
        subject: remote,
        found: stderr.trim().split('\n')[0],
        hint: `mend that, and run the command again, or: git push ${remote} ${branch}`,
      },
    )
  }
  if (line.startsWith('!')) {
    throw new SkillsctlError('refused', 'the remote does not take this branch', {
      subject: branch,
      found: [line.split('\t')[2], ...told].join('; '),
      hint: 'if it has another commit of this name, this may be proposed there already; else give another: --branch <name>',
    })
  }
  return { remote, outcome: line.startsWith('=') ? 'unchanged' : 'pushed', told }
}
