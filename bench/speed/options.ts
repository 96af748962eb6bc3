/** What may be asked of `npm run bench`. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Statistic } from './figures.ts'

export const USAGE = `usage: npm run bench -- [options]
  --tree <checkout>   the files of this git checkout's HEAD instead of made-up ones of the size of anthropics/skills
  --large             also a tree of 5,000 files, 200 MB, and the memory that installing it takes
  --full              all trees, all tools, more runs
  --only <tree>       stand-in, real, small, large, or publish: for work on one thing (repeatable)
  --runs <count>      how many runs of each (default: 3, with --full 7)
  --fastest           show the fastest of the runs, not the median: for a machine with busy neighbours
  --json <file>       write the figures there`

export interface Options {
  readonly tree: string | undefined
  readonly large: boolean
  readonly full: boolean
  readonly isWanted: (name: string) => boolean
  readonly runs: number
  readonly statistic: Statistic
  readonly json: string | undefined
}

/** @throws Error that says what is wrong with them */
export function optionsFrom(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      tree: { type: 'string' },
      large: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      runs: { type: 'string' },
      fastest: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const { tree, full, json, only } = values
  const isWanted = (name: string): boolean => only === undefined || only.includes(name)
  const statistic = values.fastest ? 'fastest' : 'median'
  const runs = Number(values.runs ?? (full ? 7 : 3))
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a number from 1 on')
  return {
    tree: tree && resolve(tree),
    large: values.large || full || only?.includes('large') === true,
    full,
    isWanted,
    runs,
    statistic,
    json,
  }
}
