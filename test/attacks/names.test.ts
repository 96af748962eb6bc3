/** Hostile names in a manifest that is signed and whose tree hash is right: none passes, whatever else is true. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packArchive } from '../../src/archive/pack.ts'
import { unpackArchive } from '../../src/archive/unpack.ts'
import { compareBytes } from '../../src/core/canonical.ts'
import { isError } from '../../src/core/errors.ts'
import {
  type Entry,
  type Manifest,
  parseManifest,
  serializeManifest,
  treeLines,
} from '../../src/core/manifest.ts'
import type { Named } from '../../src/core/paths.ts'

interface Scenario {
  readonly description: string
  readonly entries: readonly Named[]
  readonly expect: string
}

const VECTORS = new URL('../vectors/names/', import.meta.url)
const SCENARIOS = readdirSync(VECTORS).map((file): [string, Scenario] => [
  file,
  JSON.parse(readFileSync(new URL(file, VECTORS), 'utf8')),
])

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const EMPTY = `sha256-${createHash('sha256').digest('base64')}`

/** As an attacker with a key would write it: everything is right but the names. */
function forge(entries: readonly Named[]): Manifest {
  const files = entries
    .map(
      ({ path, target }): Entry =>
        target === undefined
          ? { mode: '644', path, size: 0, integrity: EMPTY }
          : { mode: 'link', path, target },
    )
    .sort((left, right) => compareBytes(left.path, right.path))
  const source = { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' }
  return {
    name: 'test',
    version: '2026.11.20-0000000',
    source,
    files,
    tree: `sha256:${sha256(treeLines(files))}`,
  }
}

describe('a signed manifest with hostile names', () => {
  test.each(SCENARIOS.filter(([, scenario]) => scenario.expect !== 'ok'))(
    '%s is not accepted',
    (_, { entries }) => {
      try {
        parseManifest(serializeManifest(forge(entries)), sha256)
      } catch (error) {
        // The same path twice breaks the order of files before it breaks a rule about names.
        if (isError(error, 'refused') || isError(error, 'corrupt')) return
        throw error
      }
      expect.unreachable('the manifest was accepted')
    },
  )
})

describe('names that are allowed', () => {
  test.each(SCENARIOS.filter(([, scenario]) => scenario.expect === 'ok'))(
    '%s can be installed here',
    async (_, { entries }) => {
      const manifest = parseManifest(serializeManifest(forge(entries)), sha256)
      const directory = await mkdtemp(join(tmpdir(), 'names-'))
      try {
        const [archive, tree] = [join(directory, 'archive.tar.gz'), join(directory, 'tree')]
        async function* files() {
          for (const entry of manifest.files) yield { entry, content: Buffer.alloc(0) }
        }
        await packArchive(files(), new Date(0), archive)
        await mkdir(tree)
        await unpackArchive(archive, manifest, tree)
        const found = (await readdir(tree, { recursive: true, withFileTypes: true }))
          .filter((entry) => !entry.isDirectory())
          .map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1))
        expect(found.sort(compareBytes)).toEqual(manifest.files.map(({ path }) => path))
      } finally {
        await rm(directory, { recursive: true })
      }
    },
  )
})
