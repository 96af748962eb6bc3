/** What git says to the same texts: many of them in one shell, because starting one takes longer than they do. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LineChange } from '../../src/core/line-changes.ts'
import { execute } from '../support/cli.ts'
import type { Versions } from './versions-of-text.ts'

/** @returns for each of them what `git merge-file` makes of it, undefined where it finds a conflict or refuses */
export function mergedByGit(list: readonly Versions[]): Promise<(string | undefined)[]> {
  return withFiles(list, async (directory) => {
    const merge = 'git merge-file -p -q $i.mine $i.base $i.theirs > $i.out 2>/dev/null; echo $?'
    const { stdout } = await inShell(directory, list.length, merge)
    const exits = stdout.trim().split('\n')
    return Promise.all(
      list.map((_, i) => (exits[i] === '0' ? readFile(join(directory, `${i}.out`), 'latin1') : undefined)),
    )
  })
}

/** The changes that git finds from base to mine and to theirs, as merging looks for them: without regard to indents. */
export function changesByGit(
  list: readonly Versions[],
): Promise<{ mine: LineChange[]; theirs: LineChange[] }[]> {
  const diff = (side: string): string =>
    `git diff --no-index --no-indent-heuristic -U0 --text $i.base $i.${side} > $i.${side}.diff`
  return withFiles(list, async (directory) => {
    await inShell(directory, list.length, `${diff('mine')}; ${diff('theirs')}`)
    const changes = async (name: string) => changesIn(await readFile(join(directory, name), 'latin1'))
    return Promise.all(
      list.map(async (_, i) => ({
        mine: await changes(`${i}.mine.diff`),
        theirs: await changes(`${i}.theirs.diff`),
      })),
    )
  })
}

function changesIn(diff: string): LineChange[] {
  const heads = diff.matchAll(/^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/gm)
  return [...heads].map(([, before = '', removed = '1', after = '', added = '1']) => {
    // Of nothing, git tells the line before it.
    const from = Number(before) - (removed === '0' ? 0 : 1)
    const start = Number(after) - (added === '0' ? 0 : 1)
    return { from, to: from + Number(removed), start, end: start + Number(added) }
  })
}

async function withFiles<T>(list: readonly Versions[], work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'skillsctl-merge-'))
  try {
    for (const [index, versions] of list.entries())
      for (const [side, text] of Object.entries(versions))
        await writeFile(join(directory, `${index}.${side}`), text, 'latin1')
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

function inShell(cwd: string, count: number, command: string) {
  return execute('sh', ['-c', `i=0; while [ $i -lt ${count} ]; do ${command}; i=$((i+1)); done`], { cwd })
}
