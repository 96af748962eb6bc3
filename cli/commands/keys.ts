/** `skillsctl keys …`. */
import { readFile, stat } from 'node:fs/promises'
import { SkillsctlError } from '../../src/core/errors.ts'
import { writeFileAtomic } from '../../src/disk/atomic-file.ts'
import { onDisk, unlessAbsent } from '../../src/disk/fault.ts'
import type { KeysReport } from '../../src/flows/keys.ts'
import { formatSecretKey, newSeed, parseSecretKey, type Signer, signerFromSeed } from '../../src/trust/key.ts'
import { formatPublicKey, type PublicKey, parsePublicKey, publicKey } from '../../src/trust/public-key.ts'
import { openSealed, sealedPublicHex, sealSeed } from '../../src/trust/sealed-key.ts'
import {
  type Cli,
  passphrase,
  type RepositoryFlags,
  type SigningFlags,
  withPublisher,
  withRepository,
} from '../context.ts'
import type { Result } from '../output.ts'

type Args = readonly string[]

export async function newKey(
  _cli: Cli,
  [file = '']: Args,
  { comment = '' }: { comment?: string },
): Promise<Result> {
  if ((await unlessAbsent(stat(file), undefined)) !== undefined) throw keyExists(file)
  const seed = newSeed()
  await writeFileAtomic(file, `${formatSecretKey(seed, comment)}\n`, { mode: 0o600 })
  return publicResult(signerFromSeed(seed), comment)
}

function keyExists(file: string): SkillsctlError {
  return new SkillsctlError('refused', 'there is a file of this name already', {
    subject: file,
    hint: 'choose another name; a key is never overwritten',
  })
}

export async function showKey(_cli: Cli, [file = '']: Args): Promise<Result> {
  return publicResult(await readPublic(file), '')
}

function publicResult(key: PublicKey, comment: string): Result {
  const line = formatPublicKey(key, comment)
  return { data: { keyid: key.keyid, publicKey: line }, text: [line, `key id ${key.keyid}`] }
}

/** The public half of any key file: secret, sealed or public. */
async function readPublic(file: string): Promise<PublicKey> {
  const text = (await onDisk(file, () => readFile(file, 'utf8'))).trim()
  if (text.startsWith('{')) return publicKey(sealedPublicHex(text, file))
  return text.startsWith('skillsctl-public-key-') ? parsePublicKey(text) : parseSecretKey(text, file)
}

export async function listKeys(cli: Cli, _args: Args, flags: RepositoryFlags): Promise<Result> {
  const { listKeys } = await import('../../src/flows/keys.ts')
  return keysResult(await withRepository(cli, flags, listKeys))
}

export async function addKey(cli: Cli, [channel = '', key = '']: Args, flags: SigningFlags): Promise<Result> {
  const { addKey } = await import('../../src/flows/keys.ts')
  return keysResult(
    await withPublisher(cli, flags, (context) => addKey(context, channel, parsePublicKey(key))),
  )
}

export async function removeKey(
  cli: Cli,
  [channel = '', keyid = '']: Args,
  flags: SigningFlags,
): Promise<Result> {
  const { removeKey } = await import('../../src/flows/keys.ts')
  return keysResult(await withPublisher(cli, flags, (context) => removeKey(context, channel, keyid)))
}

export async function setThreshold(
  cli: Cli,
  [channel = '', count = '']: Args,
  flags: SigningFlags,
): Promise<Result> {
  if (!/^[1-9]\d?$/.test(count)) {
    throw new SkillsctlError('usage', 'the threshold is a whole number above zero', { found: count })
  }
  const { setThreshold } = await import('../../src/flows/keys.ts')
  return keysResult(
    await withPublisher(cli, flags, (context) => setThreshold(context, channel, Number(count))),
  )
}

export async function cosign(cli: Cli, [channel = '']: Args, flags: SigningFlags): Promise<Result> {
  const { cosignChannel } = await import('../../src/flows/keys.ts')
  const waiting = await withPublisher(cli, flags, (context) => cosignChannel(context, channel))
  return {
    data: waiting,
    text: [
      `${waiting.have} signatures for ${channel}; the holder of the root key can now run: skillsctl keys threshold`,
    ],
  }
}

export async function renewRoot(cli: Cli, _args: Args, flags: SigningFlags): Promise<Result> {
  const { renewRoot } = await import('../../src/flows/keys.ts')
  return keysResult(await withPublisher(cli, flags, renewRoot))
}

/** The new key is on disk before anything trusts it; run again with the same files, it finishes. */
export async function rotate(
  cli: Cli,
  [oldFile = '', newFile = '']: Args,
  flags: SigningFlags,
): Promise<Result> {
  const { replaceKey } = await import('../../src/flows/keys.ts')
  const old = await readPublic(oldFile)
  const isSealed = (await onDisk(oldFile, () => readFile(oldFile, 'utf8'))).trimStart().startsWith('{')
  const next = await readOrMakeKey(newFile, isSealed, flags)
  // An old root key signs its own replacement; an old CI key is not needed, and may be lost.
  const files = [...(flags.key ?? []), ...(isSealed ? [oldFile] : [])]
  return keysResult(
    await withPublisher(cli, { ...flags, key: files }, (context) =>
      replaceKey({ ...context, signers: [...context.signers, next] }, old, next),
    ),
    [`${newFile} replaces ${oldFile}`],
  )
}

async function readOrMakeKey(
  file: string,
  sealed: boolean,
  { passphraseFile }: SigningFlags,
): Promise<Signer> {
  const there = await onDisk(file, () => unlessAbsent(readFile(file, 'utf8'), undefined))
  if (there !== undefined) {
    return sealed
      ? openSealed(there, await passphrase(`passphrase of ${file}`, passphraseFile), file)
      : parseSecretKey(there, file)
  }
  const seed = newSeed()
  const text = sealed
    ? await sealSeed(seed, await passphrase(`passphrase for the new ${file}`, passphraseFile, true))
    : `${formatSecretKey(seed)}\n`
  await writeFileAtomic(file, text, { mode: 0o600 })
  return signerFromSeed(seed)
}

function keysResult(report: KeysReport, first: readonly string[] = []): Result {
  const { root, keys, token, waiting } = report
  const holders = { root: keys.root, ...keys.channels }
  const lines = Object.entries(holders).map(([role, { keys, threshold }]) => {
    const ids = keys.map(({ keyid }) => keyid.slice(0, 16)).join(', ')
    return `${role.padEnd(8)} ${threshold} of ${keys.length}: ${ids}`
  })
  const open = waiting.map(
    ({ role, have, need }) =>
      `${role} has ${have} of ${need} signatures: another signer runs "skillsctl keys cosign ${role}", then run this again`,
  )
  return {
    data: { root, token, waiting, holders },
    text: [
      ...first,
      ...lines,
      `root ${root.version}: sha256:${root.sha256}`,
      `new machines join with: skillsctl join ${token}`,
      ...open,
    ],
  }
}
