/** Files → `.tar.gz`. Deterministic but for the compressor; nothing in the manifest depends on it. */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Header, type HeaderData } from 'tar/header'
import { Pax } from 'tar/pax'
import type { Entry } from '../core/manifest.ts'
import { onDisk } from '../disk/fault.ts'
import type { CollectedFile } from './collect.ts'

const BLOCK = 512
/** Half the time of level 9, for 0.4 % more bytes (measured on anthropics/skills). */
const LEVEL = 6
/**
 * Each so many bytes of tar are a gzip member of their own, so that several are compressed at once, and the same ones
 * however many cores there are. Costs 0.2 % (20 MB of text).
 */
const MEMBER = 2 * 1024 * 1024
const AT_ONCE = 4
/** From here on a header may need more than its one field for a path. */
const LONGEST_PLAIN = 100

export interface PackedArchive {
  readonly entries: readonly Entry[]
  /** SHA-256 of the compressed bytes, hex. */
  readonly sha256: string
  /** Bytes. */
  readonly size: number
}

/**
 * Writes the archive in one pass over the files.
 * @param modified time stamp of every member; a function of the commit
 * @param output a new file
 */
export async function packArchive(
  files: AsyncIterable<CollectedFile>,
  modified: Date,
  output: string,
): Promise<PackedArchive> {
  const entries: Entry[] = []
  const hash = createHash('sha256')
  let size = 0
  async function* tar(): AsyncGenerator<Buffer> {
    let pieces: Buffer[] = []
    let length = 0
    for await (const { entry, content } of files) {
      entries.push(entry)
      for (const piece of member(entry, content, modified)) {
        pieces.push(piece)
        length += piece.length
      }
      if (length < MEMBER) continue
      yield Buffer.concat(pieces, length)
      pieces = []
      length = 0
    }
    yield Buffer.concat([...pieces, Buffer.alloc(2 * BLOCK)])
  }
  async function* measured(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  await onDisk(output, () => pipeline(tar, compressed, measured, createWriteStream(output, { flags: 'wx' })))
  return { entries, sha256: hash.digest('hex'), size }
}

const compress = promisify<Buffer, { level: number }, Buffer>(gzip)

async function* compressed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const underWay: Promise<Buffer>[] = []
  for await (const chunk of chunks) {
    const member = compress(chunk, { level: LEVEL })
    // Heard when its turn comes.
    member.catch(() => {})
    underWay.push(member)
    const [first] = underWay
    if (underWay.length < AT_ONCE || first === undefined) continue
    yield await first
    underWay.shift()
  }
  for (const member of underWay) yield await member
}

function* member(entry: Entry, content: Buffer, modified: Date): Generator<Buffer> {
  const fields: HeaderData = {
    path: entry.path,
    mode: entry.mode === '755' ? 0o755 : entry.mode === 'link' ? 0o777 : 0o644,
    size: content.length,
    type: entry.mode === 'link' ? 'SymbolicLink' : 'File',
    mtime: modified,
    uid: 0,
    gid: 0,
    ...(entry.mode === 'link' ? { linkpath: entry.target } : {}),
  }
  const header = new Header(fields)
  // Long or non-ASCII names go into an extended header before the ordinary one (POSIX pax). The library writes a
  // name of exactly 100 bytes without directory as `./<name>`, which is another.
  if (header.encode() || entry.path.length >= LONGEST_PLAIN)
    yield new Pax({ path: entry.path, ...(entry.mode === 'link' ? { linkpath: entry.target } : {}) }).encode()
  if (header.block !== undefined) yield header.block
  yield content
  yield Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)
}
