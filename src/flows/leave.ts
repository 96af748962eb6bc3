/**
 * `skillsctl leave`: undoes everything. What a person wrote goes to `kept/` before anything is removed; `config.json` goes
 * last, so that whatever was killed is finished by running it again (SPEC.md, "Leaving").
 */
import { existsSync, readdirSync } from 'node:fs'
import { rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import type { Surface } from '../core/surface.ts'
import { syncDirectory, temporaryName } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, onDiskNow, unlessAbsent } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { removeTree } from '../disk/remove-tree.ts'
import { keepOverlay } from '../edits/keep-overlay.ts'
import { readEdits } from '../edits/record.ts'
import { keepUntaken } from '../edits/sweep.ts'
import { readTree, treePath } from '../edits/tree.ts'
import { viewNames } from '../edits/view.ts'
import { requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { directories } from '../home/releases.ts'
import { oddSurfacesOf, surfacesOf } from '../surfaces/definitions.ts'
import { liveLeases } from '../surfaces/lease.ts'
import { type RestoredPlace, restoreRoot } from '../surfaces/restore-snapshot.ts'
import { readSnapshot, rootOf } from '../surfaces/snapshot.ts'
import type { MachineContext } from './machine.ts'
import { insistOnReach, removeSurface } from './remove-surface.ts'

export interface Leaving {
  readonly surfaces: readonly string[]
  /** Sessions and commands that read a release right now. */
  readonly readers: number
}

/** What would be undone. @throws SkillsctlError `usage` when this machine has not joined */
export async function leaving({ layout, now }: MachineContext): Promise<Leaving> {
  const config = await requireConfig(layout)
  const [odd] = oddSurfacesOf(config)
  // Its links would lead nowhere, and nobody would know of them any more.
  if (odd !== undefined) throw odd.problem
  return {
    surfaces: surfacesOf(config).map(({ name }) => name),
    readers: liveLeases(layout, now()).length,
  }
}

export interface LeaveOptions {
  /** Puts back what was there before the surfaces were filled. */
  readonly restore?: boolean | undefined
}

export interface LeaveReport {
  readonly home: string
  readonly surfaces: readonly { readonly surface: string; readonly entries: number }[]
  readonly restored: readonly RestoredPlace[]
  /** Directories with what a person wrote that were made now. */
  readonly kept: readonly string[]
  /** What lies in the home still; empty when the home is gone. */
  readonly left: readonly string[]
}

/** @throws SkillsctlError `absent` as long as the root of a surface is away */
export async function leave(
  context: MachineContext,
  { restore = false }: LeaveOptions = {},
): Promise<LeaveReport> {
  const { layout, now } = context
  await leaving(context)
  const all = surfacesOf(await requireConfig(layout))
  // All of them before the first is taken away.
  for (const surface of all) await insistOnReach(layout, surface)
  if (restore) insistOnSnapshots(layout, all)
  const surfaces: LeaveReport['surfaces'][number][] = []
  const restored: RestoredPlace[] = []
  const kept: string[] = []
  for (const { name } of all) {
    const shown = await removeSurface(context, name, {
      afterwards: async (surface) => {
        const { snapshot: taken } = surface
        const snapshot = taken === undefined || !restore ? undefined : readSnapshot(layout, taken)
        const part = rootOf(snapshot, surface)
        if (snapshot !== undefined && part !== undefined)
          restored.push(...(await restoreRoot(layout, snapshot, part, now())))
        await removeMade(surface)
      },
    })
    surfaces.push({ surface: name, entries: shown.changed.length })
    kept.push(...shown.kept)
  }
  await withLock(layout.lock, async () => {
    insistOnNoSurface(await requireConfig(layout), layout)
    kept.push(...(await keepEverything(layout)))
    await removeHome(layout)
  })
  return { home: layout.root, surfaces, restored, kept: [...new Set(kept)], left: await removeRoot(layout) }
}

/** A person may have removed one. */
function insistOnSnapshots(layout: Layout, surfaces: readonly Surface[]): void {
  const gone = surfaces.flatMap(({ snapshot }) => snapshot ?? []).find((name) => !readSnapshot(layout, name))
  if (gone === undefined) return
  throw new SkillsctlError('absent', 'the snapshot of what was there before is gone, or damaged', {
    subject: join(layout.kept, gone),
    hint: 'bring it back from a backup, or leave without --restore',
  })
}

/** Directories that were made for a surface, as long as they are empty. */
async function removeMade({ root, folders, made = [] }: Surface): Promise<void> {
  const isOurs = (path: string): boolean => made.some((top) => `${path}/`.startsWith(`${top}/`))
  for (const folder of root === undefined ? [] : folders.map((name) => join(root, name)))
    for (let path = folder; isOurs(path); path = dirname(path))
      await onDisk(path, () => unlessNotEmpty(rmdir(path), ['EBUSY', 'EACCES', 'EPERM', 'ENOTDIR']))
}

/** One that was added meanwhile. */
function insistOnNoSurface(config: Awaited<ReturnType<typeof requireConfig>>, { root }: Layout): void {
  const [surface] = surfacesOf(config)
  if (surface === undefined) return
  throw new SkillsctlError('raced', 'somebody has added a surface meanwhile', {
    subject: root,
    found: surface.name,
    hint: 'run the command again',
  })
}

/** Every byte that a person wrote here. @returns directories of `kept/` */
async function keepEverything(layout: Layout): Promise<string[]> {
  const edits = await readEdits(layout)
  const kept: string[] = []
  for (const overlay of edits.overlays) kept.push(await keepOverlay(layout, overlay))
  const releases = existsSync(layout.releases) ? directories(layout) : []
  for (const name of [...viewNames(layout), ...releases]) {
    const tree = readTree(layout, name)
    if (tree !== undefined) kept.push(...(await keepUntaken(layout, tree, edits)))
    // Nobody can tell what was edited in it.
    else kept.push(await moveToKept(layout, treePath(layout, name), `damaged-${name}`))
  }
  const open = onDiskNow(layout.editing, () =>
    existsSync(layout.editing) ? readdirSync(layout.editing) : [],
  )
  for (const name of open)
    kept.push(await moveToKept(layout, join(layout.editing, name), `editing-${name.replace(/^\.+/, '')}`))
  return kept
}

async function moveToKept({ kept }: Layout, from: string, wanted: string): Promise<string> {
  return onDisk(from, async () => {
    for (let count = 0; ; count++) {
      const to = join(kept, count === 0 ? wanted : `${wanted}.${count}`)
      if (existsSync(to)) continue
      await rename(from, to)
      await syncDirectory(kept)
      return to
    }
  })
}

/** `current` first: it never names half a release. `config.json` last: with it, this machine has left. */
async function removeHome(layout: Layout): Promise<void> {
  const { root, current, config, lock, kept, staging, ...others } = layout
  await onDisk(current, () => rm(current, { force: true }))
  // Each in one rename: half of one would look as if somebody had edited it.
  for (const path of [layout.releases, layout.views, layout.overlays])
    await onDisk(path, () => unlessAbsent(rename(path, join(staging, temporaryName('left'))), undefined))
  for (const path of [...Object.values(others), staging]) await removeTree(path)
  await onDisk(config, async () => {
    await rm(config, { force: true })
    await syncDirectory(root)
  })
  await unlessNotEmpty(rmdir(kept))
}

/** @returns what is left in it */
async function removeRoot({ root }: Layout): Promise<string[]> {
  return onDisk(root, async () => {
    // A mount point, or below a directory of somebody else: an empty one is in nobody's way.
    await unlessNotEmpty(rmdir(root), ['EBUSY', 'EACCES', 'EPERM'])
    return existsSync(root) ? readdirSync(root).sort() : []
  })
}

async function unlessNotEmpty(work: Promise<void>, also: readonly string[] = []): Promise<void> {
  await work.catch((error: unknown) => {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', ...also].includes(errnoOf(error) ?? '')) throw error
  })
}
