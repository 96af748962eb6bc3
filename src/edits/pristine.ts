/** The bytes that a release was installed with, when somebody has edited it: wherever else on this machine they are. */
import { constants, copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Entry, FileEntry } from '../core/manifest.ts'
import { onDisk } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { Originals, readOriginal } from '../home/originals.ts'
import type { Installed } from '../home/releases.ts'
import { readRecord, stampOf } from '../home/stat-record.ts'
import type { Source } from './source.ts'

/**
 * Reads files of a release as they were installed: from itself where nobody touched them, else from its neighbours.
 * @param originals one for many units: it reads all manifests once
 */
export function pristine(
  layout: Layout,
  entries: readonly Entry[],
  roots: readonly string[],
  originals = new Originals(layout),
): Source {
  const read = (file: FileEntry): Buffer | undefined => {
    for (const root of roots) {
      const content = readOriginal(join(root, file.path), file)
      if (content !== undefined) return content
    }
    return originals.read(file)
  }
  return { entries, read }
}

/**
 * Makes an untouched copy of a release that was edited.
 * @param tree absolute path of an empty directory
 * @returns false, with debris, when some of its bytes are nowhere on this machine
 */
export async function restoreInto(tree: string, layout: Layout, installed: Installed): Promise<boolean> {
  const { directory, content } = installed
  const from = join(layout.releases, directory)
  const record = readRecord(layout, directory)
  const { read } = pristine(layout, content.files, [from])
  return onDisk(tree, async () => {
    for (const entry of content.files) {
      if (entry.mode === 'link') continue
      const to = join(tree, entry.path)
      await mkdir(dirname(to), { recursive: true })
      if (stampOf(join(from, entry.path)) === record.get(entry.path))
        copyFileSync(join(from, entry.path), to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
      else {
        const bytes = read(entry)
        if (bytes === undefined) return false
        writeFileSync(to, bytes, { flag: 'wx' })
      }
      await chmod(to, entry.mode === '755' ? 0o555 : 0o444)
    }
    for (const entry of content.files) {
      if (entry.mode !== 'link') continue
      await mkdir(dirname(join(tree, entry.path)), { recursive: true })
      symlinkSync(entry.target, join(tree, entry.path))
    }
    return true
  })
}
