import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DiffLine, type FileVersion, unifiedDiff } from '../../src/core/unified-diff.ts'
import { BARE } from '../support/cli.ts'
import { versionsOfText } from './versions-of-text.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const file = (text: string, path = 'file', mode: FileVersion['mode'] = '644'): FileVersion => ({
  path,
  mode,
  bytes: bytes(text),
})
const text = (lines: readonly DiffLine[]): string => lines.map((line) => `${line.text}\n`).join('')

describe('a unified diff', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'skillsctl-diff-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  function git(...args: string[]) {
    return spawnSync('git', args, { cwd: directory, env: BARE, encoding: 'latin1' })
  }

  it('is what git shows, for many pairs of texts', async () => {
    const texts = versionsOfText(20261122)
    const pairs = Array.from({ length: 300 }, () => texts.next().value)
    for (const side of ['a', 'b']) await mkdir(join(directory, side))
    for (const [index, { base, mine }] of pairs.entries()) {
      await writeFile(join(directory, 'a', `file ${1000 + index}`), base, 'latin1')
      await writeFile(join(directory, 'b', `file ${1000 + index}`), mine, 'latin1')
    }
    const { stdout } = git(
      'diff',
      '--no-index',
      '--no-indent-heuristic',
      '--no-prefix',
      '--minimal',
      'a',
      'b',
    )
    const ours = pairs.map(({ base, mine }, index) =>
      text(unifiedDiff(file(base, `file ${1000 + index}`), file(mine, `file ${1000 + index}`))),
    )
    const others = stdout.replace(/^index .*\n/gm, '').split(/(?=^diff --git )/m)
    const same = ours.filter((diff) => diff !== '')
    expect(same.length).toBe(others.length)
    // Git may take another of several equally short scripts.
    const different = same.filter((diff, index) => diff !== others[index])
    const changed = (diff = ''): number => diff.match(/^[-+]/gm)?.length ?? 0
    expect(different.map(changed)).toEqual(different.map((diff) => changed(others[same.indexOf(diff)])))
    expect(different.length).toBeLessThan(pairs.length / 50)
  })

  it.each<[string, FileVersion | undefined, FileVersion | undefined]>([
    ['an edited file', file('a\nb\nc\n'), file('a\nB\nc\n')],
    ['no newline at the end', file('a\nb'), file('a\nb\nc')],
    ['CRLF, bytes that are no UTF-8, and control characters', file('a\r\n\xff\n'), file('a\n\xff\x1b[31m\n')],
    ['an added file', undefined, file('a\n', 'new')],
    ['an added empty file', undefined, file('', 'new')],
    ['a deleted file', file('a\n'), undefined],
    ['another mode', file('a\n'), file('a\n', 'file', '755')],
    ['another mode and content', file('a\n'), file('b\n', 'file', '755')],
    ['a renamed file', file('a\n'), file('a\n', 'other')],
    ['a file that became a link', file('a\n'), file('target', 'file', 'link')],
    ['an added link', undefined, file('target', 'link', 'link')],
    ['odd names', undefined, file('a\n', 'with "quotes" & tab\t, ü and space')],
    ['a name with a space', file('a\n', 'two words'), file('b\n', 'two words')],
    ['a name with a letter of another language', file('a\n', 'Spielzüge'), file('b\n', 'Spielzüge')],
  ])('is what git apply takes: %s', async (_, before, after) => {
    const place = join(directory, 'apply')
    await rm(place, { recursive: true, force: true })
    await mkdir(place)
    const at = (path = ''): string => join(place, path)
    const run = (...args: string[]) => git('-C', place, ...args)
    if (before !== undefined)
      await writeFile(at(before.path), before.bytes, { mode: Number.parseInt(before.mode, 8) })
    await writeFile(join(directory, 'patch'), text(unifiedDiff(before, after)), 'latin1')
    expect(run('apply', '--whitespace=nowarn', '../patch').stderr).toBe('')
    if (before !== undefined && before.path !== after?.path)
      await expect(readFile(at(before.path))).rejects.toThrow('ENOENT')
    if (after === undefined) return
    const kind = spawnSync('stat', ['-c', '%F %a', at(after.path)], { encoding: 'utf8' }).stdout.trim()
    expect(kind).toMatch(
      { link: /^symbolic link/, 644: /^regular.* 644$/, 755: /^regular.* 755$/ }[after.mode],
    )
    if (after.mode !== 'link') expect(await readFile(at(after.path))).toEqual(after.bytes)
  })

  it('says of binary files only that they differ', () => {
    const lines = ['diff --git a/file b/file', 'Binary files a/file and b/file differ', '']
    expect(text(unifiedDiff(file('\0a'), file('\0b')))).toBe(lines.join('\n'))
    expect(text(unifiedDiff(undefined, file('\0', 'new')))).toContain(
      'Binary files /dev/null and b/new differ\n',
    )
    expect(unifiedDiff(file('\0'), file('\0'))).toEqual([])
  })

  it('is empty where nothing differs', () => {
    expect(unifiedDiff(file('a\n'), file('a\n'))).toEqual([])
    expect(unifiedDiff(undefined, undefined)).toEqual([])
  })

  it('replaces everything where finding less would take too long', () => {
    const lines = Array.from({ length: 2000 }, (_, index) => `${index}\n`)
    const diff = unifiedDiff(file(lines.join('')), file(lines.toReversed().join('')))
    expect(diff.filter(({ kind }) => kind === 'removed').length).toBe(2000)
    expect(diff.filter(({ kind }) => kind === 'added').length).toBe(2000)
  })
})
