/** The bytes of released files, wherever on this disk they still lie as they were signed. */
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FileEntry } from '../core/manifest.ts'
import { errnoOf } from '../disk/fault.ts'
import { integrityOf } from '../trust/digest.ts'
import type { Layout } from './layout.ts'
import { directories, listInstalled } from './releases.ts'

export class Originals {
  private readonly layout: Layout
  private byIntegrity: ReadonlyMap<string, readonly string[]> | undefined

  constructor(layout: Layout) {
    this.layout = layout
  }

  /** Undefined when none of the releases here has it, or each was edited there. */
  read(entry: FileEntry): Buffer | undefined {
    for (const path of this.places(entry)) {
      const bytes = readOriginal(path, entry)
      if (bytes !== undefined) return bytes
    }
    return undefined
  }

  /** Most files are where they are in every release; only for the others is it worth reading all manifests. */
  private *places({ path, integrity }: FileEntry): Generator<string> {
    const { releases, standby } = this.layout
    yield join(standby, 'tree', path)
    for (const directory of directories(this.layout)) yield join(releases, directory, path)
    this.byIntegrity ??= placesByIntegrity(this.layout)
    yield* this.byIntegrity.get(integrity) ?? []
  }
}

function placesByIntegrity(layout: Layout): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>()
  for (const { directory, content } of listInstalled(layout)) {
    for (const entry of content.files) {
      if (entry.mode === 'link') continue
      const place = join(layout.releases, directory, entry.path)
      const known = places.get(entry.integrity)
      if (known === undefined) places.set(entry.integrity, [place])
      else known.push(place)
    }
  }
  return places
}

/** Content of a file, if it is what this entry says. What cannot be read is as good as not there: there are other places. */
export function readOriginal(path: string, { size, integrity }: FileEntry): Buffer | undefined {
  try {
    const info = lstatSync(path, { throwIfNoEntry: false })
    if (info?.isFile() !== true || info.size !== size) return undefined
    const bytes = readFileSync(path)
    return integrityOf(bytes) === integrity ? bytes : undefined
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
