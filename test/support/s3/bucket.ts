import { type Checksums, md5Hex } from './checksum.ts'
import type { Upload } from './multipart.ts'
import type { Policy } from './policy.ts'
import { S3Error } from './s3-error.ts'

/** What a writer supplies. */
export interface Content {
  readonly bytes: Buffer
  readonly checksums: Checksums
  /** Content-Type, Cache-Control, `x-amz-meta-*` and the like, returned with every read. */
  readonly metadata: Readonly<Record<string, string>>
  /** Only multipart uploads bring their own; otherwise the MD5 of the bytes. */
  readonly etag?: string
}

export interface ObjectVersion extends Required<Content> {
  readonly kind: 'object'
  readonly versionId: string
  readonly modified: Date
}

interface DeleteMarker {
  readonly kind: 'marker'
  readonly versionId: string
}

type Version = ObjectVersion | DeleteMarker

/** The version id of everything written while versioning is off. */
const UNVERSIONED = 'null'

/**
 * One bucket. All methods are synchronous, so a condition that was checked still holds when the write
 * that follows it happens: this is where the atomicity of conditional requests comes from.
 */
export class Bucket {
  readonly name: string
  readonly uploads = new Map<string, Upload>()
  policy: Policy | undefined
  versioned = false
  readonly #now: () => number
  readonly #versions = new Map<string, readonly Version[]>()
  readonly #changes = new Map<string, number>()
  #sequence = 0

  constructor(name: string, now: () => number) {
    // AWS allows 3 to 63 of these, starting and ending with a letter or digit.
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) throw new S3Error('InvalidBucketName')
    this.name = name
    this.#now = now
  }

  get empty(): boolean {
    return this.#versions.size === 0
  }

  /** The object a plain GET finds. */
  current(key: string): ObjectVersion | undefined {
    const latest = this.#versions.get(key)?.at(-1)
    return latest?.kind === 'object' ? latest : undefined
  }

  version(key: string, versionId: string): ObjectVersion | undefined {
    const found = this.#versions.get(key)?.find((version) => version.versionId === versionId)
    return found?.kind === 'object' ? found : undefined
  }

  /** Grows with every change of the key, deletions included: tells whether another write landed meanwhile. */
  lastChange(key: string): number {
    return this.#changes.get(key) ?? 0
  }

  write(key: string, content: Content): ObjectVersion {
    const version: ObjectVersion = {
      kind: 'object',
      versionId: this.#nextVersionId(key),
      // Listings tell it to the millisecond, as MinIO's do; headers have whole seconds.
      modified: new Date(this.#now()),
      ...content,
      etag: content.etag ?? md5Hex(content.bytes),
    }
    this.#append(key, version)
    return version
  }

  /** Removes the object, or hides it behind a delete marker when the bucket is versioned. */
  remove(key: string): void {
    const versionId = this.#nextVersionId(key)
    if (this.versioned) this.#append(key, { kind: 'marker', versionId })
    else this.#versions.delete(key)
  }

  /** Every current object in the order of S3 listings: by the bytes of the key's UTF-8. */
  objects(): [key: string, object: ObjectVersion][] {
    const found: [string, ObjectVersion][] = []
    for (const key of this.#versions.keys()) {
      const object = this.current(key)
      if (object !== undefined) found.push([key, object])
    }
    return found.sort(([a], [b]) => compareUtf8(a, b))
  }

  #append(key: string, version: Version): void {
    const older = this.#versions.get(key) ?? []
    this.#versions.set(key, this.versioned ? [...older, version] : [version])
  }

  #nextVersionId(key: string): string {
    this.#sequence += 1
    this.#changes.set(key, this.#sequence)
    return this.versioned ? `v${this.#sequence.toString(16).padStart(15, '0')}` : UNVERSIONED
  }
}

export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
