/** Giving places to the release in which a person had something. */
import { isError, SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { withLock } from '../disk/lock.ts'
import { requireConfig } from '../home/config.ts'
import { setAside } from '../surfaces/adopt.ts'
import { requireSurface, surfacesOf } from '../surfaces/definitions.ts'
import { readLedger } from '../surfaces/ledger.ts'
import type { MachineContext } from './machine.ts'
import { settle } from './settle.ts'

export interface Adopted {
  readonly surface: string
  readonly place: string
  /** The directory in `kept/` that holds what was there. */
  readonly kept: string
}

/**
 * Gives the place of an entry to the release; what lies there goes to `kept/`.
 * @param wanted an entry, as `quarterback` or `skills/quarterback`
 * @param on name of a surface; default: all on which it is shadowed
 * @throws SkillsctlError `absent` when it is shadowed nowhere
 */
export async function adopt(
  context: MachineContext,
  wanted: string,
  on: string | undefined,
): Promise<Adopted[]> {
  const { layout, now } = context
  // As a shell completes the name of a directory.
  const entry = wanted.replace(/\/+$/, '')
  const config = await requireConfig(layout)
  const surfaces = on === undefined ? surfacesOf(config) : [requireSurface(config, on)]
  return withLock(layout.lock, async () => {
    const adopted: Adopted[] = []
    const known: string[] = []
    for (const surface of surfaces) {
      const { root, name } = surface
      const { shadowed } = await readLedger(layout, name)
      known.push(...shadowed)
      const places = shadowed.filter((place) => place === entry || place.endsWith(`/${entry}`))
      if (root === undefined || places.length === 0) continue
      for (const place of places) {
        // It may have gone meanwhile: then the place is free.
        const kept = await setAside(layout, name, root, place, now()).catch(absent)
        if (kept !== undefined) adopted.push({ surface: name, place, kept })
      }
      const { settled } = await settle(layout, config, [surface], 'asked', now())
      if (settled[0]?.problem !== undefined) throw settled[0].problem
    }
    if (adopted.length === 0) throw shadowedNowhere(wanted, known)
    return adopted
  })
}

function absent(error: unknown): undefined {
  if (!isError(error, 'absent')) throw error
}

function shadowedNowhere(subject: string, shadowed: readonly string[]): SkillsctlError {
  const names = shadowed.flatMap((place) => [place, place.slice(place.indexOf('/') + 1)])
  const near = nearMisses(subject, new Set(names))
  return new SkillsctlError('absent', 'nothing is in the way of an entry of this name', {
    subject,
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'see what is: skillsctl surface list',
  })
}
