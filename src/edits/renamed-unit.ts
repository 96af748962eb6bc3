/** Finding what a unit that a release has no more is called there now. */
import { findRenamed, type UnitFile } from '../core/similarity.ts'
import { unitsIn } from '../core/unit.ts'
import { inUnit, type Source } from './source.ts'

/**
 * @param base what the unit was
 * @param release the whole release
 * @param isNew whether a unit was not there before
 * @returns the one new unit in the same folder that is most like it
 */
export function findRenamedUnit(
  base: Source,
  unit: string,
  release: Source,
  isNew: (unit: string) => boolean,
): string | undefined {
  const unitOf = unitsIn(release.entries)
  const folder = unit.slice(0, unit.lastIndexOf('/') + 1)
  const names = new Set(release.entries.map(({ path }) => unitOf(path)))
  const candidates = [...names].filter((name) => name.startsWith(folder) && name !== unit && isNew(name))
  return findRenamed(filesOf(base, unit), new Map(candidates.map((name) => [name, filesOf(release, name)])))
}

function filesOf({ entries, read }: Source, unit: string): UnitFile[] {
  return inUnit(entries, unit).map((entry): UnitFile => {
    const path = entry.path.slice(unit.length)
    return { ...entry, path, bytes: () => (entry.mode === 'link' ? undefined : read(entry)) }
  })
}
