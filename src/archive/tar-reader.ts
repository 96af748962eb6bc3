/**
 * The members of a tar archive (POSIX pax, or GNU with long names), one after the other as its bytes arrive.
 * Nothing but files and symbolic links is understood. The tar package would do, but its stream for each member takes
 * longer than the small files that releases are made of.
 */
import { type ErrorCode, SkillsctlError } from '../core/errors.ts'
import { BLOCK, decodeHeader, malformed, type TarHeader } from './tar-header.ts'

/** Bytes of what describes the next member: twice the longest path, and some. */
const LONGEST_DESCRIPTION = 16 * 1024

export interface Member {
  readonly path: string
  readonly type: 'file' | 'link'
  /** Bytes. */
  readonly size: number
  /** Where a link points; empty for a file. */
  readonly target: string
}

/** Called in this order for each member. What it throws ends the reading. */
export interface Members {
  begin(member: Member): void
  content(piece: Buffer): void
  end(): void
}

export class TarReader {
  private readonly members: Members
  /** The part of a header that has arrived. */
  private header = Buffer.alloc(0)
  /** Bytes of a body that are still to come, and zeros after it. */
  private body = 0
  private padding = 0
  /** The body describes the next member, and this has arrived of it. */
  private description: { readonly read: Description; readonly pieces: Buffer[] } | undefined
  /** What was described so far. */
  private described: Described = {}
  private descriptions: Description[] = []
  private ended = false

  constructor(members: Members) {
    this.members = members
  }

  /** @throws SkillsctlError `corrupt`, `refused`, and what the members throw */
  write(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) rest = this.take(rest)
  }

  /** @throws SkillsctlError `corrupt` when the archive was cut short */
  end(): void {
    if (!this.ended || this.header.length > 0) throw malformed('the archive ends too early')
  }

  /** @returns what is left of the chunk */
  private take(chunk: Buffer): Buffer {
    if (this.body > 0) return this.takeBody(chunk)
    if (this.padding > 0) {
      const skipped = Math.min(this.padding, chunk.length)
      this.padding -= skipped
      return chunk.subarray(skipped)
    }
    if (this.header.length === 0 && chunk.length >= BLOCK) {
      this.takeHeader(chunk.subarray(0, BLOCK))
      return chunk.subarray(BLOCK)
    }
    const missing = BLOCK - this.header.length
    this.header = Buffer.concat([this.header, chunk.subarray(0, missing)])
    if (this.header.length === BLOCK) {
      const block = this.header
      this.header = Buffer.alloc(0)
      this.takeHeader(block)
    }
    return chunk.subarray(missing)
  }

  private takeBody(chunk: Buffer): Buffer {
    const piece = chunk.subarray(0, this.body)
    this.body -= piece.length
    if (this.description === undefined) this.members.content(piece)
    else this.description.pieces.push(Buffer.from(piece))
    if (this.body === 0) this.endBody()
    return chunk.subarray(piece.length)
  }

  private endBody(): void {
    if (this.description === undefined) {
      this.members.end()
      return
    }
    const { read, pieces } = this.description
    this.description = undefined
    this.described = { ...this.described, ...read(Buffer.concat(pieces)) }
  }

  private takeHeader(block: Buffer): void {
    const header = decodeHeader(block)
    if (header === undefined) {
      if (this.descriptions.length > 0) throw malformed('a member is described that never comes')
      this.ended = true
      return
    }
    if (this.ended) throw malformed('the archive goes on after its end')
    const description = DESCRIPTIONS.get(header.type)
    if (description === undefined) this.beginMember(header)
    else this.beginDescription(description, header.size)
  }

  private beginMember(header: TarHeader): void {
    const { path, type, size, target } = { ...header, ...this.described }
    this.described = {}
    this.descriptions = []
    const kind = KINDS.get(type)
    if (kind === undefined)
      throw hostile('refused', 'the archive holds a member of a kind that is never packed', path, type)
    if (!Number.isSafeInteger(size) || size < 0 || (kind === 'link' && size > 0))
      throw hostile('corrupt', 'a member has a size that it cannot have', path, String(size))
    // Readers differ about these: to some they are directories, or nothing.
    if (path === '' || path.endsWith('/') || (kind === 'link') === (header.target === ''))
      throw hostile('refused', 'a member is neither a file nor a link', path, target)
    this.begin(size)
    this.members.begin({ path, type: kind, size, target })
    if (size === 0) this.members.end()
  }

  private beginDescription(read: Description, size: number): void {
    if (size > LONGEST_DESCRIPTION)
      throw hostile('refused', 'the archive holds a name that is longer than any', `${size} bytes`)
    // Readers differ about which of two holds, and about what a size is of.
    if (!this.mayFollow(read)) throw malformed('a member is described twice')
    this.descriptions.push(read)
    this.begin(size)
    if (size > 0) this.description = { read, pieces: [] }
  }

  /** A pax header stands alone; GNU's long name and long target may come together. */
  private mayFollow(read: Description): boolean {
    if (this.descriptions.length === 0) return true
    return ![read, fromPax].some((one) => this.descriptions.includes(one)) && read !== fromPax
  }

  private begin(size: number): void {
    this.body = size
    this.padding = (BLOCK - (size % BLOCK)) % BLOCK
  }
}

const KINDS: ReadonlyMap<string, Member['type']> = new Map([
  ['0', 'file'],
  ['2', 'link'],
])

/** What is said of the next member beside its header, because a field of that is too short. */
type Described = Partial<Pick<TarHeader, 'path' | 'size' | 'target'>>

/** What a body says of the next member. */
type Description = (body: Buffer) => Described

const DESCRIPTIONS: ReadonlyMap<string, Description> = new Map<string, Description>([
  ['x', fromPax],
  ['L', (body) => ({ path: untilNul(body) })],
  ['K', (body) => ({ target: untilNul(body) })],
])

function untilNul(body: Buffer): string {
  return body.toString('utf8').replace(/\0.*/s, '')
}

/** Records of `<length> <key>=<value>\n`, where the length counts itself (POSIX.1-2017, pax). */
function fromPax(body: Buffer): Described {
  const fields = new Map<string, string>()
  for (let rest = body; rest.length > 0; ) {
    const [, digits = '', key = ''] = /^([1-9]\d{0,5}) ([^=\n\0]+)=/.exec(rest.toString('latin1')) ?? []
    const length = Number(digits)
    const start = digits.length + key.length + 2
    if (key === '' || length <= start || length > rest.length || rest[length - 1] !== 0x0a)
      throw malformed('a pax header has a record that cannot be read')
    if (fields.has(key) || key.startsWith('GNU.sparse.'))
      throw malformed('a pax header says what we do not read')
    const value = rest.toString('utf8', start, length - 1)
    // Some readers end a record at the first line break, and a name at the first NUL.
    if (/[\n\0]/.test(value)) throw malformed('a pax header has a value of more than one line')
    fields.set(key, value)
    rest = rest.subarray(length)
  }
  const [path, target, size] = ['path', 'linkpath', 'size'].map((key) => fields.get(key))
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw malformed('a pax header has no number for a size')
  return {
    ...(path === undefined ? {} : { path }),
    ...(target === undefined ? {} : { target }),
    ...(size === undefined ? {} : { size: Number(size) }),
  }
}

export function hostile(code: ErrorCode, message: string, subject: string, found?: string): SkillsctlError {
  return new SkillsctlError(code, message, {
    subject,
    found,
    hint: 'tell whoever publishes; nothing was installed',
  })
}
