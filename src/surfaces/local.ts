/** What only this machine has on a surface: beside ours, never touched. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isScratch } from '../core/scratch.ts'
import { FOLDERS, type Folder, type Surface } from '../core/surface.ts'
import { errnoOf } from '../disk/fault.ts'
import { readTree } from '../edits/tree.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory } from '../home/releases.ts'
import { readLedger } from './ledger.ts'
import { entriesIn } from './own-entries.ts'
import { pointerOf } from './pointer.ts'

/** Places such as `skills/mine`: neither ours, nor in the way of anything of the release. @throws SkillsctlError `corrupt` */
export async function localPlaces(
  layout: Layout,
  { name, root, folders }: Surface & { readonly root: string },
): Promise<string[]> {
  const { entries, shadowed } = await readLedger(layout, name)
  const shown = pointerOf(layout, name) ?? currentDirectory(layout)
  const tree = shown === undefined ? undefined : readTree(layout, shown)
  const released = tree === undefined ? [] : entriesIn(tree, FOLDERS, () => true).keys()
  const known = new Set([...entries.keys(), ...shadowed, ...released])
  return folders.flatMap((folder) => namesIn(root, folder)).filter((place) => !known.has(place))
}

/** Whatever else lies there is no concern of agents. What cannot be read, `doctor` says. */
function namesIn(root: string, folder: Folder): string[] {
  try {
    const names = readdirSync(join(root, folder)).filter((name) => !name.startsWith('.') && !isScratch(name))
    const places = names.map((name) => `${folder}/${name}`).sort()
    return folder === 'skills' ? places.filter((place) => existsSync(join(root, place, 'SKILL.md'))) : places
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}
