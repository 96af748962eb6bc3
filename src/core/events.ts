/** The one stream through which a flow tells what it does. Nothing else prints or logs. */

export interface FlowEvent {
  readonly flow: string
  /** A step of DESIGN §5's tables, or of a smaller flow. */
  readonly step: string
  readonly status: 'start' | 'progress' | 'done' | 'warning'
  readonly subject?: string
  /** For `done`: how long the step took. */
  readonly ms?: number
  /** For `progress`: bytes so far, and in all. */
  readonly bytes?: number
  readonly total?: number
  /** For `warning`: what the person should know. */
  readonly message?: string
}

export type Emit = (event: FlowEvent) => void

/** What a flow uses to name its steps: `await step('fetch', () => …)`. */
export interface Steps {
  <T>(name: string, work: () => Promise<T>, subject?: string): Promise<T>
  warn(message: string): void
  progress(name: string, bytes: number, total: number): void
}

/** @param clock milliseconds that only grow */
export function steps(flow: string, emit: Emit, clock: () => number): Steps {
  const run = async <T>(step: string, work: () => Promise<T>, subject?: string): Promise<T> => {
    const about = subject === undefined ? {} : { subject }
    const started = clock()
    emit({ flow, step, status: 'start', ...about })
    const result = await work()
    emit({ flow, step, status: 'done', ms: Math.round(clock() - started), ...about })
    return result
  }
  return Object.assign(run, {
    warn: (message: string) => emit({ flow, step: flow, status: 'warning', message }),
    progress: (step: string, bytes: number, total: number) =>
      emit({ flow, step, status: 'progress', bytes, total }),
  })
}
