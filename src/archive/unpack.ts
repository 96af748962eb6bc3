/**
 * `.tar.gz` → tree, driven by the verified manifest: only paths that it names are ever created, each once, with
 * the content it promises. The archive has matched its signed digest before a byte of it comes here.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, constants, createReadStream, fchmodSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry, FileEntry, LinkEntry, Manifest } from '../core/manifest.ts'
import { errnoOf, systemError } from '../disk/fault.ts'
import { modeOf, NewTree } from './new-tree.ts'
import { malformed } from './tar-header.ts'
import { hostile, type Member, type Members, TarReader } from './tar-reader.ts'

/** A tar member costs at most this on top of its content: header, pax header and body, padding. Bytes. */
const OVERHEAD = 4096
const TRAILER = 64 * 1024
/** Large, because each piece is a turn of the event loop. Bytes. */
const PIECE = 256 * 1024

/** An empty file of ours; never what a link leads to. */
const EXISTING = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW

/**
 * Unpacks into `directory`, which exists and holds nothing but what was laid out. Files become 444 or 555, directories 755.
 * @param laidOut paths of files that are there already, and empty
 * @throws SkillsctlError `corrupt` or `refused` when the archive is not exactly what the manifest says
 */
export async function unpackArchive(
  archive: string,
  manifest: Manifest,
  directory: string,
  laidOut: ReadonlySet<string> = new Set(),
): Promise<void> {
  const writer = new TreeWriter(manifest, directory, laidOut)
  const reader = new TarReader(writer)
  const source = createReadStream(archive, { highWaterMark: PIECE })
  const gunzip = source
    .on('error', (error) => gunzip.destroy(systemError(error, archive)))
    .pipe(createGunzip({ chunkSize: PIECE }))
  let room = manifest.files.reduce(
    (sum, entry) => sum + OVERHEAD + (entry.mode === 'link' ? 0 : entry.size),
    TRAILER,
  )
  try {
    for await (const chunk of gunzip) {
      room -= chunk.length
      if (room < 0)
        throw hostile('corrupt', 'the archive unpacks to more than its manifest says', manifest.version)
      reader.write(chunk)
    }
    reader.end()
    writer.finish()
  } catch (error) {
    writer.abandon()
    throw isZlib(error) ? malformed('no gzip', error) : systemError(error, directory)
  } finally {
    // A pipe that breaks leaves its source open.
    source.destroy()
  }
}

class TreeWriter implements Members {
  private readonly expected: Map<string, Entry>
  private readonly tree: NewTree
  private readonly laidOut: ReadonlySet<string>
  private readonly links: LinkEntry[] = []
  /** The file that is being written. */
  private open: { readonly file: number; readonly entry: FileEntry; readonly hash: Hash } | undefined

  constructor({ files }: Manifest, directory: string, laidOut: ReadonlySet<string>) {
    this.laidOut = laidOut
    this.tree = new NewTree(directory)
    this.expected = new Map(files.map((entry) => [entry.path, entry]))
  }

  begin({ path, type, size, target }: Member): void {
    const entry = this.expected.get(path)
    if (entry === undefined)
      throw hostile('refused', 'the archive holds a member that its manifest does not name', path)
    this.expected.delete(path)
    if (entry.mode === 'link') {
      if (type !== 'link' || target !== entry.target) throw wrongKind(path, 'this link')
      this.links.push(entry)
      return
    }
    if (type !== 'file') throw wrongKind(path, 'a file')
    if (size !== entry.size)
      throw hostile('corrupt', 'a member has another size than its manifest says', path)
    const file = openSync(this.tree.place(path), this.laidOut.has(path) ? EXISTING : 'wx', 0o600)
    this.open = { file, entry, hash: createHash('sha256') }
  }

  content(piece: Buffer): void {
    if (this.open === undefined) return
    this.open.hash.update(piece)
    writeWhole(this.open.file, piece)
  }

  end(): void {
    if (this.open === undefined) return
    const { file, entry, hash } = this.open
    fchmodSync(file, modeOf(entry))
    this.abandon()
    const found = `sha256-${hash.digest('base64')}`
    if (found === entry.integrity) return
    throw new SkillsctlError('corrupt', 'a file differs from its manifest', {
      subject: entry.path,
      expected: entry.integrity,
      found,
    })
  }

  finish(): void {
    const [missing] = this.expected.keys()
    if (missing !== undefined) throw hostile('corrupt', 'the archive lacks a file of its manifest', missing)
    // Last, so that no file was ever written through a link.
    for (const { path, target } of this.links) symlinkSync(target, this.tree.place(path))
  }

  /** Closes the file that is open, if one is. */
  abandon(): void {
    const { file } = this.open ?? {}
    this.open = undefined
    if (file !== undefined) closeSync(file)
  }
}

/** write(2) may take less than it was given, most of all on a disk that is nearly full. */
function writeWhole(file: number, piece: Buffer): void {
  for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done)
}

function wrongKind(path: string, expected: string): SkillsctlError {
  return hostile('refused', `a member is not ${expected}, as its manifest says`, path)
}

function isZlib(error: unknown): boolean {
  return errnoOf(error)?.startsWith('Z_') === true
}
