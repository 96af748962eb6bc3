/** The figures of a replay: as one object, and as a small table. */
import { cpus, loadavg, platform, release } from 'node:os'
import type { Run } from './replay-command.ts'
import type { Passed } from './replay-gate.ts'

export interface Figures {
  readonly machine: {
    readonly cores: number
    readonly cpu: string
    readonly system: string
    readonly node: string
    /** Processes that wanted a core in the last 5 minutes: above the number of cores, times are too long. */
    readonly load: number
  }
  readonly repository: string
  readonly store: string
  readonly head: string
  readonly commits: {
    readonly asked: number
    readonly published: number
    readonly refused: readonly Refusal[]
  }
  /** Installed trees that were compared with git, and what was in them. */
  readonly compared: { readonly trees: number; readonly files: number; readonly bytes: number }
  readonly checks: readonly string[]
  readonly seconds: number
  readonly operations: readonly Operation[]
}

export interface Refusal {
  readonly commit: string
  readonly code: string
  readonly message: string
  readonly subject: string | undefined
}

/** All runs of one kind. Times in milliseconds, bytes of bodies. */
export interface Operation {
  readonly what: string
  readonly count: number
  readonly ms: Spread
  /** Absent for a store without requests. */
  readonly requests?: Spread
  readonly up?: Spread & { readonly total: number }
  readonly down?: Spread & { readonly total: number }
  /** What the last run of this kind asked, request by request. */
  readonly sample?: readonly Passed[]
}

interface Spread {
  readonly median: number
  readonly max: number
}

export function machine(): Figures['machine'] {
  const [first] = cpus()
  return {
    cores: cpus().length,
    cpu: first?.model ?? 'unknown',
    system: `${platform()} ${release()}`,
    node: process.version,
    load: Number(loadavg()[1]?.toFixed(1) ?? 0),
  }
}

export function operations(runs: readonly Run[], countsRequests: boolean): Operation[] {
  return [...new Set(runs.map(({ what }) => what))].map((what) => {
    const same = runs.filter((run) => run.what === what)
    const timed = { what, count: same.length, ms: spread(same.map(({ ms }) => Math.round(ms))) }
    if (!countsRequests) return timed
    const bytes = (way: 'up' | 'down'): number[] =>
      same.map(({ requests }) => requests.reduce((sum, passed) => sum + passed[way], 0))
    return {
      ...timed,
      requests: spread(same.map(({ requests }) => requests.length)),
      up: { ...spread(bytes('up')), total: sumOf(bytes('up')) },
      down: { ...spread(bytes('down')), total: sumOf(bytes('down')) },
      sample: same.at(-1)?.requests ?? [],
    }
  })
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
  return { median, max: sorted.at(-1) ?? 0 }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

export function lines(figures: Figures): string[] {
  const { machine, commits, compared } = figures
  return [
    `${figures.repository} at ${figures.head.slice(0, 12)}, store ${figures.store}`,
    `${machine.cores} × ${machine.cpu}, ${machine.system}, Node ${machine.node}, load ${machine.load}`,
    `${commits.published} of ${commits.asked} commits published, ${commits.refused.length} refused, in ${figures.seconds} s`,
    ...commits.refused.map(
      ({ commit, code, message, subject }) =>
        `  ${commit.slice(0, 12)} ${code}: ${message}: ${subject ?? ''}`,
    ),
    `${compared.trees} installed trees equal their commits: ${compared.files} files, ${compared.bytes} bytes`,
    ...figures.checks.map((check) => `  ${check}`),
    '',
    ...table(figures.operations),
  ]
}

function table(operations: readonly Operation[]): string[] {
  const head = [
    '',
    'runs',
    'median ms',
    'max ms',
    'requests',
    'kB up',
    'kB down',
    'total kB up',
    'total kB down',
  ]
  const rows = operations.map(({ what, count, ms, requests, up, down }) => [
    what,
    String(count),
    ms.median.toFixed(0),
    ms.max.toFixed(0),
    requests === undefined ? '' : range(requests),
    kilo(up?.median),
    kilo(down?.median),
    kilo(up?.total),
    kilo(down?.total),
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

function range({ median, max }: Spread): string {
  return median === max ? String(max) : `${median}, max ${max}`
}

function kilo(bytes: number | undefined): string {
  return bytes === undefined ? '' : (bytes / 1000).toFixed(1)
}

/** Every request of the last run of each kind. */
export function requestLines(figures: Figures): string[] {
  return figures.operations.flatMap(({ what, sample = [] }) => [
    '',
    `${what}: ${sample.length} requests`,
    ...sample.map(
      ({ method, key, condition, status, up, down }) =>
        `  ${method.padEnd(4)} ${status} ${key}${condition === undefined ? '' : `  [${condition}]`}  ↑${up} ↓${down}`,
    ),
  ])
}
