/** `surfaces/<name>`: the link through which all links of a surface lead to one release. */
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectoryNow, temporaryName } from '../disk/atomic-file.ts'
import { errnoOf, onDiskNow, systemError } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

export function pointerPath({ surfaces }: Layout, surface: string): string {
  return join(surfaces, surface)
}

/** A directory of `releases/`; undefined when the surface shows nothing yet, or its pointer is damaged. */
export function pointerOf(layout: Layout, surface: string): string | undefined {
  const path = pointerPath(layout, surface)
  try {
    return /^\.\.\/releases\/([^/]+)$/.exec(readlinkSync(path))?.[1]
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw systemError(error, path)
  }
}

/** One rename: whoever looks sees the old release or the new one. The caller holds the lock. */
export function flipPointer(layout: Layout, surface: string, release: string): void {
  const path = pointerPath(layout, surface)
  onDiskNow(path, () => {
    const link = join(layout.staging, temporaryName('pointer'))
    try {
      symlinkSync(`../releases/${release}`, link)
      // A directory in its place is what a copy of this home has made of it, and may have been worked in.
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
        renameSync(path, join(layout.kept, `surface-${surface}-${Date.now().toString(36)}`))
      renameSync(link, path)
    } catch (error) {
      rmSync(link, { force: true })
      throw error
    }
    syncDirectoryNow(layout.surfaces)
  })
}

export function removePointer(layout: Layout, surface: string): void {
  const path = pointerPath(layout, surface)
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  onDiskNow(path, () => rmSync(path, { force: true }))
}
