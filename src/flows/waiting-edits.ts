/** Edits that wait for the person, for everybody who has to say so. A machine without edits reads and loads nothing for it. */
import { existsSync } from 'node:fs'
import type { Waiting } from '../core/edits.ts'
import { isError } from '../core/errors.ts'
import type { Layout } from '../home/layout.ts'

export interface WaitingEdit {
  /** Path in the release. */
  readonly unit: string
  /** Absent for all. */
  readonly surface?: string | undefined
  readonly because: Waiting['because']
  /** Version that it waits with. */
  readonly release: string
}

/** Of a record that cannot be read, `doctor` and whoever moves surfaces tell. */
export async function waitingEdits(layout: Layout): Promise<readonly WaitingEdit[]> {
  if (!existsSync(layout.edits)) return []
  const [{ isUnresolved }, { readEdits }] = await Promise.all([
    import('../core/edits.ts'),
    import('../edits/record.ts'),
  ])
  try {
    const { overlays } = await readEdits(layout)
    return overlays
      .filter(isUnresolved)
      .flatMap(({ unit, surface, waits }) =>
        waits === undefined
          ? []
          : [{ unit, surface, because: waits.because, release: waits.release.version }],
      )
  } catch (error) {
    if (isError(error)) return []
    throw error
  }
}
