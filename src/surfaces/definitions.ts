/** The surfaces that a person chose for this machine: a field of `config.json`. */
import { isError, SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { list, object } from '../core/parse.ts'
import { findPreset, parseSurface, type Surface } from '../core/surface.ts'
import { type MachineConfig, requireConfig, writeConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'

/** Those that can be read: the others are `oddSurfacesOf`, and nobody waits for them. */
export function surfacesOf(config: Pick<MachineConfig, 'raw'>): readonly Surface[] {
  return definitionsOf(config).flatMap(({ surface }) => surface ?? [])
}

/** Something among the surfaces of `config.json` that cannot be read. */
export interface OddSurface {
  readonly name: string | undefined
  /** `corrupt` */
  readonly problem: SkillsctlError
}

export function oddSurfacesOf(config: Pick<MachineConfig, 'raw'>): readonly OddSurface[] {
  return definitionsOf(config).flatMap(({ name, problem }) =>
    problem === undefined ? [] : [{ name, problem }],
  )
}

interface Definition {
  readonly name: string | undefined
  readonly surface?: Surface
  readonly problem?: SkillsctlError
}

/** Each by itself: what somebody wrote into one of them is no reason to leave the agents of the others alone. */
function definitionsOf({ raw }: Pick<MachineConfig, 'raw'>): readonly Definition[] {
  const found = raw['surfaces'] ?? []
  const all = orProblem(() => list(found, 'config.surfaces', 1000))
  if (isError(all)) return [{ name: undefined, problem: all }]
  return all.map((value, index) => {
    const surface = orProblem(() => parseSurface(value, `config.surfaces[${index}]`))
    return isError(surface) ? { name: nameIn(value), problem: surface } : { name: surface.name, surface }
  })
}

function orProblem<T>(read: () => T): T | SkillsctlError {
  try {
    return read()
  } catch (error) {
    if (isError(error, 'corrupt')) return error
    throw error
  }
}

/** Also of one that is odd otherwise. */
function nameIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('name' in value)) return undefined
  return typeof value.name === 'string' ? value.name : undefined
}

/** @throws SkillsctlError `absent` when this machine has no surface of this name; `corrupt` */
export function requireSurface(config: Pick<MachineConfig, 'raw'>, name: string): Surface {
  const surfaces = surfacesOf(config)
  const surface = surfaces.find((one) => one.name === name)
  if (surface !== undefined) return surface
  const odd = oddSurfacesOf(config).find((one) => one.name === name)
  if (odd !== undefined) throw odd.problem
  const names = surfaces.map((one) => one.name)
  const near = findPreset(name) === undefined ? nearMisses(name, names) : []
  throw new SkillsctlError('absent', 'this machine has no such surface', {
    subject: name,
    expected: names.join(', ') || 'none yet',
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `add it with: skillsctl surface add ${findPreset(name)?.name ?? '<preset>'}`,
  })
}

/** Changes one surface, or removes it. The caller holds the lock. Fields of a newer skillsctl survive. */
export async function writeSurface(
  layout: Layout,
  name: string,
  surface: Surface | undefined,
): Promise<void> {
  const config = await requireConfig(layout)
  const raw = list(config.raw['surfaces'] ?? [], 'config.surfaces', 1000)
  const isIt = (value: unknown): boolean => nameIn(value) === name
  const changed = (before: unknown): readonly unknown[] =>
    surface === undefined ? [] : [{ ...object(before, 'config.surfaces[]'), ...surface }]
  // One that is changed keeps its place in the list.
  const surfaces = raw.some(isIt)
    ? raw.flatMap((value) => (isIt(value) ? changed(value) : [value]))
    : [...raw, ...changed({})]
  await writeConfig(layout, { ...config, raw: { ...config.raw, surfaces } })
}
