import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectCommit } from '../../src/archive/collect.ts'
import { Git } from '../../src/archive/git.ts'
import { buildManifest, type Entry } from '../../src/core/manifest.ts'
import { createGitRepository, type GitRepository } from '../support/git-repository.ts'

let repository: GitRepository

beforeAll(async () => {
  repository = await createGitRepository()
})
afterAll(() => repository.dispose())

/** SPEC.md's recipe for `tree`, in git and a sort, sharing no code with us. */
async function recompute(commit: string): Promise<string> {
  const listing = await repository.bytes('ls-tree', '-r', '-z', '--full-tree', commit)
  const lines: Buffer[] = []
  for (const record of listing.toString('latin1').split('\0').filter(Boolean)) {
    const [meta = '', path = ''] = record.split('\t')
    const [mode, , object = ''] = meta.split(' ')
    const blob = await repository.bytes('cat-file', 'blob', object)
    const what = mode === '120000' ? blob : Buffer.from(createHash('sha256').update(blob).digest('hex'))
    const word = { '100644': '644', '100755': '755', '120000': 'link' }[mode ?? '']
    lines.push(Buffer.concat([Buffer.from(`${word} `), what, Buffer.from(` ${path}\n`, 'latin1')]))
  }
  const pathOf = (line: Buffer): Buffer => line.subarray(line.indexOf(32, line.indexOf(32) + 1) + 1)
  lines.sort((left, right) => Buffer.compare(pathOf(left), pathOf(right)))
  return `sha256:${createHash('sha256').update(Buffer.concat(lines)).digest('hex')}`
}

test('anyone can recompute `tree` from git ls-tree and git cat-file', async () => {
  await repository.write('README.md', 'hello\r\n')
  await repository.write('skills/a/run.sh', '#!/bin/sh\n', { executable: true })
  await repository.write('skills/a.b/x', '')
  await repository.write('skills/a/x', new Uint8Array([0, 255, 10, 13]))
  await repository.write('\u{1f600}.md', 'beyond U+FFFF')
  await repository.write('\uff5e.md', 'before it in bytes, after it in UTF-16')
  await repository.write('caf\u00e9/日本語.md', 'x')
  await repository.link('skills/latest', 'a')
  await repository.link('skills/dangling', '../nowhere')
  const commit = await repository.commit()

  const files: Entry[] = []
  const selection = { include: [], exclude: [] }
  for await (const { entry } of collectCommit(new Git(repository.directory), commit, selection))
    files.push(entry)
  const manifest = buildManifest(
    {
      name: 'test',
      version: '2026.11.20-0000000',
      source: { commit, committedAt: '2026-11-20T09:00:00Z' },
      files,
    },
    (text) => createHash('sha256').update(text).digest('hex'),
  )

  expect(manifest.tree).toBe(await recompute(commit))
  expect(manifest.files).toHaveLength(9)
})
