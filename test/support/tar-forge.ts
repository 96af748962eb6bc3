/**
 * Tar archives put together byte by byte, so that they can say what no packer would. Everything is written as
 * given; only the checksum is made right, unless it is given, too.
 */
import { gzipSync } from 'node:zlib'

const BLOCK = 512

export interface Member {
  readonly path: string
  readonly content?: string | Uint8Array
  /** Type flag of POSIX ustar: `0` file, `1` hard link, `2` symbolic link, `5` directory, … */
  readonly type?: string
  readonly target?: string
  readonly mode?: number
  /** What the header claims; the length of `content` otherwise. */
  readonly size?: number
  /** Goes before `path`, with a slash between them. */
  readonly prefix?: string
  readonly checksum?: number
}

/** Header, content, padding. */
export function member({ content = '', ...fields }: Member): Buffer {
  const body = Buffer.from(content)
  return Buffer.concat([header({ size: body.length, ...fields }), padded(body)])
}

function header({
  path,
  type = '0',
  target = '',
  mode = 0o644,
  size = 0,
  prefix = '',
  checksum,
}: Member): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(path, 0, 100)
  block.write(octal(mode, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(0, 12), 136)
  block.write(type, 156, 1)
  block.write(target, 157, 100)
  block.write('ustar\u000000', 257, 'latin1')
  block.write(prefix, 345, 155)
  block.fill(' ', 148, 156)
  const sum = checksum ?? block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 7)} `, 148)
  return block
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}

function padded(body: Uint8Array): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)])
}

/** A pax header for the member that follows; `g` would be for all that follow. */
export function pax(records: Readonly<Record<string, string>>, type: 'x' | 'g' = 'x'): Buffer {
  const content = Object.entries(records)
    .map(([key, value]) => paxRecord(key, value))
    .join('')
  return member({ path: 'PaxHeader/x', type, content })
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest
  while (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

/** GNU's way to give the next member a long path (`L`) or link target (`K`). */
export function gnuLong(text: string, type: 'L' | 'K' = 'L'): Buffer {
  return member({ path: '././@LongLink', type, content: `${text}\0` })
}

/** The two empty blocks that end an archive. */
export const END = Buffer.alloc(2 * BLOCK)

export function archive(...parts: readonly Uint8Array[]): Buffer {
  return gzipSync(Buffer.concat([...parts, END]))
}
