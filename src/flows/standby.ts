/** Getting ready for the next update while there is nothing to do (SPEC.md, "Standby"). */
import { onDiskNow } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import { currentName, readInstalled } from '../home/releases.ts'
import { inStaging } from '../home/staging.ts'
import { hasRoomForStandby, hasStandby, placeStandby, TO_SPARE } from '../home/standby.ts'
import { baseOf, inTurns } from './base-copy.ts'
import type { MachineContext } from './machine.ts'

/**
 * Makes a copy of the current release that the next update will change, unless there is one, or no room for it, or the
 * release was edited.
 * @param toSpare bytes that stay free for others
 * @returns whether there is one now
 * @throws SkillsctlError `no-space`, `locked`, `failed`: nothing depends on it
 */
export async function prepareStandby({ layout }: MachineContext, toSpare = TO_SPARE): Promise<boolean> {
  const name = currentName(layout)
  if (name === undefined) return false
  if (await hasStandby(layout, name)) return true
  const installed = readInstalled(layout, name.directory)
  if (installed === undefined || !(await hasRoomForStandby(layout, installed, toSpare))) return false
  const base = baseOf(layout, installed)
  const { files } = installed.content
  // Cheap to know beforehand, and true as long as the edit stays.
  const isUntouched = (): boolean =>
    files.every(({ path, mode }) => mode === 'link' || base.isUntouched(path))
  if (!onDiskNow(base.directory, isUntouched)) return false
  const { copyTree } = await import('../archive/copy-tree.ts')
  return inStaging(layout, async (area) => {
    if ((await inTurns(copyTree(area.tree, base), new AbortController().signal)) !== true) return false
    const paths = (links: boolean): string[] =>
      files.filter(({ mode }) => (mode === 'link') === links).map(({ path }) => path)
    await syncTree(area.tree, paths(false), paths(true))
    await placeStandby(layout, installed, area)
    return true
  })
}
