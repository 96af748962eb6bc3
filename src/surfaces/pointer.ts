/** `surfaces/<name>`: the link through which all links of a surface lead to one tree, a release or a view of one. */
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectoryNow, temporaryName } from '../disk/atomic-file.ts'
import { errnoOf, onDiskNow, systemError } from '../disk/fault.ts'
import { isView } from '../edits/tree-name.ts'
import type { Layout } from '../home/layout.ts'

export function pointerPath({ surfaces }: Layout, surface: string): string {
  return join(surfaces, surface)
}

/** Name of a tree; undefined when the surface shows nothing yet, or its pointer is damaged. */
export function pointerOf(layout: Layout, surface: string): string | undefined {
  const path = pointerPath(layout, surface)
  try {
    const [, room, name = ''] = /^\.\.\/(releases|views)\/([^/]+)$/.exec(readlinkSync(path)) ?? []
    return room === roomOf(name) ? name : undefined
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw systemError(error, path)
  }
}

function roomOf(tree: string): 'releases' | 'views' {
  return isView(tree) ? 'views' : 'releases'
}

/** One rename: whoever looks sees the old tree or the new one. The caller holds the lock. */
export function flipPointer(layout: Layout, surface: string, tree: string): void {
  const path = pointerPath(layout, surface)
  onDiskNow(path, () => {
    // Whoever turned it may have been killed before its sync.
    if (pointerOf(layout, surface) === tree) return syncDirectoryNow(layout.surfaces)
    // Whoever placed this tree may have been killed between a rename and its sync, and so may who made its directory.
    for (const names of [join(layout.root, roomOf(tree)), layout.root]) syncDirectoryNow(names)
    const link = join(layout.staging, temporaryName('pointer'))
    try {
      symlinkSync(`../${roomOf(tree)}/${tree}`, link)
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
