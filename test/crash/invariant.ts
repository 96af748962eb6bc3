/** What must hold after any kill (DESIGN §5, promises 1, 3 and 5), judged from the disk alone and by git's word. */
import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { GitRepository } from '../support/git-repository.ts'

/** A published commit, and its tree as git tells it: `<mode> <sha256 or link target>` by path. */
export interface Release {
  readonly commit: string
  readonly version: string
  /** SHA-256 of the manifest, hex. */
  readonly manifest: string
  readonly tree: ReadonlyMap<string, string>
}

/** Local work in an installed release; without content: somebody deleted the file. */
export interface Edit {
  readonly version: string
  readonly path: string
  readonly content?: string
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A commit's tree by way of `git ls-tree` and `git cat-file`. */
export async function treeOfCommit(git: GitRepository, commit: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>()
  for (const line of (await git.run('ls-tree', '-r', '-z', '--full-tree', commit)).split('\0')) {
    const [, mode, object, path] = /^(\d+) blob (\w+)\t(.*)$/s.exec(line) ?? []
    if (mode === undefined || object === undefined || path === undefined) continue
    const content = await contentOf(git, object)
    tree.set(path, mode === '120000' ? `link ${content}` : `${mode.slice(-3)} ${sha256(content)}`)
  }
  return tree
}

/** Objects by the hash of their content, so the same in every repository. */
const contents = new Map<string, Buffer>()

async function contentOf(git: GitRepository, object: string): Promise<Buffer> {
  const content = contents.get(object) ?? (await git.bytes('cat-file', 'blob', object))
  contents.set(object, content)
  return content
}

/** A directory in the same terms. */
export async function treeOnDisk(root: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>()
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue
    const absolute = join(entry.parentPath, entry.name)
    const path = absolute.slice(root.length + 1)
    if (entry.isSymbolicLink()) tree.set(path, `link ${await readlink(absolute)}`)
    else {
      const executable = ((await lstat(absolute)).mode & 0o100) !== 0
      tree.set(path, `${executable ? '755' : '644'} ${sha256(await readFile(absolute))}`)
    }
  }
  return tree
}

function withEdits({ tree }: Release, directory: string, edits: readonly Edit[]): Map<string, string> {
  const edited = new Map(tree)
  for (const { path, content } of edits.filter(({ version }) => version === directory)) {
    if (content === undefined) edited.delete(path)
    else edited.set(path, `${tree.get(path)?.slice(0, 3) ?? '644'} ${sha256(Buffer.from(content))}`)
  }
  return edited
}

/**
 * Promise 1: `current` names a release that is complete to the last byte (but for the given local edits).
 * @returns which one
 */
export async function whatRuns(
  home: string,
  releases: readonly Release[],
  edits: readonly Edit[] = [],
): Promise<Release> {
  const target = await readlink(join(home, 'current'))
  expect(target, 'the target of current').toMatch(/^releases\/[^/]+$/)
  const directory = target.slice('releases/'.length)
  const release = releases.find(({ version }) => directory.startsWith(version))
  if (release === undefined) throw new Error(`current names ${directory}, which nobody published`)
  expect(await treeOnDisk(join(home, target)), `the tree of ${directory}`).toEqual(
    withEdits(release, directory, edits),
  )
  expect(sha256(await readFile(join(home, 'manifests', `${directory}.json`)))).toBe(release.manifest)
  return release
}

/** Promise 5: every edit is in its release, or in `kept/`. */
export async function expectEditsReachable(home: string, edits: readonly Edit[]): Promise<void> {
  const kept = await readdir(join(home, 'kept'))
  for (const { version, path, content } of edits) {
    const places = [
      join(home, 'releases', version, path),
      ...kept
        .filter((name) => name.startsWith(`${version}-`))
        .map((name) => join(home, 'kept', name, 'files', path)),
    ]
    const found = await Promise.all(places.map((place) => readFile(place, 'utf8').catch(() => undefined)))
    if (content !== undefined) expect(found, `the edit of ${path} in ${version}`).toContain(content)
  }
}

/** A home at rest holds nothing unfinished: no staging, no lock, no temporary file, no record without its release. */
export async function expectNoDebris(home: string): Promise<void> {
  expect(await readdir(join(home, 'staging')), 'staging').toEqual([])
  const KNOWN = [
    ...['config.json', 'current', 'history.jsonl', 'kept', 'manifests', 'releases', 'staging', 'standby'],
    ...['state.json', 'trust'],
  ]
  const names = await readdir(home)
  expect(
    names.filter((name) => !KNOWN.includes(name)),
    'unknown files in the home',
  ).toEqual([])
  if (names.includes('standby'))
    expect((await readdir(join(home, 'standby'))).sort(), 'standby').toEqual(['base', 'stat', 'tree'])
  const releases = await readdir(join(home, 'releases'))
  const records = await readdir(join(home, 'manifests'))
  expect(records.sort(), 'records beside releases').toEqual(
    releases.flatMap((name) => [`${name}.json`, `${name}.stat`]).sort(),
  )
  const TRUSTED = /^(?:root|timestamp|snapshot|targets|canary|stable|drafts)\.json$/
  expect(
    (await readdir(join(home, 'trust'))).filter((name) => !TRUSTED.test(name)),
    'trust',
  ).toEqual([])
}

/** Every line of the history is whole, starts where the one before ended, and the last one is `current`. */
export async function expectHistoryConsistent(home: string): Promise<void> {
  const lines = (await readFile(join(home, 'history.jsonl'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
  const entries: { from?: string; to: string }[] = lines.flatMap((line) => {
    try {
      return [JSON.parse(line)]
    } catch {
      return [] // Cut short by the kill; readers pass over it.
    }
  })
  for (const [index, { from }] of entries.entries()) {
    // Nothing, when `current` was lost before.
    if (index > 0 && from !== undefined)
      expect(from, `line ${index + 1} of the history`).toBe(entries[index - 1]?.to)
  }
  expect(`releases/${entries.at(-1)?.to}`).toBe(await readlink(join(home, 'current')))
}
