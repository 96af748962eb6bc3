/** `skillsctl init`: keys, the root of trust, the channels, and what to do with them. */
import { randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { makeDirectory, readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'
import type { Store } from '../store/store.ts'
import { formatSecretKey, newSeed, parseSecretKey, type Signer, signerFromSeed } from '../trust/key.ts'
import { metadataKey } from '../trust/metadata.ts'
import { formatPublicKey } from '../trust/public-key.ts'
import { createRepository, type KeySet, type RootDigest } from '../trust/root.ts'
import { openSealed, sealSeed } from '../trust/sealed-key.ts'
import { encodeToken } from '../trust/token.ts'

export interface InitOptions {
  readonly store: Store
  /** Goes into every manifest. */
  readonly name: string
  /** Directory for the key files, outside any checkout. */
  readonly keys: string
  /** Seals the root key; asked for only once nothing else can fail. */
  readonly passphrase: () => Promise<string>
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface KeyFiles {
  readonly root: string
  readonly ci: string
  readonly release: string
}

export interface InitReport {
  readonly name: string
  readonly store: string
  readonly root: RootDigest
  readonly files: KeyFiles
  /** The key files were there already: of an interrupted init, or of another repository. */
  readonly keysReused: boolean
  /** For machines that follow `stable`, and those that follow `canary`. */
  readonly tokens: { readonly stable: string; readonly canary: string }
  readonly publicKeys: { readonly root: string; readonly ci: string; readonly release: string }
}

const ROOT_FILE = 'root.sealed.json'
/** An interrupted `init` leaves metadata without a timestamp; another one may be writing it right now. */
const INTERRUPTED_AFTER = 10 * 60 * 1000

/**
 * @throws SkillsctlError `refused` over an existing repository, `unsupported` when the store ignores conditions
 */
export async function init({ store, name, keys, passphrase, now }: InitOptions): Promise<InitReport> {
  await refuseExisting(store)
  await probeConditionalWrites(store)
  await clearInterrupted(store, now)
  const files = { root: join(keys, ROOT_FILE), ci: join(keys, 'ci.key'), release: join(keys, 'release.key') }
  const known = await readKeys(files, passphrase)
  const signers = known ?? (await makeKeys(keys, files, name, passphrase))
  const { root, ci, release } = signers
  const one = (key: Signer): { keys: Signer[]; threshold: number } => ({ keys: [key], threshold: 1 })
  const set: KeySet = {
    root: one(root),
    channels: { canary: one(ci), stable: one(release), drafts: one(ci) },
  }
  const digest = await createRepository({ store, keys: set, signers: [root, ci, release], name, now })
  const token = (channel: string): string => encodeToken({ store: store.url, root: digest, channel })
  return {
    name,
    store: store.url,
    root: digest,
    files,
    keysReused: known !== undefined,
    tokens: { stable: token('stable'), canary: token('canary') },
    publicKeys: {
      root: formatPublicKey(root, 'root'),
      ci: formatPublicKey(ci, 'ci'),
      release: formatPublicKey(release, 'release'),
    },
  }
}

async function refuseExisting(store: Store): Promise<void> {
  const answer = await store.get(metadataKey('timestamp', 0), { maxBytes: 1024 * 1024 })
  if (answer.kind === 'absent') return
  throw new SkillsctlError('refused', 'there is a repository here already', {
    subject: store.url,
    hint: 'choose another prefix; to change keys use: skillsctl keys',
  })
}

/** A store that ignores conditions would let two publishers overwrite each other. */
async function probeConditionalWrites(store: Store): Promise<void> {
  const key = `probe/${randomBytes(8).toString('hex')}`
  const [one, two] = [Buffer.from('one'), Buffer.from('two')]
  const first = await store.put(key, one, { absent: true })
  try {
    const again = await store.put(key, two, { absent: true })
    const stale = await store.put(key, two, { match: '"00000000000000000000000000000000"' })
    const right = first.kind === 'stored' ? await store.put(key, two, { match: first.etag }) : first
    if (
      first.kind === 'stored' &&
      again.kind === 'conflict' &&
      stale.kind === 'conflict' &&
      right.kind === 'stored'
    )
      return
  } finally {
    await store.remove(key)
  }
  throw new SkillsctlError('unsupported', 'this store ignores conditional writes', {
    subject: store.url,
    expected: 'If-None-Match and If-Match on PUT',
    hint: 'use AWS S3, Cloudflare R2, MinIO or Ceph in a current version, or a file:// store',
  })
}

async function clearInterrupted(store: Store, now: number): Promise<void> {
  for await (const { key, modified } of store.list('metadata/')) {
    if (now - modified < INTERRUPTED_AFTER) {
      throw new SkillsctlError('refused', 'another init is at work here, or was interrupted a moment ago', {
        subject: `${store.url} ${key}`,
        hint: 'wait ten minutes and run it again, or choose another prefix',
      })
    }
    await store.remove(key)
  }
}

interface FirstKeys {
  readonly root: Signer
  readonly ci: Signer
  readonly release: Signer
}

/** The keys of an init that was interrupted; undefined when there are none. */
async function readKeys(
  files: KeyFiles,
  passphrase: InitOptions['passphrase'],
): Promise<FirstKeys | undefined> {
  const [root, ci, release] = await Promise.all([files.root, files.ci, files.release].map(readIfThere))
  if (root === undefined && ci === undefined && release === undefined) return undefined
  if (root === undefined || ci === undefined || release === undefined) {
    throw new SkillsctlError('refused', 'some of the keys are there already, others are not', {
      subject: files.root,
      hint: 'choose another directory with --keys, or move these files away',
    })
  }
  return {
    root: await openSealed(root.toString('utf8'), await passphrase(), files.root),
    ci: parseSecretKey(ci.toString('utf8'), files.ci),
    release: parseSecretKey(release.toString('utf8'), files.release),
  }
}

/** On disk before anything trusts them. */
async function makeKeys(
  directory: string,
  files: KeyFiles,
  name: string,
  passphrase: InitOptions['passphrase'],
): Promise<FirstKeys> {
  const seeds = { root: newSeed(), ci: newSeed(), release: newSeed() }
  const sealed = await sealSeed(seeds.root, await passphrase())
  await onDisk(directory, async () => {
    if (await makeDirectory(directory)) await chmod(directory, 0o700)
  })
  await writeFileAtomic(files.root, sealed, { mode: 0o600 })
  await writeFileAtomic(files.ci, `${formatSecretKey(seeds.ci, `${name} ci`)}\n`, { mode: 0o600 })
  await writeFileAtomic(files.release, `${formatSecretKey(seeds.release, `${name} release`)}\n`, {
    mode: 0o600,
  })
  return {
    root: signerFromSeed(seeds.root),
    ci: signerFromSeed(seeds.ci),
    release: signerFromSeed(seeds.release),
  }
}
