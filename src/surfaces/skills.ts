/** The skills of an installed release. */
import { entriesOf, type SurfaceEntry } from '../core/surface.ts'
import type { Installed } from '../home/releases.ts'
import { sha256Hex } from '../trust/digest.ts'

/** By name. */
export function skillsOf({ content }: Installed): Map<string, SurfaceEntry> {
  const entries = entriesOf(content.files, ['skills'], () => true, sha256Hex)
  return new Map([...entries.values()].map((entry) => [entry.place.slice('skills/'.length), entry]))
}
