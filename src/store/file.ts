/** A store in a directory: a NAS, a USB stick, the embedded default. Several processes may write at once. */
import { createHash } from 'node:crypto'
import { createReadStream, type Dirent } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SkillsctlError } from '../core/errors.ts'
import { makeDirectory, syncDirectory, temporaryName, writeAndSync } from '../disk/atomic-file.ts'
import { errnoOf, onDisk, unlessAbsent } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { tooLong, tooShort } from './limits.ts'
import type {
  Condition,
  GetAnswer,
  GetOptions,
  PutAnswer,
  Store,
  StoredObject,
  StreamAnswer,
  StreamOptions,
} from './store.ts'

/** Unfinished writes and the lock; never listed. */
const WORK = '.work'
/** Nobody writes one object for so long: its writer is dead. Milliseconds. */
const WRITE_LIFE = 24 * 60 * 60 * 1000

export function openFileStore(directory: string): Store {
  return new FileStore(resolve(directory))
}

class FileStore implements Store {
  readonly url: string
  private readonly root: string
  private isSwept = false
  /** Directories whose names this writer has seen to disk. */
  private readonly durable = new Set<string>()

  constructor(root: string) {
    this.root = root
    this.url = pathToFileURL(root).href
  }

  async get(key: string, { maxBytes, ifNoneMatch }: GetOptions): Promise<GetAnswer> {
    return this.guard(key, async () => {
      const file = await unlessAbsent(open(this.pathOf(key), 'r'), undefined)
      if (file === undefined) return { kind: 'absent' }
      try {
        const info = await file.stat()
        // A folder on the way to other keys is no object.
        if (!info.isFile()) return { kind: 'absent' }
        if (info.size > maxBytes) throw tooLong(key, maxBytes)
        const body = await file.readFile()
        const etag = etagOf(body)
        return etag === ifNoneMatch ? { kind: 'unchanged' } : { kind: 'found', body, etag }
      } finally {
        await file.close()
      }
    })
  }

  async stream(key: string, { maxBytes, start = 0 }: StreamOptions): Promise<StreamAnswer> {
    return this.guard(key, async () => {
      const info = await unlessAbsent(stat(this.pathOf(key)), undefined)
      if (info?.isFile() !== true) return { kind: 'absent' }
      if (info.size > maxBytes) throw tooLong(key, maxBytes)
      if (start > 0 && start >= info.size) throw tooShort(key, start)
      return {
        kind: 'found',
        chunks: createReadStream(this.pathOf(key), { start, highWaterMark: 256 * 1024 }),
      }
    })
  }

  async put(key: string, body: Buffer, condition: Condition): Promise<PutAnswer> {
    return this.write(key, body, (temporary, path) =>
      'absent' in condition ? this.create(temporary, path) : this.replace(temporary, path, condition.match),
    )
  }

  async touch(key: string, body: Buffer): Promise<void> {
    await this.write(key, body, async (temporary, path) => {
      await rename(temporary, path)
      return true
    })
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    return this.guard(key, async () => {
      const info = await unlessAbsent(stat(this.pathOf(key)), undefined)
      return info?.isFile() === true ? { key, size: info.size, modified: info.mtimeMs } : undefined
    })
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    const slash = prefix.lastIndexOf('/')
    const read = (directory: string): Promise<Dirent[]> =>
      this.guard(prefix, () => unlessAbsent(readdir(directory, { withFileTypes: true }), []))
    for await (const path of walk(this.pathOf(prefix.slice(0, Math.max(slash, 0))), read)) {
      const key = relative(this.root, path).split(sep).join('/')
      if (!key.startsWith(prefix) || key.startsWith(`${WORK}/`)) continue
      const object = await this.stat(key)
      if (object !== undefined) yield object
    }
  }

  async remove(key: string): Promise<void> {
    await this.guard(key, () => rm(this.pathOf(key), { force: true }))
  }

  close(): void {}

  private pathOf(key: string): string {
    const path = join(this.root, ...key.split('/'))
    if (path !== this.root && !path.startsWith(this.root + sep)) {
      throw new SkillsctlError('refused', 'this key leaves the store', { subject: key })
    }
    return path
  }

  private async write(
    key: string,
    body: Buffer,
    commit: (temporary: string, path: string) => Promise<boolean>,
  ): Promise<PutAnswer> {
    return this.guard(key, async () => {
      const path = this.pathOf(key)
      const temporary = join(this.root, WORK, temporaryName('object'))
      await this.makeDirectories(dirname(path))
      await mkdir(dirname(temporary), { recursive: true })
      await this.sweep()
      try {
        await writeAndSync(temporary, body)
        if (!(await commit(temporary, path))) return { kind: 'conflict' }
        await syncDirectory(dirname(path))
        return { kind: 'stored', etag: etagOf(body) }
      } finally {
        await rm(temporary, { force: true })
      }
    })
  }

  /** Who made one before us may have been killed before its name was on disk. */
  private async makeDirectories(directory: string): Promise<void> {
    await makeDirectory(directory)
    for (let made = directory; made !== this.root && !this.durable.has(made); made = dirname(made)) {
      await syncDirectory(dirname(made))
      this.durable.add(made)
    }
  }

  /** Removes what dead writers left, once in the life of a writer. */
  private async sweep(): Promise<void> {
    if (this.isSwept) return
    this.isSwept = true
    const names = await readdir(join(this.root, WORK))
    for (const path of names
      .filter((name) => name.endsWith('.tmp'))
      .map((name) => join(this.root, WORK, name))) {
      const info = await unlessAbsent(stat(path), undefined)
      if (info !== undefined && Date.now() - info.mtimeMs > WRITE_LIFE) await rm(path, { force: true })
    }
  }

  /** link(2) refuses an existing name, in one step. */
  private async create(temporary: string, path: string): Promise<boolean> {
    try {
      await link(temporary, path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error
      // exFAT and some network shares have no hard links.
      return this.replace(temporary, path, undefined)
    }
  }

  private async replace(temporary: string, path: string, expected: string | undefined): Promise<boolean> {
    return withLock(join(this.root, WORK, 'lock'), async () => {
      const found = await unlessAbsent(readFile(path), undefined)
      if ((found === undefined ? undefined : etagOf(found)) !== expected) return false
      await rename(temporary, path)
      return true
    })
  }

  /** Errors name the object, and a store that is not mounted is unreachable, not empty. */
  private async guard<T>(key: string, work: () => Promise<T>): Promise<T> {
    return onDisk(join(this.root, key), async () => {
      try {
        return await work()
      } catch (error) {
        if (errnoOf(error) !== 'EACCES') throw error
        throw new SkillsctlError('denied', 'permission denied in the store', {
          subject: join(this.root, key),
          hint: 'let this user read the store (to publish: also write)',
          cause: error,
        })
      }
    })
  }
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('hex')}"`
}

async function* walk(
  directory: string,
  read: (directory: string) => Promise<Dirent[]>,
): AsyncGenerator<string> {
  for (const entry of await read(directory)) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* walk(path, read)
    else yield path
  }
}
