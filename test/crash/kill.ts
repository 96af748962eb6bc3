/** Killing one flow at every boundary between two operations, or at a spread of them. */
import { expect } from 'vitest'
import { type Job, type Operation, runAndKill } from '../support/victim.ts'

/** Set by vitest.crash.config.ts: every boundary, every write torn as well, and all the random kills. */
export const EVERYTHING = process.env['SKILLSCTL_CRASH'] === 'all'

export interface KillPoint {
  /** Counted from one. */
  readonly at: number
  readonly torn: boolean
  readonly operation: Operation
}

const WRITES = /^(?:write|writeSync|writeFile|appendFile)$/

/** Points of the operations that a row of the step table is about; all of them, or `count` spread evenly. */
export function killPoints(
  operations: readonly Operation[],
  belongs: (operation: Operation, index: number) => boolean,
  count: number,
): KillPoint[] {
  const points = operations.flatMap((operation, index) => {
    if (!belongs(operation, index)) return []
    const whole = { at: index + 1, torn: false, operation }
    return WRITES.test(operation.name) ? [whole, { ...whole, torn: true }] : [whole]
  })
  if (EVERYTHING || points.length <= count) return points
  if (count === 1) return points.slice(points.length / 2).slice(0, 1)
  const step = (points.length - 1) / (count - 1)
  return Array.from({ length: count }, (_, index) => points[Math.round(index * step)]).filter(
    (point) => point !== undefined,
  )
}

interface Killing {
  readonly job: Job
  readonly points: readonly KillPoint[]
  /** Lays everything out anew. */
  readonly restore: () => Promise<void>
  /** What must hold afterwards. */
  readonly verify: (point: KillPoint) => Promise<void>
}

/** @throws the first failure of `verify`, with the place of the kill */
export async function killAtEach({ job, points, restore, verify }: Killing): Promise<void> {
  expect(points.length, 'kill points').toBeGreaterThan(0)
  let kills = 0
  for (const point of points) {
    await restore()
    if (await runAndKill(job, point.at, point.torn)) kills += 1
    try {
      await verify(point)
    } catch (error) {
      const { step, name, subject } = point.operation
      const how = point.torn ? 'within' : 'before'
      throw new Error(`killed ${how} operation ${point.at} (${step}: ${name} ${subject}): ${textOf(error)}`, {
        cause: error,
      })
    }
  }
  // Their order and, over a network, their number differ a little between runs; nearly every one must have been met.
  const most = Math.max(1, Math.floor(points.length * 0.8))
  expect(kills, 'victims that were killed').toBeGreaterThanOrEqual(most)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
