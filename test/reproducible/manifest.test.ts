/** The manifest is a function of the commit: the same bytes whoever publishes it, and wherever (DESIGN §3). */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openWritableStore, parseSecretKey } from '../../src/index.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { formatSecretKey } from '../../src/trust/key.ts'
import { createRepository } from '../../src/trust/root.ts'
import { execute } from '../support/cli.ts'
import { createGitRepository, type GitRepository } from '../support/git-repository.ts'
import { CLI } from '../support/victim.ts'

/**
 * SHA-256 of the manifest below. Every Node version has to find it (`npm run test:nodes`); should it ever change,
 * every release that is published again becomes another one, so that needs a new format.
 */
const GOLDEN = 'cdd8621444d15bd4433c81b3b7cfe204ae585f2ca44b467349e20c608bd67039'

const KEY = formatSecretKey(Buffer.alloc(32, 7), 'test')
const HOSTILE_CONFIG = `[core]
	autocrlf = true
	eol = crlf
	quotePath = true
	precomposeUnicode = true
	fileMode = false
	abbrev = 12
[log]
	showSignature = true
	date = relative
[i18n]
	logOutputEncoding = latin1
[diff]
	renames = false
	noprefix = true
[color]
	ui = always
[filter "shout"]
	clean = tr a-z A-Z
	smudge = tr a-z A-Z
`

let root: string
let source: GitRepository
let commit: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'reproducible-'))
  source = await createGitRepository()
  await source.write('skills/plain/SKILL.md', '---\nname: plain\n---\nLines\nof text\n')
  await source.write('skills/plain/windows.txt', 'ends\r\nlike this\r\n')
  await source.write('skills/plain/tool.sh', '#!/bin/sh\nexit 0\n', { executable: true })
  await source.write('skills/ünïcödé/日本語.md', 'ä\n')
  await source.write('skills/plain/subst.txt', '$Format:%H$ $Id$\n')
  await source.write('skills/plain/ignored-by-archive.txt', 'still there\n')
  await source.write('skills/plain/shouted.txt', 'quietly\n')
  await source.write('skills/plain/data.bin', Buffer.from([0, 1, 2, 13, 10, 255]))
  await source.write(
    '.gitattributes',
    '*.md text eol=crlf\nsubst.txt export-subst ident\nignored* export-ignore\nshouted.txt filter=shout\n',
  )
  await source.link('skills/latest', 'plain')
  commit = await source.commit('everything that a checkout could change')
})
afterAll(async () => {
  await rm(root, { recursive: true, force: true })
  await source.dispose()
})

interface Surroundings {
  readonly directory: string
  readonly umask?: string
  readonly env?: NodeJS.ProcessEnv
  readonly clone?: readonly string[]
  readonly config?: string
}

/** Clones, publishes from there by the command line into a store of its own, and reads the manifest from it. */
async function publishedManifest({ directory, umask = '022', env, clone = [], config = '' }: Surroundings) {
  const place = join(root, directory)
  const home = join(place, 'user')
  await mkdir(home, { recursive: true })
  await writeFile(join(home, '.gitconfig'), config)
  const checkout = await source.clone(join(place, 'checkout'), ...clone, '--no-checkout')
  // Checked out under that configuration, so that the working tree really differs.
  await writeFile(join(home, '.gitconfig'), config)
  const storage = join(place, 'store')
  await mkdir(storage)
  const store = await openWritableStore(pathToFileURL(storage).href)
  const signer = parseSecretKey(KEY, 'test')
  const only = { keys: [signer], threshold: 1 }
  const keys = { root: only, channels: { canary: only, stable: only, drafts: only } }
  const pin = await createRepository({
    store,
    keys,
    signers: [signer],
    name: 'reproducible',
    now: Date.now(),
  })
  const script = `umask ${umask}; git checkout --quiet --force HEAD; exec "$0" "$@"`
  const environment = {
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    SKILLSCTL_KEY: KEY,
    SKILLSCTL_STORE: store.url,
    SKILLSCTL_ROOT: `sha256:${pin.sha256}`,
    ...env,
  }
  // Its own configuration is among what differs.
  const { exit, stderr } = await execute('sh', ['-c', script, process.execPath, CLI, 'publish'], {
    cwd: checkout.directory,
    env: { ...process.env, GIT_CONFIG_GLOBAL: undefined, ...environment },
  })
  expect(exit, stderr).toBe(0)
  const [name = ''] = await readdir(join(storage, 'targets', 'canary'))
  const bytes = await readFile(join(storage, 'targets', 'canary', name))
  expect(name).toBe(`${sha256Hex(bytes)}.release.json`)
  return { bytes: bytes.toString('utf8'), digest: sha256Hex(bytes) }
}

let reference: Awaited<ReturnType<typeof publishedManifest>>
beforeAll(async () => {
  reference = await publishedManifest({ directory: 'reference' })
})

const PLACES: readonly (Surroundings & { readonly what: string })[] = [
  { what: 'another umask', directory: 'umask', umask: '077' },
  { what: 'another time zone', directory: 'zone', env: { TZ: 'Pacific/Kiritimati' } },
  { what: 'another locale', directory: 'ローカル dir', env: { LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' } },
  { what: 'no locale at all', directory: 'posix', env: { LC_ALL: 'POSIX' } },
  { what: 'a hostile git configuration', directory: 'hostile', config: HOSTILE_CONFIG },
  { what: 'a bare clone', directory: 'bare', clone: ['--bare'] },
  { what: 'a shallow clone', directory: 'shallow', clone: ['--depth=1'] },
]

test.each(PLACES)('the same commit published with $what gives the same manifest', async (place) => {
  const { bytes, digest } = await publishedManifest(place)
  expect(bytes).toBe(reference.bytes)
  expect(digest).toBe(GOLDEN)
})

test('and it names the commit, not the day of publishing', async () => {
  const manifest = JSON.parse(reference.bytes)
  expect(manifest.source).toEqual({ commit, committedAt: '2026-01-01T09:00:00Z' })
  expect(Object.keys(manifest).sort()).toEqual(['files', 'format', 'name', 'source', 'tree', 'version'])
})
