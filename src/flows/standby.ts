/** Getting ready for the next update while there is nothing to do (SPEC.md, "Standby"). */
import { isError, SkillsctlError } from '../core/errors.ts'
import { errnoOf, onDiskNow, systemError } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { syncRelease } from '../home/place.ts'
import { currentName, type Installed, readInstalled } from '../home/releases.ts'
import { aloneInStaging, type StagingArea } from '../home/staging.ts'
import { hasRoomForStandby, hasStandby, placeStandby, TO_SPARE } from '../home/standby.ts'
import { readState } from '../home/state.ts'
import { baseOf, inTurns } from './base-copy.ts'
import { type MachineContext, remember } from './machine.ts'

/**
 * Makes a copy of the current release that the next update will change, unless there is one, or no room for it, or the
 * release was edited, or another process is at it. What failed for this release is not tried again.
 * @param toSpare bytes that stay free for others
 * @returns whether there is one now
 * @throws SkillsctlError `corrupt` when the installed release is not what was installed, though nobody edited it;
 *   `no-space`, `locked`, `failed`: nothing depends on it
 */
export async function prepareStandby(context: MachineContext, toSpare = TO_SPARE): Promise<boolean> {
  const { layout } = context
  const name = currentName(layout)
  if (name === undefined) return false
  if (await hasStandby(layout, name)) return true
  if ((await readState(layout)).unprepared === name.manifest) return false
  const installed = readInstalled(layout, name.directory)
  if (installed === undefined || !(await hasRoomForStandby(layout, installed, toSpare))) return false
  try {
    const isMade = await aloneInStaging(layout, 'standby', (area) => make(layout, installed, area))
    if (isMade === false) await remember(context, { unprepared: name.manifest })
    return isMade === true
  } catch (error) {
    // Whoever holds the lock lets it go: that says nothing about this release.
    if (isError(error) && error.code !== 'locked') await remember(context, { unprepared: name.manifest })
    throw error
  }
}

/** @returns false when the release was edited */
async function make(layout: Layout, installed: Installed, area: StagingArea): Promise<boolean> {
  if (await hasStandby(layout, installed)) return true
  const base = baseOf(layout, installed)
  const { files } = installed.content
  const isUntouched = (): boolean =>
    onDiskNow(base.directory, () =>
      files.every(({ path, mode }) => mode === 'link' || base.isUntouched(path)),
    )
  if (!isUntouched()) return false
  const { copyTree } = await import('../archive/copy-tree.ts')
  const isCopied = await inTurns(copyTree(area.tree, base), new AbortController().signal).catch(
    (error: unknown) => {
      // A mistake of ours is none of the system's.
      throw errnoOf(error) === undefined ? error : systemError(error, area.tree)
    },
  )
  if (isCopied !== true) {
    if (isUntouched()) throw rotten(installed)
    return false
  }
  await syncRelease(area.tree, files)
  await placeStandby(layout, installed, area)
  return true
}

function rotten({ directory }: Installed): SkillsctlError {
  return new SkillsctlError(
    'corrupt',
    'a file of the installed release has other bytes than were installed',
    {
      subject: directory,
      hint: 'see which: skillsctl verify, and restore it: skillsctl verify --repair',
    },
  )
}
