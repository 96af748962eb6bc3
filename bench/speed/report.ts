/** Figures as text. */
import type { Cell, Figures, Statistic, TreeFigures } from './figures.ts'
import { judge, type Verdict } from './targets.ts'
import { GIT, OURS, SCENARIOS, type Scenario, TOOLS } from './tools.ts'

const TITLES: Readonly<Record<Scenario, string>> = {
  cold: 'cold install',
  ready: 'first nothing new',
  nothing: 'nothing new',
  elsewhere: 'news elsewhere',
  edit: 'one-line edit',
  readyAgain: 'first nothing new after it',
  twenty: '20-file commit',
  rollback: 'rollback',
  status: 'status',
  version: '--version',
}

const STATISTICS: Readonly<Record<Statistic, string>> = {
  median: 'medians of',
  fastest: 'the fastest of',
}

export function lines(figures: Figures): string[] {
  const { machine, statistic, missing, trees } = figures
  return [
    `${machine.cores} × ${machine.cpu}, ${machine.system}, Node ${machine.node}, ${machine.web}, load ${machine.load}`,
    `Whole processes, ${STATISTICS[statistic]} interleaved runs, all in the page cache; every tree compared with git’s.`,
    'skillsctl and ostree sync what they install before they end; git, curl + tar and rsync do not.',
    ...(missing.length === 0 ? [] : [`Not installed here, and left out: ${missing.join(', ')}.`]),
    ...trees.flatMap((tree) => treeLines(figures, tree)),
    ...otherLines(figures),
    '',
    ...verdictLines(judge(figures)),
  ]
}

function treeLines({ cells }: Figures, { name, files, bytes, archive }: TreeFigures): string[] {
  const here = cells.filter(({ tree }) => tree === name)
  const distances = [...new Set(here.map(({ roundTripMs }) => roundTripMs))]
  const size = `${files} files, ${mega(bytes)} MB, ${mega(archive)} MB as tar.gz`
  return distances.flatMap((distance) => {
    const unit = distance === 0 ? 'milliseconds' : 'milliseconds (kilobytes received, requests)'
    return [
      '',
      `${name}: ${size}; ${distance} ms round trip; ${unit}`,
      '',
      ...distanceLines(here.filter(({ roundTripMs }) => roundTripMs === distance)),
    ]
  })
}

function distanceLines(cells: readonly Cell[]): string[] {
  const at = (tool: string, scenario: Scenario): Cell | undefined =>
    cells.find((cell) => cell.tool === tool && cell.scenario === scenario)
  const names = TOOLS.map(({ name }) => name).filter((name) => cells.some(({ tool }) => tool === name))
  const scenarios = SCENARIOS.filter((scenario) => at(OURS, scenario) !== undefined)
  const rows = names.map((tool) => [tool, ...scenarios.map((scenario) => shown(at(tool, scenario)))])
  const ratios = scenarios.map((scenario) => {
    const [ours, git] = [at(OURS, scenario), at(GIT, scenario)]
    return ours === undefined || git === undefined ? '–' : `× ${(ours.ms / git.ms).toFixed(2)}`
  })
  return table(
    ['', ...scenarios.map((scenario) => TITLES[scenario])],
    [...rows, [`${OURS} to git`, ...ratios]],
  )
}

function shown(cell: Cell | undefined): string {
  if (cell === undefined) return '–'
  const ms = cell.ms.toFixed(0)
  if (cell.traffic === undefined || cell.traffic.received === 0) return ms
  const { received, requests } = cell.traffic
  const kilobytes = (received / 1000).toFixed(received < 100_000 ? 1 : 0)
  return `${ms} (${kilobytes}, ${requests === 0 ? '–' : requests})`
}

function otherLines({ publishMs, memory, asked }: Figures): string[] {
  return [
    ...(publishMs === undefined
      ? []
      : ['', `publish of a one-line commit on 5,000 files, 20 MB: ${publishMs.toFixed(0)} ms`]),
    ...(memory === undefined
      ? []
      : [`cold install of ${memory.tree}: ${memory.megabytes.toFixed(0)} MB resident at most`]),
    ...Object.entries(asked ?? {}).map(([what, { requests, up, down }]) => {
      const counts = Object.entries(requests).map(([operation, count]) => `${count} ${operation}`)
      return `${what} on S3: ${counts.join(', ')}; ${kilo(up)} kB up, ${kilo(down)} kB down`
    }),
  ]
}

function verdictLines(verdicts: readonly Verdict[]): string[] {
  const value = (number: number, unit: string): string =>
    unit === '×' ? `× ${number.toFixed(2)}` : `${Number(number.toFixed(number < 10 ? 2 : 0))} ${unit}`.trim()
  const rows = verdicts.map(({ target, tree, measured, limit, unit, met }) => [
    target,
    tree,
    `≤ ${value(limit, unit)}`,
    value(measured, unit),
    met ? 'met' : 'MISSED',
  ])
  const met = verdicts.filter((verdict) => verdict.met).length
  return [
    ...table(['target', 'tree', 'limit', 'measured', ''], rows),
    '',
    `${met} of ${verdicts.length} targets met`,
  ]
}

/** As Markdown, aligned, so that it can be read and pasted. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? title.length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)]
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

function kilo(bytes: number): string {
  return (bytes / 1e3).toFixed(1)
}
