/** One line per number of publishes, so that the eye sees whether a column grows. */
import type { Passed } from './counting-store.ts'

export interface Checkpoint {
  readonly count: number
  /** A machine that joins now, one that is one release behind, and one that was off since the checkpoint before. */
  readonly cold: Passed
  readonly update: Passed
  readonly behind: Passed
  /** The bucket before and after collecting garbage. */
  readonly before: { readonly objects: number; readonly bytes: number }
  readonly after: { readonly objects: number; readonly bytes: number }
  readonly first: readonly Publishing[]
  readonly last: readonly Publishing[]
}

export interface Publishing {
  /** Milliseconds: of the clock, and of this process's processor time, which neighbours disturb less. */
  readonly wall: number
  readonly processor: number
  readonly passed: Passed
}

const COLUMNS: readonly (readonly [string, (checkpoint: Checkpoint) => string])[] = [
  ['publishes', ({ count }) => String(count)],
  ['join: metadata kB', ({ cold }) => kilo(metadata(cold))],
  ['update: metadata kB', ({ update }) => kilo(metadata(update))],
  ['update: all kB', ({ update }) => kilo(sum(update.received))],
  ['update: requests', ({ update }) => String(update.calls)],
  ['long behind: metadata kB', ({ behind }) => kilo(metadata(behind))],
  ['objects', ({ before }) => String(before.objects)],
  ['after gc', ({ after }) => String(after.objects)],
  ['MB', ({ before }) => mega(before.bytes)],
  ['after gc', ({ after }) => mega(after.bytes)],
  ['first 100: ms', ({ first }) => milliseconds(first, ({ wall }) => wall)],
  ['last 100: ms', ({ last }) => milliseconds(last, ({ wall }) => wall)],
  ['first 100: CPU ms', ({ first }) => milliseconds(first, ({ processor }) => processor)],
  ['last 100: CPU ms', ({ last }) => milliseconds(last, ({ processor }) => processor)],
  ['last 100: requests', ({ last }) => median(last.map(({ passed }) => passed.calls)).toFixed(0)],
  ['last 100: kB up', ({ last }) => kilo(median(last.map(({ passed }) => sum(passed.sent))))],
  ['last 100: kB down', ({ last }) => kilo(median(last.map(({ passed }) => sum(passed.received))))],
]

/** Checkpoints as columns: there are few of them, and many things to say. */
export function lines(checkpoints: readonly Checkpoint[]): string[] {
  const rows = COLUMNS.map(([title, show]) => [title, ...checkpoints.map(show)])
  const widths = [0, ...checkpoints.map((_, index) => index + 1)].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width))).join(' | ')} |`
  const [head = [], ...rest] = rows
  return [
    line(head),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rest.map(line),
    ...verdicts(checkpoints),
  ]
}

/** From here on everything that is kept for 90 days is there: what still grows would grow for ever. */
const SATURATED = 1000
const FLAT = 1.25

const WATCHED: readonly (readonly [string, (checkpoint: Checkpoint) => number])[] = [
  ['metadata of a machine that joins, bytes', ({ cold }) => metadata(cold)],
  ['metadata of an update, bytes', ({ update }) => metadata(update)],
  ['objects after gc', ({ after }) => after.objects],
  ['processor time of a publish, ms', ({ last }) => median(last.map(({ processor }) => processor))],
]

function verdicts(checkpoints: readonly Checkpoint[]): string[] {
  const early = checkpoints.find(({ count }) => count >= SATURATED)
  const late = checkpoints.at(-1)
  if (early === undefined || late === undefined || early === late) return []
  return WATCHED.map(([what, of]) => {
    const [before, after] = [of(early), of(late)]
    const verdict = after <= before * FLAT ? 'flat' : 'GROWS'
    return `${verdict}: ${what}: ${before.toFixed(0)} after ${early.count} publishes, ${after.toFixed(0)} after ${late.count}`
  })
}

/** Everything but the archive. */
function metadata({ received }: Passed): number {
  return sum(received) - (received['blobs'] ?? 0)
}

function sum(bytes: Readonly<Record<string, number>>): number {
  return Object.values(bytes).reduce((total, one) => total + one, 0)
}

function milliseconds(publishings: readonly Publishing[], of: (publishing: Publishing) => number): string {
  return median(publishings.map(of)).toFixed(0)
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0
}

function kilo(bytes: number): string {
  return (bytes / 1e3).toFixed(1)
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
