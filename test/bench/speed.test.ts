import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Cell, cellsOf, type Figures } from '../../bench/speed/figures.ts'
import { judge } from '../../bench/speed/targets.ts'
import { GIT, OURS, type Scenario } from '../../bench/speed/tools.ts'
import { contentOf } from '../../bench/speed/tree-content.ts'
import { editOneLine, editTwentyFiles, SMALL, writeTree } from '../../bench/speed/trees.ts'
import { temporaryDirectory } from '../support/team.ts'

const COST = fileURLToPath(new URL('../../bench/cost.mjs', import.meta.url))

describe('the trees of the bench', () => {
  test('are the same every time, and each commit changes them', async () => {
    const [one, other] = [await temporaryDirectory(), await temporaryDirectory()]
    const contents: string[][] = []
    for (const directory of [one, other]) {
      await writeTree(directory, SMALL)
      const states = [await contentOf(directory)]
      for (const edit of [editOneLine, editTwentyFiles]) {
        await edit(directory)
        states.push(await contentOf(directory))
      }
      contents.push(states)
    }
    expect(contents[0]).toEqual(contents[1])
    expect(new Set(contents[0]).size).toBe(3)
  })

  test('differ in an executable bit, in a target of a link, in a byte, in a name', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'file')
    const seen = [await contentOf(directory)]
    const note = async (): Promise<void> => {
      seen.push(await contentOf(directory))
    }
    await writeFile(file, 'a')
    await note()
    await writeFile(file, 'b')
    await note()
    await chmod(file, 0o755)
    await note()
    await symlink('file', join(directory, 'link'))
    await note()
    await rm(join(directory, 'link'))
    await symlink('other', join(directory, 'link'))
    await note()
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('are compared without what git keeps for itself', async () => {
    const directory = await temporaryDirectory()
    const before = await contentOf(directory)
    await mkdir(join(directory, '.git'))
    await writeFile(join(directory, '.git', 'HEAD'), 'x')
    expect(await contentOf(directory)).toBe(before)
  })
})

describe('the targets', () => {
  test('are met at the limit and missed above it', () => {
    const times = (ours: number) => figures([cell(OURS, 'nothing', ours), cell(GIT, 'nothing', 100)])
    const verdict = (ours: number) =>
      judge(times(ours)).find(({ target }) => target === 'nothing new: time to git')?.met
    expect([verdict(75), verdict(76)]).toEqual([true, false])
  })

  test('that nothing was measured for are not judged', () => {
    expect(judge(figures([]))).toEqual([])
  })
})

test('a cell is the median of its runs, or the fastest', () => {
  const samples = [30, 10, 20].map((ms) => ({ ...cell(OURS, 'edit', ms), traffic: undefined }))
  expect(cellsOf(samples, 'median').map(({ ms }) => ms)).toEqual([20])
  expect(cellsOf(samples, 'fastest').map(({ ms }) => ms)).toEqual([10])
})

test('cost.md is what its figures and prices give', () => {
  expect(() => execFileSync(process.execPath, [COST, '--check'], { stdio: 'pipe' })).not.toThrow()
})

function cell(tool: string, scenario: Scenario, ms: number): Cell {
  const times = { ms, median: ms, fastest: ms, slowest: ms }
  return { tree: 'stand-in', roundTripMs: 50, tool, scenario, runs: 1, ...times, traffic: undefined }
}

function figures(cells: readonly Cell[]): Figures {
  return {
    machine: { cores: 1, cpu: '', system: '', node: '', load: 0, web: '' },
    statistic: 'median',
    missing: [],
    trees: [{ name: 'stand-in', files: 415, bytes: 1, archive: 1 }],
    cells,
    publishMs: undefined,
    memory: undefined,
    asked: undefined,
  }
}
