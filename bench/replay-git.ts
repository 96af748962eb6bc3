/** What git says about a commit, asked without any code of ours, and whether a directory holds exactly that. */
import { execFile } from 'node:child_process'
import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import picomatch from 'picomatch'

const run = promisify(execFile)

export interface TreeSize {
  readonly files: number
  readonly bytes: number
}

async function git(repository: string, args: readonly string[], input?: string): Promise<Buffer> {
  const running = run('git', ['-C', repository, ...args], { encoding: 'buffer', maxBuffer: 2 ** 30 })
  running.child.stdin?.end(input)
  return (await running).stdout
}

/** The newest first-parent commits of HEAD, oldest first. */
export async function lastCommits(repository: string, count: number): Promise<string[]> {
  const log = await git(repository, ['log', '--first-parent', `--max-count=${count}`, '--format=%H'])
  return log.toString().trim().split('\n').reverse()
}

/** Compares a directory with a commit: paths, bytes, modes, targets of links. @throws Error that lists the differences */
export async function expectTree(
  directory: string,
  repository: string,
  commit: string,
  exclude: readonly string[],
): Promise<TreeSize> {
  const root = await realpath(directory)
  const [wanted, found] = await Promise.all([treeOf(repository, commit, exclude), filesBelow(root)])
  const contents = await blobs(repository, [...wanted.values()])
  const wrong: string[] = []
  let bytes = 0
  for (const [path, { mode, object }] of wanted) {
    const content = contents.get(object) ?? Buffer.alloc(0)
    const kind = found.get(path)
    bytes += content.length
    if (kind === undefined) wrong.push(`missing ${path}`)
    else if (kind !== INSTALLED[mode]) wrong.push(`${kind} instead of ${INSTALLED[mode] ?? mode}: ${path}`)
    else if (!(await contentAt(join(root, path), kind)).equals(content)) wrong.push(`other bytes: ${path}`)
  }
  for (const path of found.keys()) if (!wanted.has(path)) wrong.push(`not in the commit: ${path}`)
  if (wrong.length > 0) throw new Error(`${root} is not ${commit}:\n  ${wrong.slice(0, 20).join('\n  ')}`)
  return { files: wanted.size, bytes }
}

/** Modes of git and what they become on a machine. */
const INSTALLED: Readonly<Record<string, string>> = {
  '100644': 'file 444',
  '100755': 'file 555',
  '120000': 'link',
}

async function treeOf(repository: string, commit: string, exclude: readonly string[]) {
  const listing = await git(repository, ['ls-tree', '-r', '-z', '--full-tree', commit])
  const isExcluded = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true })
  const tree = new Map<string, { mode: string; object: string }>()
  for (const record of listing.toString().split('\0').filter(Boolean)) {
    const [meta = '', path = ''] = [
      record.slice(0, record.indexOf('\t')),
      record.slice(record.indexOf('\t') + 1),
    ]
    const [mode = '', , object = ''] = meta.split(' ')
    const directories = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'))
    if (!directories.some((name) => isExcluded(name))) tree.set(path, { mode, object })
  }
  return tree
}

async function blobs(
  repository: string,
  entries: readonly { object: string }[],
): Promise<Map<string, Buffer>> {
  const wanted = [...new Set(entries.map(({ object }) => object))]
  const output = await git(repository, ['cat-file', '--batch'], wanted.map((name) => `${name}\n`).join(''))
  const contents = new Map<string, Buffer>()
  let at = 0
  for (const object of wanted) {
    const end = output.indexOf(10, at)
    const size = Number(output.subarray(at, end).toString().split(' ')[2])
    contents.set(object, output.subarray(end + 1, end + 1 + size))
    at = end + 1 + size + 1
  }
  return contents
}

async function filesBelow(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const walk = async (prefix: string): Promise<void> => {
    const names = await readdir(join(root, prefix))
    if (names.length === 0 && prefix !== '') found.set(prefix, 'empty directory')
    for (const name of names) {
      const path = prefix === '' ? name : `${prefix}/${name}`
      const info = await lstat(join(root, path))
      if (info.isDirectory()) await walk(path)
      else if (info.isSymbolicLink()) found.set(path, 'link')
      else found.set(path, info.isFile() ? `file ${(info.mode & 0o7777).toString(8)}` : 'special file')
    }
  }
  await walk('')
  return found
}

function contentAt(path: string, kind: string): Promise<Buffer> {
  return kind === 'link' ? readlink(path, 'buffer') : readFile(path)
}
