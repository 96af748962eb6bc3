import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CollectedFile, collectCommit, type Selection } from '../../src/archive/collect.ts'
import { Git } from '../../src/archive/git.ts'
import { createGitRepository, type GitRepository } from '../support/git-repository.ts'

const ALL: Selection = { include: [], exclude: [] }

async function collect(files: AsyncIterable<CollectedFile>): Promise<Map<string, CollectedFile>> {
  const found = new Map<string, CollectedFile>()
  for await (const file of files) found.set(file.entry.path, file)
  return found
}

describe('a commit', () => {
  let repository: GitRepository
  let git: Git
  let commit: string

  beforeAll(async () => {
    repository = await createGitRepository()
    git = new Git(repository.directory)
    await repository.write(
      '.gitattributes',
      '*.bat text eol=crlf\n*.ver export-subst\nprivate/** export-ignore\n',
    )
    await repository.write('run.bat', 'echo one\necho two\n')
    await repository.write('mixed.bin', new Uint8Array([0xff, 0, 13, 10, 10]))
    await repository.write('a.ver', '$Format:%H$\n')
    await repository.write('private/notes', 'kept all the same\n')
    await repository.write(
      'large.psd',
      'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 5\n',
    )
    await repository.write('skills/a/run.sh', '#!/bin/sh\n', { executable: true })
    await repository.write('skills/a/.hidden', '')
    await repository.write('skills/b,c/x', 'x')
    await repository.write('skills/b/x', 'x')
    await repository.link('skills/latest', 'a')
    commit = await repository.commit()
    // What lies in the working tree is of no account.
    await repository.write('run.bat', 'edited')
    await repository.write('untracked', 'x')
  })
  afterAll(() => repository.dispose())

  const select = async (selection: Partial<Selection>): Promise<string[]> => [
    ...(await collect(collectCommit(git, commit, { ...ALL, ...selection }))).keys(),
  ]

  test('gives the raw bytes of every blob, whatever .gitattributes would do to them', async () => {
    const files = await collect(collectCommit(git, commit, ALL))
    expect(files.size).toBe(11)
    for (const [path, { entry, content }] of files) {
      const blob = await repository.bytes('cat-file', 'blob', `${commit}:${path}`)
      if (entry.mode === 'link') expect(entry.target).toBe(blob.toString())
      else expect(content).toEqual(blob)
    }
    expect(files.get('run.bat')?.content.toString()).toBe('echo one\necho two\n')
    expect(files.get('a.ver')?.content.toString()).toBe('$Format:%H$\n')
    expect(files.has('private/notes')).toBe(true)
  })

  test('gives modes and links', async () => {
    const files = await collect(collectCommit(git, commit, ALL))
    expect(files.get('skills/a/run.sh')?.entry.mode).toBe('755')
    expect(files.get('skills/a/.hidden')?.entry).toMatchObject({ mode: '644', size: 0 })
    expect(files.get('skills/latest')?.entry).toEqual({ mode: 'link', path: 'skills/latest', target: 'a' })
  })

  test('reads the same from a subdirectory of the checkout', async () => {
    const below = new Git(join(repository.directory, 'skills'))
    expect([...(await collect(collectCommit(below, commit, ALL))).keys()]).toContain('run.bat')
  })

  test.each<[string, Partial<Selection>, string[]]>([
    ['a directory', { include: ['skills/a'] }, ['skills/a/.hidden', 'skills/a/run.sh']],
    ['a directory with a slash', { include: ['./skills/a/'] }, ['skills/a/.hidden', 'skills/a/run.sh']],
    ['a directory with a comma', { include: ['skills/b,c'] }, ['skills/b,c/x']],
    ['one file', { include: ['run.bat'] }, ['run.bat']],
    ['a pattern', { include: ['**/*.sh'] }, ['skills/a/run.sh']],
    [
      'less what is excluded',
      { include: ['skills'], exclude: ['**/x', 'skills/latest'] },
      ['skills/a/.hidden', 'skills/a/run.sh'],
    ],
    [
      'hidden files too',
      { include: ['skills/*/*'], exclude: ['skills/b*/**', '**/*.sh'] },
      ['skills/a/.hidden'],
    ],
  ])('gives what --include and --exclude select: %s', async (_, selection, expected) => {
    expect(await select(selection)).toEqual(expected)
  })

  test('includes everything by "."', async () => {
    expect(await select({ include: ['.'] })).toHaveLength(11)
  })

  test('refuses to publish nothing', async () => {
    await expect(select({ include: ['skils'] })).rejects.toMatchObject({ code: 'refused' })
    await expect(select({ exclude: ['**'] })).rejects.toMatchObject({ code: 'refused' })
  })
})

describe('a commit that holds what a release may not', () => {
  let repository: GitRepository
  let git: Git

  beforeAll(async () => {
    repository = await createGitRepository()
    git = new Git(repository.directory)
    await repository.write('README.md', 'x')
    await repository.commit()
  })
  afterAll(() => repository.dispose())

  /** A commit of the README and one more index entry, which no file system has to be able to hold. */
  async function commitWith(mode: string, object: string, path: string | Buffer): Promise<string> {
    const base = await repository.bytes('ls-tree', '-z', 'HEAD')
    const type = mode === '160000' ? 'commit' : mode === '040000' ? 'tree' : 'blob'
    const entry = Buffer.concat([
      Buffer.from(`${mode} ${type} ${object}\t`),
      Buffer.from(path),
      Buffer.from([0]),
    ])
    const file = join(repository.directory, '.git', 'forged-tree')
    await writeFile(file, Buffer.concat([base, entry]))
    const tree = await repository.run(...['-c', `alias.forge=!git mktree -z --missing < '${file}'`, 'forge'])
    return repository.run('commit-tree', tree, '-m', 'forged')
  }

  const blob = (): Promise<string> => repository.run('rev-parse', 'HEAD:README.md')

  test('a submodule is refused by name, and can be left out', async () => {
    const commit = await commitWith('160000', '1'.repeat(40), 'vendor')
    await expect(collect(collectCommit(git, commit, ALL))).rejects.toMatchObject({
      code: 'refused',
      subject: 'vendor',
      hint: expect.stringContaining('--exclude vendor'),
    })
    const left = await collect(collectCommit(git, commit, { include: [], exclude: ['vendor'] }))
    expect([...left.keys()]).toEqual(['README.md'])
  })

  test('a path that is not UTF-8 is refused by name', async () => {
    const commit = await commitWith('100644', await blob(), Buffer.from('caf\xe9', 'latin1'))
    await expect(collect(collectCommit(git, commit, ALL))).rejects.toMatchObject({
      code: 'refused',
      subject: 'café',
    })
  })

  test.each(['readme.MD', 'aux', 'a\nb', 'a\\b'])('the path %j is refused', async (path) => {
    const commit = await commitWith('100644', await blob(), path)
    await expect(collect(collectCommit(git, commit, ALL))).rejects.toMatchObject({
      code: 'refused',
      subject: path,
    })
  })

  test('a blob that this clone lacks is absent, with a hint', async () => {
    const commit = await commitWith('100644', '2'.repeat(40), 'lost')
    await expect(collect(collectCommit(git, commit, ALL))).rejects.toMatchObject({
      code: 'absent',
      subject: '2'.repeat(40),
    })
  })
})
