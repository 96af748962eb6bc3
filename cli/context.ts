/** From flags, environment and files to what a flow needs. Precedence: flag, environment, file, default. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Git } from '../src/archive/git.ts'
import { isError, SkillsctlError } from '../src/core/errors.ts'
import { PUBLISH_CONFIG, type PublishConfig, parsePublishConfig } from '../src/core/publish-config.ts'
import { readIfThere } from '../src/disk/atomic-file.ts'
import { onDisk } from '../src/disk/fault.ts'
import type { MachineContext } from '../src/flows/machine.ts'
import type { PublisherContext } from '../src/flows/publisher.ts'
import { readConfig } from '../src/home/config.ts'
import { defaultHome } from '../src/home/default-home.ts'
import { type Layout, layoutOf } from '../src/home/layout.ts'
import type { Signer } from '../src/index.ts'
import type { ReadableStore } from '../src/store/store.ts'
import type { RootPin } from '../src/trust/root-chain.ts'
import { decodeToken, parseRootDigest } from '../src/trust/token.ts'
import type { Globals, Output } from './output.ts'
import { askSecret } from './prompt.ts'
import { version } from './version.ts'

export interface Cli {
  readonly globals: Globals
  readonly output: Output
}

/** Flags of every command that works on a repository rather than on this machine. */
export interface RepositoryFlags {
  readonly store?: string
  readonly root?: string
}

/** Flags of every command that signs. */
export interface SigningFlags extends RepositoryFlags {
  readonly key?: readonly string[]
  readonly rootKey?: string
  readonly passphraseFile?: string
}

const now = (): number => Date.now()
const stopwatch = (): number => performance.now()

export function layoutFor({ home }: Globals): Layout {
  return layoutOf(home ?? defaultHome(process.env))
}

export function machineContext({ globals, output }: Cli): MachineContext {
  if (process.platform === 'win32') {
    throw new SkillsctlError('unsupported', 'Windows is supported inside WSL only', {
      hint: 'run skillsctl in a WSL distribution',
    })
  }
  return {
    layout: layoutFor(globals),
    openStore: async (url) => (await import('../src/store/open.ts')).openStore(url),
    now,
    clock: stopwatch,
    emit: output.event,
    by: `skillsctl ${version()}`,
  }
}

/** Where a repository is and what is trusted there. */
export interface Address {
  readonly store: string
  readonly pin: RootPin
}

/**
 * `--store` and `--root`; else `SKILLSCTL_TOKEN`, or `SKILLSCTL_STORE` and `SKILLSCTL_ROOT`; else `skillsctl.json`
 * of this checkout; else what this machine has joined.
 */
export async function repositoryAddress(cli: Cli, flags: RepositoryFlags): Promise<Address> {
  const { SKILLSCTL_TOKEN: token, SKILLSCTL_STORE: envStore, SKILLSCTL_ROOT: envRoot } = process.env
  const fromToken = token ? decodeToken(token) : undefined
  const file = await checkoutConfig()
  const joined = await readConfig(layoutFor(cli.globals))
  const store = flags.store ?? fromToken?.store ?? nonEmpty(envStore) ?? file?.store ?? joined?.store
  const root = flags.root ?? (fromToken === undefined ? (nonEmpty(envRoot) ?? file?.root) : undefined)
  const pin = root === undefined ? (fromToken?.root ?? joined?.root) : parseRootDigest(root)
  if (store === undefined || pin === undefined) {
    throw new SkillsctlError(
      'usage',
      store === undefined ? 'which repository?' : 'which root do you trust?',
      {
        expected: 'a store and the digest of its root',
        hint: `run this in the checkout that has ${PUBLISH_CONFIG}, set SKILLSCTL_TOKEN, or give --store and --root`,
      },
    )
  }
  return { store, pin }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

/** `skillsctl.json` of the checkout we are in, if there is one. */
export async function checkoutConfig(): Promise<PublishConfig | undefined> {
  const path = join((await checkout())?.directory ?? process.cwd(), PUBLISH_CONFIG)
  const bytes = await readIfThere(path)
  return bytes === undefined ? undefined : parsePublishConfig(bytes.toString('utf8'), path)
}

/** By working directory: a command asks more than once. */
const checkouts = new Map<string, Promise<Git | undefined>>()

/** The checkout we are in, if we are in one. */
export function checkout(): Promise<Git | undefined> {
  const here = process.cwd()
  const found = checkouts.get(here) ?? findCheckout()
  checkouts.set(here, found)
  return found
}

async function findCheckout(): Promise<Git | undefined> {
  const { Git } = await import('../src/archive/git.ts')
  const top = await new Git(process.cwd()).topLevel().catch(withoutGit)
  return top === undefined ? undefined : new Git(top)
}

/** Reading a repository needs no git: without it there is no checkout to look in. */
function withoutGit(error: unknown): undefined {
  if (!isError(error, 'failed')) throw error
}

/** Opens the repository for writing, with every key at hand; closes it afterwards. */
export async function withPublisher<T>(
  cli: Cli,
  flags: SigningFlags,
  work: (context: PublisherContext) => Promise<T>,
): Promise<T> {
  const { store: url, pin } = await repositoryAddress(cli, flags)
  const signers = await readSigners(flags)
  const { openWritableStore } = await import('../src/store/open.ts')
  const store = await openWritableStore(url)
  try {
    const git = await checkout()
    return await work({ store, pin, signers, clock: now, stopwatch, emit: cli.output.event, git })
  } finally {
    store.close()
  }
}

/** Opens the repository for reading only. */
export async function withRepository<T>(
  cli: Cli,
  flags: RepositoryFlags,
  work: (context: { store: ReadableStore; pin: RootPin; now: number }) => Promise<T>,
): Promise<T> {
  const { store: url, pin } = await repositoryAddress(cli, flags)
  const { openStore } = await import('../src/store/open.ts')
  const store = await openStore(url)
  try {
    return await work({ store, pin, now: now() })
  } finally {
    store.close()
  }
}

/** `--key` files; else the lines of `SKILLSCTL_KEY`, else the file `SKILLSCTL_KEY_FILE`. And the root key, if given. */
async function readSigners({ key = [], rootKey, passphraseFile }: SigningFlags): Promise<Signer[]> {
  const { parseSecretKey } = await import('../src/trust/key.ts')
  const { SKILLSCTL_KEY: text, SKILLSCTL_KEY_FILE: file } = process.env
  const files = key.length > 0 || text ? key : [file].filter((path) => path !== undefined && path !== '')
  const signers: Signer[] = []
  for (const path of files) signers.push(...(await readKeyFile(String(path), passphraseFile)))
  if (key.length === 0 && text) {
    for (const line of text.split('\n').filter((part) => part.trim() !== ''))
      signers.push(parseSecretKey(line, 'SKILLSCTL_KEY'))
  }
  if (rootKey !== undefined) signers.push(...(await readKeyFile(rootKey, passphraseFile)))
  return signers
}

/** One secret key, or a sealed one that a passphrase opens. */
async function readKeyFile(path: string, passphraseFile: string | undefined): Promise<Signer[]> {
  const { parseSecretKey } = await import('../src/trust/key.ts')
  const text = await onDisk(path, () => readFile(path, 'utf8'))
  if (!text.trimStart().startsWith('{')) return [parseSecretKey(text, path)]
  const { openSealed } = await import('../src/trust/sealed-key.ts')
  return [await openSealed(text, await passphrase(`passphrase of ${path}`, passphraseFile), path)]
}

/** From `--passphrase-file` or `SKILLSCTL_PASSPHRASE_FILE`, else asked for on the terminal. */
export async function passphrase(question: string, file: string | undefined, twice = false): Promise<string> {
  const path = file ?? nonEmpty(process.env['SKILLSCTL_PASSPHRASE_FILE'])
  if (path === undefined) return askSecret(question, twice)
  return (await onDisk(path, () => readFile(path, 'utf8'))).replace(/\r?\n$/, '')
}

/** The same for a new key: a file is read now, before anything is written; a person is asked only when it is needed. */
export async function passphraseSource(
  question: string,
  file: string | undefined,
): Promise<() => Promise<string>> {
  if ((file ?? nonEmpty(process.env['SKILLSCTL_PASSPHRASE_FILE'])) === undefined)
    return () => passphrase(question, undefined, true)
  const text = await passphrase(question, file)
  return async () => text
}

/** `${XDG_CONFIG_HOME:-~/.config}/skillsctl/keys/<name>`: outside of any checkout. */
export function defaultKeys(name: string): string {
  const config = nonEmpty(process.env['XDG_CONFIG_HOME']) ?? join(homedir(), '.config')
  return join(config, 'skillsctl', 'keys', name)
}
