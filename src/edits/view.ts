/** Making views (see tree.ts): complete in `staging/`, synced, then placed by one rename. The caller holds the lock. */
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Overlay } from '../core/edits.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { FileEntry } from '../core/manifest.ts'
import { isInUnit } from '../core/unit.ts'
import { syncDirectory, temporaryName, writeFileAtomic } from '../disk/atomic-file.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import { syncTree } from '../disk/sync.ts'
import type { Layout } from '../home/layout.ts'
import { takeAway } from '../home/place.ts'
import type { Installed } from '../home/releases.ts'
import { recordStats } from '../home/stat-record.ts'
import { isIntact, readContent } from './content.ts'
import { editedUnits } from './edited.ts'
import { type OverlaidUnit, readTree, type Tree, treeOf, treePath, viewRecordPath } from './tree.ts'
import { viewName } from './view-name.ts'
import { writeSource } from './write-source.ts'

/**
 * The tree that shows this release with these overlays: there already, or made now. In the place of an overlay that is
 * damaged it shows the release.
 */
export async function makeTree(layout: Layout, release: Installed, all: readonly Overlay[]): Promise<Tree> {
  const wanted = viewName(release.directory, all)
  const overlays = all.filter(({ content }) => isIntact(layout, content))
  for (let count = 0; ; count++) {
    const name = count === 0 || all.length === 0 ? wanted : `${wanted}.${count}`
    const there = readTree(layout, name)
    if (all.length === 0 && there !== undefined) return there
    if (there !== undefined && existsSync(there.path)) {
      const isWhole = overlays.every(({ unit }) => there.overlaid.some((one) => one.unit === unit))
      if (isWhole && editedUnits(layout, there).length === 0) return there
      continue
    }
    if (existsSync(treePath(layout, name))) continue
    return make(layout, name, release, overlays)
  }
}

async function make(
  layout: Layout,
  name: string,
  release: Installed,
  overlays: readonly Overlay[],
): Promise<Tree> {
  const sources = new Map(
    overlays.map((overlay) => [overlay.unit, readContent(layout, overlay.content).mine]),
  )
  const overlaid = overlays.map(({ unit, content, surface }): OverlaidUnit => {
    return { unit, content, surface, entries: sources.get(unit)?.entries ?? [] }
  })
  return onDisk(layout.views, async () => {
    await mkdir(layout.views, { recursive: true })
    const temporary = join(layout.staging, temporaryName('view'))
    const links = await linkAround(temporary, join(layout.releases, release.directory), [...sources.keys()])
    for (const source of sources.values()) await writeSource(temporary, source, gone)
    const entries = overlaid.flatMap((unit) => unit.entries)
    const ofMode = (isLink: boolean): string[] =>
      entries.filter(({ mode }) => (mode === 'link') === isLink).map(({ path }) => path)
    await syncTree(temporary, ofMode(false), [...ofMode(true), ...links])
    const record = { units: overlaid, stats: recordStats(temporary, entries) }
    await writeFileAtomic(viewRecordPath(layout, name), JSON.stringify(record), { via: layout.staging })
    await rename(temporary, treePath(layout, name))
    await syncDirectory(layout.views)
    return treeOf(layout, name, release, overlaid)
  })
}

/**
 * Links to everything in the release but some units.
 * @returns their paths
 */
async function linkAround(root: string, release: string, units: readonly string[]): Promise<string[]> {
  const links: string[] = []
  const directories = ['']
  for (let place = directories.pop(); place !== undefined; place = directories.pop()) {
    await mkdir(join(root, place), { recursive: true })
    await chmod(join(root, place), 0o755)
    const from = join(release, place)
    // A unit that the release has no more may be in a directory that it has no more.
    const names = existsSync(from) ? readdirSync(from) : []
    for (const name of names) {
      const path = place === '' ? name : `${place}/${name}`
      if (units.includes(path)) continue
      if (units.some((unit) => isInUnit(unit, path))) directories.push(path)
      else {
        // Relative to where the view will be: as far from the home as here.
        const up = relative(
          dirname(join('views', 'name', path)),
          join('releases', release.slice(release.lastIndexOf('/') + 1), path),
        )
        await symlink(up, join(root, path))
        links.push(path)
      }
    }
  }
  return links
}

function gone({ path }: FileEntry): never {
  throw new SkillsctlError('corrupt', 'a file of an edit has other bytes than the person wrote', {
    subject: path,
    hint: 'bring it back from a backup, or give the edit up: skillsctl edits drop <skill>',
  })
}

/** Names of all views. */
export function viewNames({ views }: Layout): string[] {
  const names = onDiskNow(views, () => (existsSync(views) ? readdirSync(views) : []))
  return names.filter((name) => name.includes('~') && !name.endsWith('.json'))
}

/** Takes a view out of `views/`, in one rename. @returns where it lies now */
export async function takeViewAway(layout: Layout, name: string, into: string): Promise<string> {
  return takeAway({ ...layout, releases: layout.views }, name, into)
}

export async function forgetView(layout: Layout, name: string): Promise<void> {
  await onDisk(layout.views, () => rm(viewRecordPath(layout, name), { force: true }))
}
