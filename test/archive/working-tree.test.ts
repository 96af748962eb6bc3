import { chmod, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Selection } from '../../src/archive/collect.ts'
import { Git } from '../../src/archive/git.ts'
import { collectWorkingTree } from '../../src/archive/working-tree.ts'
import { createGitRepository, type GitRepository } from '../support/git-repository.ts'
import { inventory } from '../surfaces/fixture.ts'

const ALL: Selection = { include: [], exclude: [] }

async function repositoryWith(files: Readonly<Record<string, string>>): Promise<GitRepository> {
  const repository = await createGitRepository()
  onTestFinished(() => repository.dispose())
  for (const [path, content] of Object.entries(files)) await repository.write(path, content)
  await repository.commit()
  return repository
}

/** Path → mode and content, or target. */
async function collected({ directory }: GitRepository, selection = ALL): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { entry, content } of collectWorkingTree(new Git(directory), selection))
    found[entry.path] = entry.mode === 'link' ? `-> ${entry.target}` : `${entry.mode} ${content}`
  return found
}

test('gives what git add --all would take, as it is now, and writes nothing', async () => {
  const repository = await repositoryWith({
    '.gitignore': 'ignored\n',
    edited: 'before',
    staged: 'before',
    'staged and edited': 'before',
    deleted: 'x',
    moved: 'x',
    plain: 'x',
    file: 'x',
    'directory/inner': 'x',
  })
  const at = (path: string): string => join(repository.directory, path)
  await repository.write('edited', 'after')
  await repository.write('staged', 'after')
  await repository.write('staged and edited', 'between')
  await repository.move('moved', 'to')
  await repository.run('add', 'staged', 'staged and edited')
  await repository.run('add', '--intent-to-add', 'to')
  await repository.write('staged and edited', 'after')
  await repository.remove('deleted')
  await repository.write('new ünd "odd"', 'new')
  await repository.write('ignored', 'x')
  await chmod(at('plain'), 0o755)
  await repository.link('link', 'edited')
  await repository.remove('file')
  await repository.write('file/is a directory now', 'x')
  await repository.remove('directory')
  await repository.write('directory', 'is a file now')
  const before = inventory(repository.directory)
  expect(await collected(repository)).toEqual({
    '.gitignore': '644 ignored\n',
    edited: '644 after',
    staged: '644 after',
    'staged and edited': '644 after',
    to: '644 x',
    'new ünd "odd"': '644 new',
    plain: '755 x',
    link: '-> edited',
    'file/is a directory now': '644 x',
    directory: '644 is a file now',
  })
  expect(inventory(repository.directory)).toEqual(before)
})

test('what a directory holds that a link has replaced is gone, wherever the link leads', async () => {
  const repository = await repositoryWith({ 'skills/a': 'ours', 'skills/below/b': 'ours', other: 'x' })
  await rename(join(repository.directory, 'skills'), join(repository.directory, '.git/elsewhere'))
  await symlink('.git/elsewhere', join(repository.directory, 'skills'))
  expect(await collected(repository)).toEqual({ skills: '-> .git/elsewhere', other: '644 x' })
})

test('what a sparse checkout leaves out is in it, as it was committed', async () => {
  const repository = await repositoryWith({ 'in/a': 'a', 'out/b': 'b' })
  await repository.write('out/run', 'run', { executable: true })
  await repository.commit()
  await repository.run('sparse-checkout', 'set', '--no-cone', '/in')
  await repository.write('in/a', 'edited')
  expect(await collected(repository)).toEqual({
    'in/a': '644 edited',
    'out/b': '644 b',
    'out/run': '755 run',
  })
})

test('where a disk keeps no modes, they are those of the index', async () => {
  const repository = await repositoryWith({ plain: 'x' })
  await repository.write('run', 'x', { executable: true })
  await repository.commit()
  await repository.run('config', 'core.fileMode', 'false')
  for (const [name, mode] of [
    ['plain', 0o755],
    ['run', 0o644],
  ] as const)
    await chmod(join(repository.directory, name), mode)
  expect(await collected(repository)).toEqual({ plain: '644 x', run: '755 x' })
})

test('a merge in conflict is refused by the name of the file, unless it is not of what is published', async () => {
  const repository = await repositoryWith({ 'skills/a': 'base', notes: 'base' })
  await repository.run('checkout', '--quiet', '-b', 'side')
  await repository.write('skills/a', 'side')
  await repository.commit()
  await repository.run('checkout', '--quiet', 'main')
  await repository.write('skills/a', 'main')
  await repository.commit()
  await repository.run('merge', '--quiet', 'side').catch(() => {})
  await expect(collected(repository)).rejects.toMatchObject({
    code: 'refused',
    subject: 'skills/a',
    found: '1 file in conflict',
    hint: expect.stringContaining('git add'),
  })
  expect(await collected(repository, { include: ['notes'], exclude: [] })).toEqual({ notes: '644 base' })
  await repository.write('skills/a', 'both')
  await repository.run('add', 'skills/a')
  expect(await collected(repository)).toMatchObject({ 'skills/a': '644 both' })
})

test('submodules and other repositories inside are refused by name, unless they are left out', async () => {
  const repository = await repositoryWith({ a: 'a' })
  const inner = await repositoryWith({ b: 'b' })
  await repository.run(
    '-c',
    'protocol.file.allow=always',
    'submodule',
    '--quiet',
    'add',
    inner.directory,
    'sub',
  )
  await expect(collected(repository)).rejects.toMatchObject({ code: 'refused', subject: 'sub' })
  const without = (...exclude: string[]) => collected(repository, { include: [], exclude })
  expect(Object.keys(await without('sub')).sort()).toEqual(['.gitmodules', 'a'])
  await inner.clone(join(repository.directory, 'vendor'))
  await expect(without('sub')).rejects.toMatchObject({ code: 'refused', subject: 'vendor/' })
  expect(Object.keys(await without('sub', 'vendor')).sort()).toEqual(['.gitmodules', 'a'])
})

test('refuses to publish nothing, also when all that was selected has been deleted', async () => {
  const repository = await repositoryWith({ deleted: 'x' })
  await rm(join(repository.directory, 'deleted'))
  await expect(collected(repository)).rejects.toMatchObject({ code: 'refused' })
})
