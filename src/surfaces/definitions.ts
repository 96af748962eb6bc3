/** The surfaces that a person chose for this machine: a field of `config.json`. */
import { SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { list, object } from '../core/parse.ts'
import { findPreset, parseSurface, type Surface } from '../core/surface.ts'
import { type MachineConfig, requireConfig, writeConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'

/** @throws SkillsctlError `corrupt` */
export function surfacesOf({ raw }: Pick<MachineConfig, 'raw'>): readonly Surface[] {
  const found = raw['surfaces']
  if (found === undefined) return []
  return list(found, 'config.surfaces', 1000).map((value) => parseSurface(value, 'config.surfaces[]'))
}

/** @throws SkillsctlError `absent` when this machine has no surface of this name; `corrupt` */
export function requireSurface(config: Pick<MachineConfig, 'raw'>, name: string): Surface {
  const surfaces = surfacesOf(config)
  const surface = surfaces.find((one) => one.name === name)
  if (surface !== undefined) return surface
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
  const isIt = (value: unknown): boolean => parseSurface(value, 'config.surfaces[]').name === name
  const changed = (before: unknown): readonly unknown[] =>
    surface === undefined ? [] : [{ ...object(before, 'config.surfaces[]'), ...surface }]
  // One that is changed keeps its place in the list.
  const surfaces = raw.some(isIt)
    ? raw.flatMap((value) => (isIt(value) ? changed(value) : [value]))
    : [...raw, ...changed({})]
  await writeConfig(layout, { ...config, raw: { ...config.raw, surfaces } })
}
