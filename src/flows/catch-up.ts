/** The shortcut of a machine: one bundle instead of the objects that it stands for (SPEC.md, "Catch-up"). */
import type { Catchup } from '../archive/catchup.ts'
import { catchupKey, LONGEST_CATCHUP } from '../core/catchup.ts'
import type { Channel } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { InstalledName } from '../home/releases.ts'
import { within } from '../store/patience.ts'
import type { ReadableStore } from '../store/store.ts'
import type { HeadHint } from '../trust/metadata.ts'
import type { BaseCopy } from './base-copy.ts'

/** A shortcut that takes longer is none. Milliseconds. */
const PATIENCE = 10_000

/** A bundle, the release that it starts from, and a copy of that to change. */
export interface Shortcut {
  readonly catchup: Catchup
  readonly base: InstalledName | undefined
  readonly copy: BaseCopy | undefined
}

/** Undefined when there is no bundle for this machine, or anything is wrong with it: nothing depends on it. */
export async function fetchCatchup(
  store: ReadableStore,
  channel: Channel,
  hint: HeadHint,
  base: InstalledName | undefined,
): Promise<Catchup | undefined> {
  try {
    const key = catchupKey(channel, hint.role, base?.manifest)
    const [answer, { decodeCatchup }] = await Promise.all([
      within(store.get(key, { maxBytes: LONGEST_CATCHUP }), PATIENCE, key),
      import('../archive/catchup.ts'),
    ])
    return answer.kind === 'found' ? decodeCatchup(answer.body) : undefined
  } catch (error) {
    if (error instanceof SkillsctlError) return undefined
    throw error
  }
}

/** Metadata files of a bundle by key. */
export function offeredBy(catchup: Catchup | undefined): ReadonlyMap<string, Buffer> {
  const texts = catchup?.metadata ?? new Map<string, string>()
  return new Map([...texts].map(([key, text]) => [key, Buffer.from(text, 'utf8')]))
}
