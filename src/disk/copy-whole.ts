/** Copying whatever a person has: bytes, modes and times; links as they are. Nobody's work is in a socket or a pipe. */
import { constants, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { onDiskNow } from './fault.ts'

/** A file or a link below a place; empty for the place itself. */
export interface Part {
  readonly path: string
  readonly info: Stats
}

/** Everything there but directories, by name. @throws the system's error for what may not be read */
export function* partsOf(place: string, below = ''): Generator<Part> {
  const at = join(place, below)
  const info = lstatSync(at)
  if (!info.isDirectory()) {
    if (info.isFile() || info.isSymbolicLink()) yield { path: below, info }
    return
  }
  for (const name of readdirSync(at).sort()) yield* partsOf(place, join(below, name))
}

/** Lines that differ when the names, modes or bytes of two places do. @param hash of a file's content */
export function fingerprint(place: string, hash: (content: Buffer) => string): string {
  return onDiskNow(place, () =>
    [...partsOf(place)]
      .map(({ path, info }) => {
        const at = join(place, path)
        const content = info.isSymbolicLink() ? readlinkSync(at) : hash(readFileSync(at))
        return `${(info.mode & 0o777).toString(8)} ${content} ${path}\n`
      })
      .join(''),
  )
}

/** @throws the system's error; what was copied until then is debris */
export async function copyWhole(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    errorOnExist: true,
    force: false,
    mode: constants.COPYFILE_FICLONE,
    filter: (source) => isKeepable(lstatSync(source)),
  })
}

function isKeepable(info: Stats): boolean {
  return info.isFile() || info.isSymbolicLink() || info.isDirectory()
}

/** Paths of files and of links, as `syncTree` wants them. */
export function pathsIn(place: string): readonly [files: string[], links: string[]] {
  return onDiskNow(place, () => {
    const parts = [...partsOf(place)]
    const of = (isLink: boolean): string[] =>
      parts.filter(({ info }) => info.isSymbolicLink() === isLink).map(({ path }) => path)
    return [of(false), of(true)] as const
  })
}
