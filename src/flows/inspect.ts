/** `skillsctl inspect`: explains any artifact of ours, and says which checks it passes. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { parseManifest, treeSize } from '../core/manifest.ts'
import { integer, string } from '../core/parse.ts'
import { resolveVersion } from '../core/version.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import { findDrift } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { listInstalled } from '../home/releases.ts'
import type { ReadableStore } from '../store/store.ts'
import { sha256Hex } from '../trust/digest.ts'
import type { RootPin } from '../trust/root-chain.ts'
import { decodeToken, isToken } from '../trust/token.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail?: string
}

export interface InspectReport {
  readonly kind: string
  readonly fields: Readonly<Record<string, string | number | readonly string[]>>
  readonly checks: readonly Check[]
}

/** Longest file that is read whole to find out what it is; archives are streamed. Bytes. */
const LONGEST_DOCUMENT = 64 * 1024 * 1024

/** @throws SkillsctlError `absent` when it is neither a file, nor a token, nor an installed version */
export async function inspect(subject: string, layout: Layout): Promise<InspectReport> {
  if (isToken(subject)) return inspectToken(subject)
  const info = await onDisk(subject, () => unlessAbsent(stat(subject), undefined))
  if (info?.isFile() === true) return inspectFile(subject, info.size)
  return inspectInstalled(subject, layout)
}

function inspectToken(text: string): InspectReport {
  const { store, root, channel } = decodeToken(text)
  const fields = {
    store,
    channel,
    'root sha256': root.sha256,
    ...(root.version ? { 'root version': root.version } : {}),
  }
  return { kind: 'join token', fields, checks: [] }
}

async function inspectFile(path: string, size: number): Promise<InspectReport> {
  const start = await onDisk(path, async () => {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  })
  if (start[0] === 0x1f && start[1] === 0x8b) return inspectArchive(path, size)
  if (size > LONGEST_DOCUMENT) throw notOurs(path)
  const { readFile } = await import('node:fs/promises')
  const bytes = await onDisk(path, () => readFile(path))
  const text = bytes.toString('utf8')
  if (text.startsWith('skillsctl-')) return inspectLine(text, path)
  const json = parseOr(text)
  if (json?.['format'] === 'skillsctl-manifest/1') return inspectManifest(text, bytes, path)
  if (json?.['format'] === 'skillsctl-sealed-key/1') return inspectSealedKey(text, path)
  if (json?.['signed'] !== undefined) return inspectMetadata(bytes, path)
  throw notOurs(path)
}

function parseOr(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    // Not JSON, so none of our documents.
    return undefined
  }
}

function notOurs(path: string): SkillsctlError {
  return new SkillsctlError('usage', 'this is no artifact of skillsctl', {
    subject: path,
    expected: 'a manifest, an archive, TUF metadata, a key or a join token',
  })
}

async function inspectLine(text: string, path: string): Promise<InspectReport> {
  const { parseSecretKey } = await import('../trust/key.ts')
  const { formatPublicKey, parsePublicKey } = await import('../trust/public-key.ts')
  if (isToken(text.trim())) return inspectToken(text.trim())
  const isPublic = text.startsWith('skillsctl-public-key-')
  const key = isPublic ? parsePublicKey(text) : parseSecretKey(text, path)
  return {
    kind: isPublic ? 'public key' : 'secret key (keep it secret)',
    fields: { 'key id': key.keyid, public: formatPublicKey(key) },
    checks: [],
  }
}

async function inspectSealedKey(text: string, path: string): Promise<InspectReport> {
  const { formatPublicKey, publicKey } = await import('../trust/public-key.ts')
  const { sealedPublicHex } = await import('../trust/sealed-key.ts')
  const key = publicKey(sealedPublicHex(text, path))
  return {
    kind: 'sealed key (opened by its passphrase)',
    fields: { 'key id': key.keyid, public: formatPublicKey(key) },
    checks: [],
  }
}

function inspectManifest(text: string, bytes: Buffer, path: string): InspectReport {
  const manifest = parseManifest(text, sha256Hex)
  const { name, version, source, tree, files } = manifest
  return {
    kind: 'manifest',
    fields: {
      name,
      version,
      commit: source.commit,
      'committed at': source.committedAt,
      tree,
      files: files.length,
      bytes: treeSize(files),
      sha256: sha256Hex(bytes),
    },
    checks: [{ name: 'tree hash matches the files listed', ok: true }, ...nameCheck(path, sha256Hex(bytes))],
  }
}

/** Files that we store under their digest say so in their name. */
function nameCheck(path: string, sha256: string): Check[] {
  const [, named] = /^([0-9a-f]{64})\./.exec(basename(path)) ?? []
  if (named === undefined) return []
  return [{ name: 'digest matches the name of the file', ok: named === sha256, detail: sha256 }]
}

async function inspectMetadata(bytes: Buffer, path: string): Promise<InspectReport> {
  const { splitMetadata } = await import('../trust/metadata.ts')
  const { signed, signatures } = splitMetadata(bytes, path)
  const role = string(signed._type, `${path}: _type`)
  const fields = {
    role,
    version: integer(signed.version, `${path}: version`),
    expires: string(signed.expires, `${path}: expires`),
    'signed by': signatures.map(({ keyid }) => keyid),
    sha256: sha256Hex(bytes),
  }
  const check = role === 'root' ? [await signedByItself(bytes)] : nameCheck(path, sha256Hex(bytes))
  return { kind: `TUF metadata: ${role}`, fields, checks: check }
}

/** Judged as a machine judges its first root, whatever its age. */
async function signedByItself(bytes: Buffer): Promise<Check> {
  const { Verifier } = await import('../trust/verifier.ts')
  const { NEVER_EXPIRES } = await import('../trust/reader.ts')
  const name = 'signed by its own root keys'
  try {
    return { name, ok: new Verifier(bytes, NEVER_EXPIRES).root.version > 0 }
  } catch (error) {
    if (!(error instanceof SkillsctlError)) throw error
    return { name, ok: false, detail: error.message }
  }
}

async function inspectArchive(path: string, size: number): Promise<InspectReport> {
  const { list } = await import('tar')
  const names: string[] = []
  const hash = createHash('sha256')
  await onDisk(path, async () => {
    for await (const chunk of createReadStream(path)) hash.update(chunk)
  })
  try {
    await list({ file: path, onReadEntry: (entry) => names.push(entry.path) })
  } catch (cause) {
    throw new SkillsctlError('corrupt', 'the archive cannot be read', { subject: path, cause })
  }
  const sha256 = hash.digest('hex')
  return {
    kind: 'archive',
    fields: { sha256, bytes: size, members: names.length, first: names.slice(0, 10) },
    checks: nameCheck(path, sha256),
  }
}

function inspectInstalled(wanted: string, layout: Layout): InspectReport {
  const installed = listInstalledOr(layout).map((release) => ({
    ...release,
    commit: release.content.source.commit,
  }))
  const release = resolveVersion(wanted, installed)
  const drift = findDrift(layout, release, { full: true })
  const { source, tree, files } = release.content
  return {
    kind: 'installed release',
    fields: {
      version: release.version,
      commit: source.commit,
      'committed at': source.committedAt,
      tree,
      files: files.length,
      bytes: treeSize(files),
      manifest: release.manifest,
      directory: `${layout.releases}/${release.directory}`,
    },
    checks: [
      {
        name: 'every file matches the manifest',
        ok: drift.length === 0,
        detail: drift.map(({ path }) => path).join(', '),
      },
    ],
  }
}

function listInstalledOr(layout: Layout): ReturnType<typeof listInstalled> {
  try {
    return listInstalled(layout)
  } catch {
    // No home here: nothing is installed, and the near misses say so.
    return []
  }
}

/** A repository: who may sign, what each channel points at, how fresh it is. */
export async function inspectRepository(
  store: ReadableStore,
  pin: RootPin | undefined,
  now: number,
): Promise<InspectReport> {
  const { RepositoryReader } = await import('../trust/reader.ts')
  const { memoryCache } = await import('../trust/trust-cache.ts')
  const { channelOfTarget } = await import('../core/channel.ts')
  const trusted = pin ?? (await firstRoot(store))
  const reader = await RepositoryReader.open({ store, pin: trusted, cache: memoryCache(), now })
  await reader.refresh()
  const { 'x-signed-at': signedAt, 'x-heads': hints, expires, version } = reader.stamp
  const heads: Record<string, string> = {}
  // A repository that somebody else's tool wrote has none.
  for (const name of Object.keys(hints ?? {})) {
    const channel = channelOfTarget(
      name.startsWith('drafts/') ? `drafts/${name.slice(7)}.release.json` : `${name}/release.json`,
    )
    const head = channel && (await reader.head(channel))
    if (head !== undefined) heads[`head of ${name}`] = head.entry.release.version
  }
  return {
    kind: 'repository',
    fields: {
      store: store.url,
      'root version': reader.rootVersion,
      'root sha256': reader.rootSha256,
      'timestamp version': version,
      'signed at': signedAt,
      expires,
      ...heads,
    },
    checks: [
      { name: 'metadata is signed by the keys of its root', ok: true },
      pin === undefined
        ? {
            name: 'the root is the one that you trust',
            ok: false,
            detail: 'compare the root sha256 with what whoever publishes gave you',
          }
        : { name: 'the root is the one that you trust', ok: true },
    ],
  }
}

/** Without a pin: whatever the store says first. Good for a look, never for joining. */
async function firstRoot(store: ReadableStore): Promise<RootPin> {
  const answer = await store.get('metadata/1.root.json', { maxBytes: 512 * 1024 })
  if (answer.kind === 'found') return { version: 1, sha256: sha256Hex(answer.body) }
  const { noRepository } = await import('../trust/probe.ts')
  throw noRepository(store.url)
}
