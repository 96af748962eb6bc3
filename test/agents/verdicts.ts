/** What `doctor` says of each skill, beside what the agent lists. */
import { SkillsctlError } from '../../src/core/errors.ts'
import { list, object, parseJson, string } from '../../src/core/parse.ts'
import { run } from '../support/cli.ts'
import { nameOf } from './listing.ts'
import type { TestUser } from './user.ts'

export interface Standing {
  readonly place: string
  /** Whether it is listed, and whether once: as `doctor` has it, or as the agent does. */
  readonly is: 'listed' | 'listed beside others' | 'not listed' | 'one of several'
}

const STANDING: Readonly<Record<string, Standing['is']>> = {
  visible: 'listed',
  duplicated: 'listed beside others',
  shadowed: 'not listed',
  invisible: 'not listed',
}

/** Of the skills of its only surface. */
export async function doctorSays(user: TestUser): Promise<Standing[]> {
  const { stdout } = await run(['doctor', '--json'], { env: { HOME: user.home }, cwd: user.project })
  const { surfaces } = object(parseJson(stdout, 'doctor'), 'doctor')
  const verdicts = list(surfaces, 'surfaces').flatMap((surface) =>
    list(object(surface, 'surface')['verdicts'], 'verdicts'),
  )
  return verdicts.flatMap((verdict) => {
    const fields = object(verdict, 'verdict')
    const place = string(fields['place'], 'place')
    if (!place.startsWith('skills/')) return []
    const is = STANDING[string(fields['is'], 'is')]
    if (is === undefined)
      throw new SkillsctlError('corrupt', 'doctor knows another verdict', { subject: place })
    // Not verified: of several, the agent may list this one only, or another one.
    const isTie = is === 'listed beside others' && fields['isVerified'] === false
    return [{ place, is: isTie ? 'one of several' : is }]
  })
}

/**
 * @param shipped by place: how an agent lists it where nothing is in the way; undefined for what it never lists
 * @param lines of the real agent
 */
export function agentShows(
  places: readonly string[],
  shipped: ReadonlyMap<string, string>,
  lines: readonly string[],
): Standing[] {
  return places.map((place) => {
    const line = shipped.get(place)
    if (line === undefined) return { place, is: 'not listed' }
    const sameName = lines.filter((one) => nameOf(one) === nameOf(line))
    // A setting may leave nothing of it but the name.
    const isListed = sameName.includes(line) || sameName.includes(nameOf(line))
    if (!isListed) return { place, is: 'not listed' }
    return { place, is: sameName.length === 1 ? 'listed' : 'listed beside others' }
  })
}
