import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Git } from '../../src/archive/git.ts'
import { createGitRepository, type GitRepository } from '../support/git-repository.ts'

let repository: GitRepository
let git: Git
let first: string
let second: string
let side: string

beforeAll(async () => {
  repository = await createGitRepository()
  git = new Git(repository.directory)
  await repository.write('a', 'some content that is long enough to be recognised after a small edit\n')
  first = await repository.commit('first', { date: '2026-11-20T23:30:00-02:00' })
  await repository.run('checkout', '--quiet', '-b', 'side')
  side = await repository.commit('side')
  await repository.run('checkout', '--quiet', 'main')
  await repository.move('a', 'b')
  second = await repository.commit('second')
})
afterAll(() => repository.dispose())

describe('a commit', () => {
  test('is found by any name that git has for it, with its date in UTC', async () => {
    await repository.run('tag', '-a', 'v1', '-m', 'annotated', first)
    for (const name of [first, first.slice(0, 8), 'main~1', 'v1'])
      expect(await git.commit(name)).toEqual({
        hash: first,
        committedAt: '2026-11-21T01:30:00Z',
        author: 'Test Author',
      })
  })

  test('has the author that it names itself, whatever this clone maps, encodes or prefers', async () => {
    const clone = await repository.clone()
    await clone.write('.mailmap', 'Somebody Else <author@example.org>\n')
    await clone.run('config', 'log.mailmap', 'true')
    await clone.run('config', 'i18n.logOutputEncoding', 'latin1')
    const name = `Zoë \u202e\u001b[31mÅngström\u{e0041} ${'x'.repeat(10_000)}`
    await clone.run(
      'commit',
      '--quiet',
      '--allow-empty',
      '--message=m',
      `--author=${name} <author@example.org>`,
    )
    const { author = '' } = await new Git(clone.directory).commit('HEAD')
    expect(author).toMatch(/^Zoë \[31mÅngström x{80,}$/)
    expect(author).toHaveLength(100)
    await clone.dispose()
  })

  test.each(['nowhere', '--all', 'main:b', '', '^main', 'main~1..main', '0'.repeat(40)])(
    '%j is absent',
    async (name) => {
      await expect(git.commit(name)).rejects.toMatchObject({ code: 'absent', subject: name })
    },
  )

  test('outside of a repository fails, with a hint', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'no-git-'))
    await expect(new Git(elsewhere).commit('HEAD')).rejects.toMatchObject({
      code: 'failed',
      subject: elsewhere,
      hint: expect.any(String),
    })
    await rm(elsewhere, { recursive: true })
  })

  test('shows its own blobs, though somebody replaced one', async () => {
    const other = await repository.run('rev-parse', `${second}:b`)
    await repository.write('c', 'replacement')
    const replacement = await repository.run('hash-object', '-w', 'c')
    await repository.remove('c')
    await repository.run('replace', other, replacement)
    for await (const content of git.blobs([other])) expect(content.toString()).toMatch(/^some content/)
    await repository.run('replace', '-d', other)
  })
})

describe('relations', () => {
  test('tell older, newer and sideways apart', async () => {
    expect(await git.relation(second, second)).toBe('same')
    expect(await git.relation(second, first)).toBe('descendant')
    expect(await git.relation(first, second)).toBe('ancestor')
    expect(await git.relation(second, side)).toBe('diverged')
  })

  test('are unknown where the other commit is not known', async () => {
    expect(await git.relation(second, '1'.repeat(40))).toBe('unknown')
  })

  test('are unknown, not diverged, in a shallow clone', async () => {
    const shallow = await repository.clone(undefined, '--depth=1', '--no-single-branch')
    try {
      const blind = new Git(shallow.directory)
      expect(await blind.relation(second, side)).toBe('unknown')
      expect(await blind.relation(second, first)).toBe('unknown')
    } finally {
      await shallow.dispose()
    }
  })
})

describe('renames', () => {
  test('are those that git recognises', async () => {
    expect(await git.renames(first, second)).toEqual([['a', 'b']])
  })

  test('are none where the older commit is not known', async () => {
    expect(await git.renames('1'.repeat(40), second)).toEqual([])
  })
})

test('blobs come in the order asked for, large and empty ones too', async () => {
  await repository.write('large', Buffer.alloc(3_000_000, 'x\n'))
  await repository.write('empty', '')
  const [large = '', empty = ''] = await Promise.all(
    ['large', 'empty'].map((path) => repository.run('hash-object', '-w', path)),
  )
  const sizes: number[] = []
  for await (const content of git.blobs([empty, large, empty, large])) sizes.push(content.length)
  expect(sizes).toEqual([0, 3_000_000, 0, 3_000_000])
})
