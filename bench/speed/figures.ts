/** What was measured, as one object; `--json` writes it, tables and targets are made of it. */
import { cpus, loadavg, platform, release } from 'node:os'
import type { Sample } from './chain.ts'
import type { Traffic } from './network.ts'
import type { Asked } from './publishing.ts'
import type { Scenario } from './tools.ts'

export interface TreeFigures {
  readonly name: string
  readonly files: number
  readonly bytes: number
  /** `tar c | gzip -9` of the first commit. */
  readonly archive: number
}

/** One tool in one scenario on one tree. */
export interface Cell {
  readonly tree: string
  readonly roundTripMs: number
  readonly tool: string
  readonly scenario: Scenario
  readonly runs: number
  /** The median, or the fastest where that was asked for. */
  readonly ms: number
  readonly median: number
  readonly fastest: number
  readonly slowest: number
  /** Absent where nobody counted. */
  readonly traffic: Traffic | undefined
}

export type Statistic = 'median' | 'fastest'

export interface Figures {
  readonly machine: {
    readonly cores: number
    readonly cpu: string
    readonly system: string
    readonly node: string
    /** Of the last five minutes: above the number of cores, times are too long. */
    readonly load: number
    readonly web: string
  }
  /** `fastest` is for machines with busy neighbours, which only ever add. */
  readonly statistic: Statistic
  readonly missing: readonly string[]
  readonly trees: readonly TreeFigures[]
  readonly cells: readonly Cell[]
  /** Of one-line commits on 5,000 files, 20 MB, to a directory. */
  readonly publishMs: number | undefined
  /** Megabytes. */
  readonly memory: { readonly tree: string; readonly megabytes: number } | undefined
  readonly asked: Readonly<Record<'publish' | 'promote' | 'gc', Asked>> | undefined
}

export function describeMachine(web: string): Figures['machine'] {
  const [first] = cpus()
  return {
    cores: cpus().length,
    cpu: first?.model ?? 'unknown',
    system: `${platform()} ${release()}`,
    node: process.version,
    load: Number((loadavg()[1] ?? 0).toFixed(1)),
    web,
  }
}

export function cellsOf(samples: readonly Sample[], statistic: Statistic): Cell[] {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const key = `${sample.tree} ${sample.roundTripMs} ${sample.tool} ${sample.scenario}`
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  return [...groups.values()].map((group) => {
    const [first] = group
    if (first === undefined) throw new Error('a group without samples')
    const { tree, roundTripMs, tool, scenario } = first
    const times = group.map(({ ms }) => ms)
    return {
      ...{ tree, roundTripMs, tool, scenario, runs: group.length },
      ms: summary(times, statistic),
      median: median(times),
      fastest: Math.min(...times),
      slowest: Math.max(...times),
      traffic: medianTraffic(group.flatMap(({ traffic }) => traffic ?? [])),
    }
  })
}

function medianTraffic(traffic: readonly Traffic[]): Traffic | undefined {
  if (traffic.length === 0) return undefined
  const of = (field: keyof Traffic): number => median(traffic.map((one) => one[field]))
  // A request that a busy machine sends late looks as if it had waited for an answer; so the fewest rounds count.
  const rounds = Math.min(...traffic.map((one) => one.rounds))
  return { received: of('received'), requests: of('requests'), rounds }
}

export function summary(times: readonly number[], statistic: Statistic): number {
  return statistic === 'fastest' ? Math.min(...times) : median(times)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
