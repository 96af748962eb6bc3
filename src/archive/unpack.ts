/**
 * `.tar.gz` → tree, driven by the verified manifest: only paths that it names are ever created, each once, with
 * the content it promises. The archive has matched its signed digest before a byte of it comes here.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, createReadStream, fchmodSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { type ErrorCode, SkillsctlError } from '../core/errors.ts'
import type { Entry, FileEntry, Manifest } from '../core/manifest.ts'
import { systemError } from '../disk/fault.ts'
import { modeOf, NewTree } from './new-tree.ts'

/** A tar member costs at most this on top of its content: header, pax header and body, padding. Bytes. */
const OVERHEAD = 4096
const TRAILER = 64 * 1024
const GZIP = Buffer.from([0x1f, 0x8b])
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

/**
 * Unpacks into `directory`, which exists and is empty. Files become 444 or 555, directories 755.
 * @throws SkillsctlError `corrupt` or `refused` when the archive is not exactly what the manifest says
 */
export async function unpackArchive(archive: string, manifest: Manifest, directory: string): Promise<void> {
  const writer = new TreeWriter(manifest, directory)
  const parser = new Parser({
    strict: true,
    maxMetaEntrySize: 16 * 1024,
    onReadEntry: (entry) => writer.take(entry),
  })
  parser.on('error', (error: unknown) => writer.fail(malformed(error)))
  // Kinds that the parser passes over (sparse files, volume labels, endless headers) are no part of a manifest.
  parser.on('ignoredEntry', (member: ReadEntry) => writer.refuse(member))
  const source = createReadStream(archive, { highWaterMark: 256 * 1024 })
  const gunzip = source
    .on('error', (error) => gunzip.destroy(systemError(error, archive)))
    .pipe(createGunzip())
  let room = manifest.files.reduce(
    (sum, entry) => sum + OVERHEAD + (entry.mode === 'link' ? 0 : entry.size),
    TRAILER,
  )
  let start = Buffer.alloc(0)
  try {
    for await (const chunk of gunzip) {
      if (start.length < ZSTD.length) {
        start = Buffer.concat([start, chunk.subarray(0, ZSTD.length)])
        if (isCompressed(start)) throw hostile('corrupt', 'the archive is compressed twice', manifest.version)
      }
      room -= chunk.length
      if (room < 0)
        throw hostile('corrupt', 'the archive unpacks to more than its manifest says', manifest.version)
      parser.write(chunk)
      writer.check()
    }
    parser.end()
    writer.finish()
  } catch (error) {
    writer.abandon()
    throw error instanceof SkillsctlError
      ? error
      : isZlib(error)
        ? malformed(error)
        : systemError(error, directory)
  } finally {
    // A pipe that breaks leaves its source open.
    source.destroy()
  }
}

class TreeWriter {
  private readonly expected: Map<string, Entry>
  private readonly tree: NewTree
  private readonly links: { path: string; target: string }[] = []
  private failure: SkillsctlError | undefined
  private open: number | undefined

  constructor({ files }: Manifest, directory: string) {
    this.tree = new NewTree(directory)
    this.expected = new Map(files.map((entry) => [entry.path, entry]))
  }

  /** Called by the parser for each member; everything happens before it goes on to the next. */
  take(member: ReadEntry): void {
    // The parser goes on to the end of its chunk; nothing more is opened.
    if (this.failure !== undefined) return void member.resume()
    try {
      this.write(member)
    } catch (error) {
      this.fail(systemError(error, member.path))
      member.resume()
    }
  }

  refuse({ path, type }: ReadEntry): void {
    this.fail(hostile('refused', 'the archive holds a member of a kind that is never packed', path, type))
  }

  /** Keeps the first failure; what follows from it tells less. */
  fail(error: SkillsctlError): void {
    this.failure ??= error
  }

  check(): void {
    if (this.failure !== undefined) throw this.failure
  }

  finish(): void {
    this.check()
    const [missing] = this.expected.keys()
    if (missing !== undefined) throw hostile('corrupt', 'the archive lacks a file of its manifest', missing)
    // Last, so that no file was ever written through a link.
    for (const { path, target } of this.links) {
      symlinkSync(target, this.tree.place(path))
    }
  }

  abandon(): void {
    if (this.open !== undefined) closeSync(this.open)
    this.open = undefined
  }

  private write(member: ReadEntry): void {
    const entry = this.expected.get(member.path)
    if (entry === undefined)
      throw hostile('refused', 'the archive holds a member that its manifest does not name', member.path)
    this.expected.delete(member.path)
    if (entry.mode === 'link') {
      if (member.type !== 'SymbolicLink' || member.linkpath !== entry.target)
        throw wrongKind(member, 'a link')
      this.links.push(entry)
      member.resume()
    } else {
      if (member.type !== 'File' && member.type !== 'OldFile') throw wrongKind(member, 'a file')
      if (member.size !== entry.size)
        throw hostile('corrupt', 'a member has another size than its manifest says', member.path)
      this.writeFile(member, entry)
    }
  }

  private writeFile(member: ReadEntry, entry: FileEntry): void {
    const file = openSync(this.tree.place(entry.path), 'wx', 0o600)
    this.open = file
    const hash = createHash('sha256')
    member.on('data', (chunk: Buffer) => {
      if (this.failure !== undefined) return
      try {
        hash.update(chunk)
        writeWhole(file, chunk)
      } catch (error) {
        this.fail(systemError(error, entry.path))
      }
    })
    member.on('end', () => {
      if (this.failure === undefined) this.closeFile(file, entry, hash)
    })
  }

  private closeFile(file: number, entry: FileEntry, hash: Hash): void {
    fchmodSync(file, modeOf(entry))
    closeSync(file)
    this.open = undefined
    const found = `sha256-${hash.digest('base64')}`
    if (found === entry.integrity) return
    this.fail(
      new SkillsctlError('corrupt', 'a file differs from its manifest', {
        subject: entry.path,
        expected: entry.integrity,
        found,
      }),
    )
  }
}

/** The parser would decompress these once more, beyond what is counted here. No name of a member begins so. */
function isCompressed(start: Buffer): boolean {
  return start.subarray(0, GZIP.length).equals(GZIP) || start.subarray(0, ZSTD.length).equals(ZSTD)
}

/** write(2) may take less than it was given, most of all on a disk that is nearly full. */
function writeWhole(file: number, chunk: Buffer): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done)
}

function wrongKind({ path, type }: ReadEntry, expected: string): SkillsctlError {
  return hostile('refused', `a member is not ${expected}, as its manifest says`, path, type)
}

function hostile(code: ErrorCode, message: string, subject: string, found?: string): SkillsctlError {
  return new SkillsctlError(code, message, {
    subject,
    found,
    hint: 'tell whoever publishes; nothing was installed',
  })
}

function malformed(cause: unknown): SkillsctlError {
  return new SkillsctlError('corrupt', 'the archive cannot be read', {
    cause,
    hint: 'whoever publishes packs it again',
  })
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}
