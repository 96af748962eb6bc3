/** What a surface should show: what `current` names, unless a draft is tried on it. */
import { isError } from '../core/errors.ts'
import { type Trial, trialInForce } from '../core/trial.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory, listNames } from '../home/releases.ts'
import { readState } from '../home/state.ts'

/** Name of a surface → directory of `releases/`; undefined where nothing is installed. */
export type Wanted = (surface: string) => string | undefined

/** @param now milliseconds since the epoch */
export async function wantedReleases(layout: Layout, now: number): Promise<Wanted> {
  const current = currentDirectory(layout)
  const trial = trialInForce(await trialHere(layout), now)
  if (trial?.surfaces === undefined) return () => current
  const { surfaces, release } = trial
  const tried = listNames(layout).find(({ manifest }) => manifest === release.manifest)?.directory
  return (surface) => (surfaces.includes(surface) ? (tried ?? current) : current)
}

/** What a newer skillsctl has noted, this one cannot heed: agents are shown what runs all the same. */
async function trialHere(layout: Layout): Promise<Trial | undefined> {
  try {
    return (await readState(layout)).trial
  } catch (error) {
    if (isError(error, 'unsupported')) return undefined
    throw error
  }
}
