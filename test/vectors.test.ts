/**
 * The language-neutral vectors in test/vectors (see the README there). Each file is one scenario: `expect` is `ok` or
 * the code of the error. With SKILLSCTL_VECTORS=write those that are made by test/support/vectors are written anew.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeCatchup } from '../src/archive/catchup.ts'
import { unpackArchive } from '../src/archive/unpack.ts'
import { patchManifest } from '../src/core/catchup.ts'
import { parseChannel, parsePage } from '../src/core/channel.ts'
import { isError, SkillsctlError } from '../src/core/errors.ts'
import { parseManifest, serializeManifest } from '../src/core/manifest.ts'
import { checkNames, type Named } from '../src/core/paths.ts'
import { parsePublishConfig } from '../src/core/publish-config.ts'
import { isSignedBy } from '../src/trust/key.ts'
import { publicKey } from '../src/trust/public-key.ts'
import { RepositoryReader } from '../src/trust/reader.ts'
import type { RootPin } from '../src/trust/root-chain.ts'
import { decodeToken, encodeToken } from '../src/trust/token.ts'
import { memoryCache } from '../src/trust/trust-cache.ts'
import { MemoryStore } from './support/memory-store.ts'
import { buildNextTree } from './support/next-tree.ts'
import { temporaryDirectory } from './support/team.ts'
import { ARCHIVES, archiveVector } from './support/vectors/archives.ts'
import { BUNDLES, bundleVector } from './support/vectors/bundles.ts'
import { CONFIGS, PAGES, SIGNATURES, TOKENS } from './support/vectors/documents.ts'
import { REPOSITORIES, repositoryVector } from './support/vectors/repositories.ts'

interface Scenario {
  readonly description: string
  readonly expect: string
}
interface NamesScenario extends Scenario {
  readonly entries: readonly Named[]
  /** The path that the error is about, where that matters. */
  readonly subject?: string
}
interface RepositoryScenario extends Scenario {
  readonly now: string
  readonly root: RootPin
  readonly channel: string
  readonly objects: Readonly<Record<string, string>>
}

const VECTORS = join(import.meta.dirname, 'vectors')
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What a file in test/vectors holds, for the kinds that are made by a program. */
const MADE: Readonly<Record<string, () => Promise<Readonly<Record<string, object>>>>> = {
  archives: async () => mapped(ARCHIVES, archiveVector),
  bundles: async () => mapped(BUNDLES, bundleVector),
  configs: async () => CONFIGS,
  pages: async () => PAGES,
  repositories: async () => mapped(REPOSITORIES, repositoryVector),
  signatures: async () => SIGNATURES,
  tokens: async () => TOKENS,
}

async function mapped<T>(
  scenarios: Readonly<Record<string, T>>,
  make: (scenario: T) => object | Promise<object>,
): Promise<Record<string, object>> {
  const made = await Promise.all(
    Object.entries(scenarios).map(async ([name, scenario]) => [name, await make(scenario)] as const),
  )
  return Object.fromEntries(made)
}

if (process.env['SKILLSCTL_VECTORS'] === 'write') {
  for (const [kind, make] of Object.entries(MADE)) {
    mkdirSync(join(VECTORS, kind), { recursive: true })
    for (const [name, scenario] of Object.entries(await make()))
      writeFileSync(join(VECTORS, kind, `${name}.json`), `${JSON.stringify(scenario, null, 2)}\n`)
  }
}

describe('what a program makes', () => {
  // Archives and bundles are left out: compressors differ.
  test.each(['configs', 'pages', 'repositories', 'signatures', 'tokens'])(
    '%s are up to date',
    async (kind) => {
      const made = (await MADE[kind]?.()) ?? {}
      const files = scenarios(kind).map(([file, , scenario]) => [file.replace('.json', ''), scenario])
      expect(Object.fromEntries(files)).toEqual(JSON.parse(JSON.stringify(made)))
    },
  )
})

function scenarios<T extends Scenario>(kind: string): [file: string, description: string, scenario: T][] {
  return readdirSync(join(VECTORS, kind)).map((file) => {
    const scenario: T = JSON.parse(readFileSync(join(VECTORS, kind, file), 'utf8'))
    return [file, scenario.description, scenario]
  })
}

/** `ok`, or code and subject of what was thrown. */
async function outcome(
  work: () => unknown,
): Promise<{ readonly code: string; readonly subject?: string | undefined }> {
  try {
    await work()
    return { code: 'ok' }
  } catch (error) {
    if (!isError(error)) throw error
    return { code: error.code, subject: error.subject }
  }
}

describe('names', () => {
  test.each(scenarios<NamesScenario>('names'))(
    '%s: %s',
    async (_file, _description, { entries, ...scenario }) => {
      const { code, subject } = await outcome(() => checkNames(entries))
      expect(code).toBe(scenario.expect)
      if (scenario.subject !== undefined) expect(subject).toBe(scenario.subject)
    },
  )
})

describe('manifests', () => {
  test.each(scenarios<Scenario & { readonly manifest: string }>('manifests'))(
    '%s: %s',
    async (file, _description, { manifest, ...scenario }) => {
      expect((await outcome(() => parseManifest(manifest, sha256))).code).toBe(scenario.expect)
      // What is accepted and holds nothing unknown is written back to the same bytes.
      if (scenario.expect === 'ok' && !file.startsWith('unknown-')) {
        expect(serializeManifest(parseManifest(manifest, sha256))).toBe(manifest)
      }
    },
  )
})

describe('archives', () => {
  test.each(scenarios<Scenario & { readonly manifest: string; readonly archive: string }>('archives'))(
    '%s: %s',
    async (_file, _description, { manifest, archive, ...scenario }) => {
      const [place, tree] = [await temporaryDirectory(), await temporaryDirectory()]
      await writeFile(join(place, 'archive.tar.gz'), Buffer.from(archive, 'base64'))
      const content = parseManifest(manifest, sha256)
      const { code } = await outcome(() => unpackArchive(join(place, 'archive.tar.gz'), content, tree))
      expect(code).toBe(scenario.expect)
      expect(await readdir(place)).toEqual(['archive.tar.gz'])
      if (scenario.expect !== 'ok') return
      const found = await readdir(tree, { recursive: true, withFileTypes: true })
      const files = found.filter((entry) => !entry.isDirectory())
      expect(files.map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1)).sort()).toEqual(
        content.files.map(({ path }) => path),
      )
    },
  )
})

interface BundleScenario extends Scenario {
  readonly installed: { readonly manifest: string; readonly files: Readonly<Record<string, string>> }
  readonly release: { readonly sha256: string; readonly length: number }
  readonly bundle: string
  readonly files?: Readonly<Record<string, string>>
}

describe('bundles', () => {
  test.each(scenarios<BundleScenario>('bundles'))(
    '%s: %s',
    async (_file, _description, { installed, release, bundle, files, ...scenario }) => {
      const directory = await temporaryDirectory()
      const tree = await temporaryDirectory()
      await writeFiles(directory, installed.files)
      const base = { directory, manifest: parseManifest(installed.manifest, sha256), isUntouched: () => true }
      const { code } = await outcome(() => {
        const catchup = decodeCatchup(Buffer.from(bundle, 'base64'))
        const text = patchManifest(JSON.parse(installed.manifest), catchup.manifest)
        const fits = sha256(text) === release.sha256 && Buffer.byteLength(text) === release.length
        if (fits && buildNextTree(tree, parseManifest(text, sha256), catchup, base)) return
        throw new SkillsctlError('corrupt', 'the bundle does not lead to the release')
      })
      expect(code).toBe(scenario.expect)
      if (files !== undefined) expect(await readFiles(tree)).toEqual(files)
    },
  )
})

async function writeFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(directory, dirname(path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
}

async function readFiles(directory: string): Promise<Record<string, string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const read = paths.map(async (path) => [path.slice(directory.length + 1), await readFile(path, 'utf8')])
  return Object.fromEntries(await Promise.all(read))
}

describe('tokens', () => {
  test.each(scenarios<Scenario & { readonly token: string }>('tokens'))(
    '%s: %s',
    async (_file, _description, { token, ...scenario }) => {
      expect((await outcome(() => decodeToken(token))).code).toBe(scenario.expect)
      if (scenario.expect === 'ok') expect(encodeToken(decodeToken(token))).toBe(token)
    },
  )
})

describe('signatures', () => {
  test.each(scenarios<(typeof SIGNATURES)[string]>('signatures'))(
    '%s: %s',
    (_file, _description, scenario) => {
      const message = Buffer.from(scenario.message, 'hex')
      const good = isSignedBy(publicKey(scenario.public), message, scenario.signature)
      expect(good ? 'ok' : 'untrusted').toBe(scenario.expect)
    },
  )
})

describe('pages', () => {
  test.each(scenarios<Scenario & { readonly page: string }>('pages'))(
    '%s: %s',
    async (_file, _description, { page, ...scenario }) => {
      expect((await outcome(() => parsePage(page, 'page'))).code).toBe(scenario.expect)
    },
  )
})

describe('configs', () => {
  test.each(scenarios<Scenario & { readonly config: string }>('configs'))(
    '%s: %s',
    async (_file, _description, { config, ...scenario }) => {
      expect((await outcome(() => parsePublishConfig(config, 'skillsctl.json'))).code).toBe(scenario.expect)
    },
  )
})

describe('repositories', () => {
  test.each(scenarios<RepositoryScenario>('repositories'))(
    '%s: %s',
    async (_file, _description, { now, root, channel, objects, ...scenario }) => {
      const store = new MemoryStore()
      for (const [key, text] of Object.entries(objects)) await store.touch(key, Buffer.from(text))
      const { code } = await outcome(async () => {
        const reader = await RepositoryReader.open({
          store,
          pin: root,
          cache: memoryCache(),
          now: Date.parse(now),
        })
        await reader.refresh()
        expect(await reader.head(parseChannel(channel))).toBeDefined()
      })
      expect(code).toBe(scenario.expect)
    },
  )
})
