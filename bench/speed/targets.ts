/** What issue 3 asks for, held against what was measured in the same run. */
import type { Cell, Figures, TreeFigures } from './figures.ts'
import { CURL, GIT, NODE, OURS, type Scenario } from './tools.ts'

export interface Verdict {
  readonly target: string
  readonly tree: string
  /** What was measured, in the unit of `limit`. */
  readonly measured: number
  readonly limit: number
  readonly unit: string
  readonly met: boolean
}

const FAR = 50

export function judge(figures: Figures): Verdict[] {
  return [
    ...figures.trees.flatMap((tree) => new Judge(figures, tree).verdicts()),
    ...verdictsOfScale(figures),
    ...verdict('publish of a one-line commit, 5,000 files, 20 MB', 'wide', figures.publishMs, 1500, 'ms'),
    ...verdict(
      'cold install: most memory held',
      figures.memory?.tree ?? '',
      figures.memory?.megabytes,
      150,
      'MB',
    ),
  ]
}

class Judge {
  readonly #cells: readonly Cell[]
  readonly #tree: TreeFigures

  constructor({ cells }: Figures, tree: TreeFigures) {
    this.#cells = cells.filter((cell) => cell.tree === tree.name)
    this.#tree = tree
  }

  verdicts(): Verdict[] {
    return [
      ...this.#nothingNew(),
      ...this.#verdict('one-line edit: requests', this.#ours('edit')?.traffic?.requests, 3),
      ...this.#verdict('one-line edit: round trips', this.#ours('edit')?.traffic?.rounds, 2),
      ...this.#verdict('one-line edit: received', kilo(this.#ours('edit')?.traffic?.received), 6, 'kB'),
      ...this.#timeTo('one-line edit: time to git', 'edit', GIT, FAR, 0.9),
      ...this.#verdict('20-file commit: bytes to git', this.#bytesTo('twenty', GIT), 0.7, '×'),
      ...this.#timeTo('20-file commit: time to git', 'twenty', GIT, FAR, 1),
      ...this.#timeTo('cold install: time to curl + tar', 'cold', CURL, FAR, 1.1),
      ...this.#timeTo('cold install: time to curl + tar, 0 ms', 'cold', CURL, 0, 1.2),
      ...this.#verdict('cold install: bytes to gzip -9', this.#coldBytes(), 1.03, '×'),
      ...this.#local(),
    ]
  }

  #nothingNew(): Verdict[] {
    const { received, requests, rounds } = this.#ours('nothing')?.traffic ?? {}
    return [
      ...this.#verdict('nothing new: requests', requests, 1),
      ...this.#verdict('nothing new: round trips once connected', rounds, 1),
      ...this.#verdict('nothing new: received', kilo(received), 0.5, 'kB'),
      ...this.#timeTo('nothing new: time to git', 'nothing', GIT, FAR, 0.75),
      ...this.#verdict('news elsewhere only: requests', this.#ours('elsewhere')?.traffic?.requests, 1),
    ]
  }

  /** Work on this machine alone: what starting Node costs, and a little. */
  #local(): Verdict[] {
    const start = this.#cell('version', NODE, 0)?.ms
    if (start === undefined) return []
    const limit = 1.5 * start + 20
    const perFiles = (10 * this.#tree.files) / 1000
    return [
      ...this.#verdict('--version', this.#cell('version', OURS, 0)?.ms, limit, 'ms'),
      ...this.#verdict('status', this.#cell('status', OURS, 0)?.ms, limit + perFiles, 'ms'),
      ...this.#verdict('rollback', this.#cell('rollback', OURS, 0)?.ms, limit + perFiles, 'ms'),
    ]
  }

  #cell(scenario: Scenario, tool: string, roundTripMs: number): Cell | undefined {
    return this.#cells.find(
      (cell) => cell.scenario === scenario && cell.tool === tool && cell.roundTripMs === roundTripMs,
    )
  }

  #ours(scenario: Scenario): Cell | undefined {
    return this.#cell(scenario, OURS, FAR)
  }

  #timeTo(target: string, scenario: Scenario, tool: string, roundTripMs: number, limit: number): Verdict[] {
    const ours = this.#cell(scenario, OURS, roundTripMs)
    return this.#verdict(target, ratio(ours?.ms, this.#cell(scenario, tool, roundTripMs)?.ms), limit, '×')
  }

  #bytesTo(scenario: Scenario, tool: string): number | undefined {
    return ratio(this.#ours(scenario)?.traffic?.received, this.#cell(scenario, tool, FAR)?.traffic?.received)
  }

  #coldBytes(): number | undefined {
    return ratio(this.#ours('cold')?.traffic?.received, this.#tree.archive)
  }

  #verdict(target: string, measured: number | undefined, limit: number, unit = ''): Verdict[] {
    return verdict(target, this.#tree.name, measured, limit, unit)
  }
}

/** The cost of an edit follows what changed: on a tree of many files it is close to that on one of few. */
const CLOSE = 1.25

function verdictsOfScale({ trees, cells }: Figures): Verdict[] {
  const edit = ({ name }: TreeFigures): Cell | undefined =>
    cells.find(
      ({ tree, tool, scenario, roundTripMs }) =>
        tree === name && tool === OURS && scenario === 'edit' && roundTripMs === FAR,
    )
  const [few, many] = [
    trees.find(({ files }) => files > 100 && files < 1000),
    trees.find(({ files }) => files >= 5000),
  ]
  if (few === undefined || many === undefined) return []
  const measured = ratio(edit(many)?.ms, edit(few)?.ms)
  return verdict(`one-line edit: time on ${many.name} to ${few.name}`, many.name, measured, CLOSE, '×')
}

function verdict(
  target: string,
  tree: string,
  measured: number | undefined,
  limit: number,
  unit: string,
): Verdict[] {
  return measured === undefined ? [] : [{ target, tree, measured, limit, unit, met: measured <= limit }]
}

function ratio(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other
}

function kilo(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1000
}
