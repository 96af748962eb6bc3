/** The surfaces that a person chose for this machine: a field of `config.json`. */
import { SkillsctlError } from '../core/errors.ts'
import { list } from '../core/parse.ts'
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
  throw new SkillsctlError('absent', 'this machine has no such surface', {
    subject: name,
    expected: surfaces.map((one) => one.name).join(', ') || 'none yet',
    hint: `add it with: skillsctl surface add ${findPreset(name)?.name ?? '<preset>'}`,
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
  const known = raw.find(isIt)
  const others = raw.filter((value) => !isIt(value))
  const surfaces = surface === undefined ? others : [...others, { ...(known ?? {}), ...surface }]
  await writeConfig(layout, { ...config, raw: { ...config.raw, surfaces } })
}
