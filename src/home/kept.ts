/** `kept/`: what was set aside on this machine, and why. Never removed by us; a person may. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'
import { type Fields, formatInstant, instant, list, object, parseJson, string } from '../core/parse.ts'
import { FOLDERS } from '../core/surface.ts'
import { partsOf } from '../disk/copy-whole.ts'
import { onDiskNow } from '../disk/fault.ts'
import type { Layout } from './layout.ts'

export interface Kept {
  readonly name: string
  /** Absolute. */
  readonly path: string
  /**
   * `snapshot`: what was there before a surface was filled. `edits`: files that an update, or whoever put them aside, has
   * replaced. `edit`: a whole skill that was edited. `draft`: one that was being edited. `adopted`: what lay in the place of
   * an entry. `damaged`: what could not be read.
   */
  readonly kind: 'snapshot' | 'edits' | 'edit' | 'draft' | 'adopted' | 'damaged' | 'other'
  /** Why it is here, in a few words. */
  readonly reason: string
  readonly at: string
  readonly files: number
  readonly bytes: number
  /** Below `path`, the directory that holds the files as they were. */
  readonly below: string
}

/** Newest first. */
export function listKept({ kept }: Pick<Layout, 'kept'>): Kept[] {
  const names = onDiskNow(kept, () => (existsSync(kept) ? readdirSync(kept) : []))
  const modified = (name: string): number =>
    onDiskNow(join(kept, name), () => lstatSync(join(kept, name)).mtimeMs)
  return names
    .map((name) => ({ name, modified: modified(name) }))
    .sort((left, right) => right.modified - left.modified || (left.name < right.name ? -1 : 1))
    .map(({ name }) => describe(kept, name))
}

function describe(kept: string, name: string): Kept {
  const path = join(kept, name)
  return onDiskNow(path, () => {
    const parts = [...partsOf(path)].map(({ info }) => info.size)
    const bytes = parts.reduce((sum, size) => sum + size, 0)
    const at = formatInstant(lstatSync(path).mtimeMs)
    return { name, path, at, files: parts.length, bytes, ...explain(path, name) }
  })
}

type Explained = Pick<Kept, 'kind' | 'reason' | 'below'> & { readonly at?: string }

function explain(path: string, name: string): Explained {
  if (/^damaged-|^ledger-.*\.json$|^surface-/.test(name))
    return { kind: 'damaged', reason: 'could not be used any more', below: '' }
  const said =
    fromRecord(join(path, 'snapshot.json'), (fields, subject) => {
      const roots = list(fields['roots'], subject).map((root) => object(root, subject))
      const from = roots.map((root) => string(root['root'], subject)).join(', ')
      const at = instant(fields['at'], subject)
      return { kind: 'snapshot', reason: `what was in ${from} before it was filled`, below: 'files', at }
    }) ??
    fromRecord(join(path, 'edits.json'), (fields, subject) => {
      const release = string(fields['release'], subject)
      const count = list(fields['edits'], subject).length
      const reason = `${count} ${count === 1 ? 'edit' : 'edits'} of ${release}, set aside`
      return { kind: 'edits', reason, below: 'files' }
    }) ??
    fromRecord(join(path, 'content.json'), (fields, subject) => {
      const unit = string(fields['unit'], subject)
      return { kind: 'edit', reason: `${unit} as it was edited here`, below: 'mine' }
    }) ??
    fromRecord(join(path, 'edit.json'), (fields, subject) => {
      const unit = string(fields['unit'], subject)
      return { kind: 'draft', reason: `${unit}, which was being edited`, below: 'files' }
    })
  if (said !== undefined) return said
  const places = placesIn(path)
  return places.length === 0
    ? { kind: 'other', reason: 'not ours', below: '' }
    : { kind: 'adopted', reason: `gave its place to the release: ${places.join(', ')}`, below: '' }
}

/** Undefined when there is no such record, or it is damaged: then it is something else. */
function fromRecord(
  path: string,
  read: (fields: Fields, subject: string) => Explained,
): Explained | undefined {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  try {
    return read(object(parseJson(readFileSync(path, 'utf8'), path), path), path)
  } catch (error) {
    if (isError(error, 'corrupt')) return undefined
    throw error
  }
}

/** As they were below the root of a surface. */
function placesIn(path: string): string[] {
  if (!lstatSync(path).isDirectory()) return []
  return FOLDERS.flatMap((folder) => {
    const at = join(path, folder)
    return existsSync(at) ? readdirSync(at).map((name) => `${folder}/${name}`) : []
  })
}
