/** What ran on a machine, one entry per activation, and what "the one before" means. */

export type Reason =
  | 'join'
  | 'update'
  | 'rollback'
  | 'pin'
  | 'channel'
  | 'repair'
  | 'recovered'
  | 'try'
  | 'try-end'

export interface Activation {
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  readonly at: string
  /** Directory that was current before, if any. */
  readonly from?: string | undefined
  /** Directory that became current. */
  readonly to: string
  /** One of `Reason`, or what a newer skillsctl calls its own. */
  readonly why: string
  /** The program that did it. */
  readonly by: string
}

/** A person went back, or an agreed time was over. */
const BACK: readonly string[] = ['rollback', 'pin', 'try-end'] satisfies Reason[]

/**
 * Directories in the order they ran, the current one last. A person who goes back drops what was ahead, as in a
 * browser: the next step back leads one further. An update, also one to older content, follows what it replaced.
 */
export function runOrder(activations: readonly Activation[]): string[] {
  const order: string[] = []
  for (const { to, why } of activations) {
    const known = order.lastIndexOf(to)
    const isBack = BACK.includes(why) || known === order.length - 1
    if (known >= 0 && isBack) order.length = known + 1
    else order.push(to)
  }
  return order
}

/** When each directory was last current, in milliseconds since the epoch. */
export function lastRuns(activations: readonly Activation[]): Map<string, number> {
  const last = new Map<string, number>()
  for (const { at, from, to } of activations) {
    const time = Date.parse(at)
    if (from !== undefined) last.set(from, time)
    last.set(to, time)
  }
  return last
}
